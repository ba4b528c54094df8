/**
 * Accessors of struct fields: one getter and one setter per field, with the field's place in
 * their closures. Inside a section a scalar field is one check and one load; outside, `single`
 * runs the same accessor again in a section of its own.
 */

import { decodeAt, encode, sharedRefOf } from './codec.ts';
import { type Handle, refOf } from './handle.ts';
import { HEADER_INFO, KIND_SHIFT, type ObjectRef, VALUE_HIGH, VALUE_LOW } from './memory/layout.ts';
import { decref, decrefUnlessNull, dropValue } from './object/dealloc.ts';
import { ATOMIC_DEPTH } from './object/mutator.ts';
import { incref } from './object/refcount.ts';
import { createString, decodeString } from './object/string.ts';
import { FIELD_BITS, type Field } from './object/struct-layout.ts';
import { undoLogOf } from './object/undo-log.ts';
import { storeSlot } from './object/value.ts';
import type { Session } from './session.ts';

/** Reads and writes one field of the object at `ref`; the GIL is held. */
export interface FieldAccess {
  readonly read: (ref: ObjectRef) => unknown;
  readonly write: (ref: ObjectRef, value: never) => void;
  /** As `write`, in an atomic section: notes what stands there. @throws HeapExhaustedError */
  readonly replace: (ref: ObjectRef, value: never) => void;
}

type ReadWrite = Pick<FieldAccess, 'read' | 'write'>;

/** Smallest and largest value of the integer kinds. */
const RANGES = {
  int8: [-128, 127],
  uint8: [0, 255],
  int16: [-32768, 32767],
  uint16: [0, 65535],
  int32: [-2147483648, 2147483647],
  uint32: [0, 4294967295],
} as const;

/** Access to a field of the struct called `struct`. */
export function accessField(session: Session, struct: string, field: Field): FieldAccess {
  const path = `${struct}.${field.name}`;
  switch (field.kind) {
    case 'ref':
      return accessReference(session, path, field.offset);
    case 'string':
      return accessString(session, path, field.offset);
    case 'any':
      return accessAny(session, path, field.offset);
    default:
      return accessScalar(session, path, field);
  }
}

/** Access to a field that holds no reference. */
function accessScalar(session: Session, path: string, field: Field): FieldAccess {
  const { kind, offset } = field;
  const { read, write } = readWriteOf(session, path, field);
  const undo = undoLogOf(session.mem); // a constant to V8, as `mem.undo` is not
  if (kind === 'float64' || kind === 'bigint64') {
    const replace = (ref: ObjectRef, value: never) => {
      undo.savePair(ref, ref + offset);
      write(ref, value);
    };
    return { read, write, replace };
  }
  const replace = (ref: ObjectRef, value: never) => {
    undo.saveWord(ref, ref + offset);
    write(ref, value);
  };
  return { read, write, replace };
}

function readWriteOf(session: Session, path: string, field: Field): ReadWrite {
  switch (field.kind) {
    case 'float32':
    case 'float64':
      return accessFloat(session, path, field);
    case 'bigint64':
      return accessBigint(session, path, field.offset);
    case 'boolean':
      return accessBoolean(session, path, field);
    default:
      return accessInteger(session, path, field);
  }
}

function accessReference(session: Session, path: string, offset: number): FieldAccess {
  const { mem, handles } = session;
  const { i32 } = mem;
  const undo = undoLogOf(mem);
  return {
    read: (ref) => {
      const referent = i32[ref + offset];
      return referent === 0 ? null : handles.wrap(referent as ObjectRef);
    },
    write: (ref, value: Handle | null) => {
      let referent = 0;
      if (value !== null) {
        referent = sharedRefOf(session, checkReference(value, path), path);
        incref(mem, referent);
      }
      const old = i32[ref + offset] as ObjectRef;
      i32[ref + offset] = referent;
      decrefUnlessNull(mem, old);
    },
    replace: (ref, value: Handle | null) => {
      let referent = 0;
      if (value !== null) referent = sharedRefOf(session, checkReference(value, path), path);
      const isTaken = undo.takeReference(ref, ref + offset);
      if (referent !== 0) incref(mem, referent);
      const old = i32[ref + offset] as ObjectRef;
      i32[ref + offset] = referent;
      if (!isTaken) decrefUnlessNull(mem, old);
    },
  };
}

function checkReference(value: Handle, path: string): Handle {
  if (value === undefined || (typeof value !== 'object' && typeof value !== 'function')) {
    throw new TypeError(`${path} must be an object of the heap or null, not ${show(value)}`);
  }
  return value;
}

function accessString(session: Session, path: string, offset: number): FieldAccess {
  const { mem } = session;
  const { i32 } = mem;
  const undo = undoLogOf(mem);
  const encodeText = (value: string) => {
    if (typeof value !== 'string') {
      throw new TypeError(`${path} must be a string, not ${show(value)}`);
    }
    return value === '' ? 0 : createString(mem, value);
  };
  return {
    read: (ref) => {
      const string = i32[ref + offset];
      return string === 0 ? '' : decodeString(mem, string);
    },
    write: (ref, value: string) => {
      const string = encodeText(value);
      const old = i32[ref + offset];
      i32[ref + offset] = string;
      if (old !== 0) decref(mem, old);
    },
    // Room is reserved by now, for this and the next.
    replace: (ref, value: string) => {
      const string = encodeText(value);
      const isTaken = undo.takeReference(ref, ref + offset);
      const old = i32[ref + offset];
      i32[ref + offset] = string;
      if (!isTaken && old !== 0) decref(mem, old);
    },
  };
}

function accessAny(session: Session, path: string, offset: number): FieldAccess {
  const { mem } = session;
  const { i32 } = mem;
  const undo = undoLogOf(mem);
  return {
    read: (ref) => decodeAt(session, ref + offset),
    write: (ref, value: unknown) => {
      encode(session, value, path);
      const low = i32[ref + offset + VALUE_LOW];
      const high = i32[ref + offset + VALUE_HIGH];
      storeSlot(mem, ref + offset);
      dropValue(mem, low, high);
    },
    replace: (ref, value: unknown) => {
      encode(session, value, path);
      const low = i32[ref + offset + VALUE_LOW];
      const high = i32[ref + offset + VALUE_HIGH];
      const isTaken = undo.takeValue(ref, ref + offset);
      storeSlot(mem, ref + offset);
      if (!isTaken) dropValue(mem, low, high);
    },
  };
}

function accessFloat(session: Session, path: string, field: Field): ReadWrite {
  const { f32, f64 } = session.mem;
  const { offset, kind } = field;
  const check = (value: unknown) => {
    if (typeof value !== 'number') {
      throw new TypeError(`${path} must be a number, not ${show(value)}`);
    }
  };
  if (kind === 'float32') {
    return {
      read: (ref) => f32[ref + offset],
      write: (ref, value: number) => {
        check(value);
        if (Number.isFinite(value) && !Number.isFinite(Math.fround(value))) {
          throw new RangeError(`${path} (float32) must lie within ±3.4028235e38, not ${value}`);
        }
        f32[ref + offset] = value;
      },
    };
  }
  return {
    read: (ref) => f64[(ref + offset) >>> 1],
    write: (ref, value: number) => {
      check(value);
      f64[(ref + offset) >>> 1] = value;
    },
  };
}

function accessBigint(session: Session, path: string, offset: number): ReadWrite {
  const { i64 } = session.mem;
  return {
    read: (ref) => i64[(ref + offset) >>> 1],
    write: (ref, value: bigint) => {
      if (typeof value !== 'bigint') {
        throw new TypeError(`${path} must be a bigint, not ${show(value)}`);
      }
      if (BigInt.asIntN(64, value) !== value) {
        throw new RangeError(`${path} must fit a signed 64-bit integer, not ${value}n`);
      }
      i64[(ref + offset) >>> 1] = value;
    },
  };
}

function accessBoolean(session: Session, path: string, field: Field): ReadWrite {
  const { i32 } = session.mem;
  const { offset } = field;
  const bit = 1 << field.shift;
  return {
    read: (ref) => (i32[ref + offset] & bit) !== 0,
    write: (ref, value: boolean) => {
      if (typeof value !== 'boolean') {
        throw new TypeError(`${path} must be a boolean, not ${show(value)}`);
      }
      if (value) i32[ref + offset] |= bit;
      else i32[ref + offset] &= ~bit;
    },
  };
}

function accessInteger(session: Session, path: string, field: Field): ReadWrite {
  const { i32 } = session.mem;
  const { offset, shift } = field;
  const kind = field.kind as keyof typeof RANGES;
  const [min, max] = RANGES[kind];
  const refuse = (value: unknown): never => {
    if (typeof value !== 'number') {
      throw new TypeError(`${path} must be a number, not ${show(value)}`);
    }
    throw new RangeError(
      `${path} (${kind}) must be an integer from ${min} to ${max}, not ${value}`,
    );
  };
  if (kind === 'int32') {
    return {
      read: (ref) => i32[ref + offset],
      write: (ref, value: number) => {
        if (typeof value !== 'number' || (value | 0) !== value) refuse(value);
        i32[ref + offset] = value;
      },
    };
  }
  const check = (value: number) => {
    if (!Number.isInteger(value) || value < min || value > max) refuse(value);
  };
  if (kind === 'uint32') {
    return {
      read: (ref) => i32[ref + offset] >>> 0,
      write: (ref, value: number) => {
        check(value);
        i32[ref + offset] = value;
      },
    };
  }
  const bits = FIELD_BITS[kind];
  const mask = ((1 << bits) - 1) << shift;
  const up = 32 - bits - shift;
  const down = 32 - bits;
  const isSigned = min < 0;
  return {
    read: (ref) => {
      const word = i32[ref + offset] << up;
      return isSigned ? word >> down : word >>> down;
    },
    write: (ref, value: number) => {
      check(value);
      i32[ref + offset] = (i32[ref + offset] & ~mask) | ((value << shift) & mask);
    },
  };
}

/** A short form of a value for error messages. */
export function show(value: unknown): string {
  if (typeof value === 'string') return JSON.stringify(value.slice(0, 40));
  if (typeof value === 'function') return 'a function';
  if (typeof value === 'object' && value !== null) return 'an object';
  return typeof value === 'bigint' ? `${value}n` : String(value);
}

/** A struct's accessors: of which kind, and what they do for an object of another one. */
export interface FieldOwner {
  readonly kind: number;
  /** The access to the field of that name in a struct that extends this one. @throws TypeError */
  accessIn(session: Session, handle: Handle, name: string): FieldAccess;
}

/**
 * Puts the accessors of a field on the prototype of a struct's handles. They check the kind of the
 * object: an accessor may be called on any handle, by `super` on one of a struct that extends this
 * one. A stale handle is of no kind.
 */
export function defineField(
  session: Session,
  prototype: object,
  owner: FieldOwner,
  field: Field,
  access: FieldAccess,
): void {
  const { mem } = session;
  const { i32 } = mem;
  const { kind } = owner;
  const { read, write, replace } = access as AnyAccess;
  const accessTo = (handle: Handle): AnyAccess => {
    const isOwn = i32[refOf(handle) + HEADER_INFO] >>> KIND_SHIFT === kind;
    return (isOwn ? access : owner.accessIn(session, handle, field.name)) as AnyAccess;
  };
  const readSlow = (_: Session, handle: Handle) => accessTo(handle).read(handle.$ref);
  const writeSlow = (_: Session, handle: Handle, value: unknown) => {
    const own = accessTo(handle);
    if (mem.undo === null) own.write(handle.$ref, value);
    else own.replace(handle.$ref, value);
  };
  const { offset } = field;
  const isInt32 = field.kind === 'int32';
  const allocates = field.kind === 'string' || field.kind === 'any';
  Object.defineProperty(prototype, field.name, {
    enumerable: true,
    configurable: true,
    get(this: Handle) {
      const ref = this.$ref;
      if (mem.depth === 0 || i32[ref + HEADER_INFO] >>> KIND_SHIFT !== kind) {
        return session.look(readSlow, this);
      }
      return isInt32 ? i32[ref + offset] : read(ref);
    },
    set(this: Handle, value: unknown) {
      const ref = this.$ref;
      // Outside of sections, in read sections and in atomic ones: one comparison for all.
      const isPlain = (mem.depth - 1) >>> 0 < ATOMIC_DEPTH - 1;
      const isSlow = allocates || i32[ref + HEADER_INFO] >>> KIND_SHIFT !== kind;
      if (!isPlain && !isSlow && mem.depth > 0) {
        try {
          replace(ref, value);
        } catch (error) {
          session.makeRoom(error);
          replace(ref, value);
        }
      } else if (!isPlain || isSlow) {
        session.single(writeSlow, this, value);
      } else {
        write(ref, value);
      }
    },
  });
}

interface AnyAccess {
  readonly read: (ref: ObjectRef) => unknown;
  readonly write: (ref: ObjectRef, value: unknown) => void;
  readonly replace: (ref: ObjectRef, value: unknown) => void;
}
