/** `HeapBytes`: raw memory in the heap, seen through typed arrays without a copy. */

import { constants } from 'node:buffer';
import { types } from 'node:util';
import type { ViewType } from './byte-views.ts';
import { Handle, refOfKind } from './handle.ts';
import { KIND_BYTES, type ObjectRef } from './memory/layout.ts';
import { byteLengthOf, byteOffsetOf, bytesTypeOf, createBytes } from './object/bytes.ts';
import type { Session } from './session.ts';
import { show } from './struct-fields.ts';

/** What bytes were made from, as `heap.toJS` makes it again: by number. 0: an ArrayBuffer. */
const TYPES: readonly (ViewType | undefined)[] = [
  undefined,
  Int8Array,
  Uint8Array,
  Uint8ClampedArray,
  Int16Array,
  Uint16Array,
  Int32Array,
  Uint32Array,
  Float32Array,
  Float64Array,
  BigInt64Array,
  BigUint64Array,
  DataView,
  (globalThis as { Float16Array?: ViewType }).Float16Array,
];

/**
 * Bytes in the heap, of fixed length, zero at first. They begin at a multiple of 8.
 *
 * Threads that use them at the same time order that themselves: by sections, or by `Atomics` on a
 * view. Reading and writing through a view takes no lock.
 */
export class HeapBytes extends Handle {
  /** Number of bytes. */
  get byteLength(): number {
    return this.$session.look(lengthOperation, this);
  }

  /** A view of all bytes, of the type that they were made from, else a `Uint8Array`: see below. */
  view(): Uint8Array;
  /**
   * A typed array, or a `DataView`, on these bytes: a window on shared memory, no copy. Without
   * `length` it reaches to the end.
   *
   * The bytes live at least as long as any view of them, also when all handles are released; the
   * garbage collector of JavaScript notices when the last view is gone. Parts of it made by
   * `subarray` protect them, too. What is made from the `buffer` of a view, which is the whole
   * heap, does not, nor does a clone of a view (`structuredClone`, `postMessage`), which is one
   * more window on the heap: once the bytes are freed, it shows, and changes, what is there then.
   * So pass the handle on, not a view. Views are void when the thread has left the heap.
   *
   * @param type a typed array class or `DataView`
   * @param byteOffset where it begins, in bytes; a multiple of the size of an element
   * @param length elements; bytes for a `DataView`
   * @throws RangeError outside of the bytes, or for more elements than this version of Node.js can
   *   address: then make several windows; TypeError for another type; HeapExhaustedError.
   */
  view<V extends ArrayBufferView>(type: ViewType<V>, byteOffset?: number, length?: number): V;
  view(type?: ViewType, byteOffset = 0, length?: number): ArrayBufferView {
    const window: Window = { type, byteOffset, length };
    return this.$session.look(viewOperation, this, window) as ArrayBufferView;
  }

  get [Symbol.toStringTag](): string {
    return 'HeapBytes';
  }
}

interface Window {
  readonly type: ViewType | undefined;
  readonly byteOffset: number;
  readonly length: number | undefined;
}

function lengthOperation(session: Session, bytes: Handle): number {
  return byteLengthOf(session.mem, refOfKind(session, bytes, KIND_BYTES));
}

function viewOperation(session: Session, bytes: Handle, window?: Window): ArrayBufferView {
  const { mem } = session;
  const ref = refOfKind(session, bytes, KIND_BYTES);
  const { type = viewTypeOf(mem, ref), byteOffset, length } = window as Window;
  const size = elementSize(type);
  const byteLength = byteLengthOf(mem, ref);
  checkOffset(byteOffset, size, byteLength);
  const rest = Math.floor((byteLength - byteOffset) / size);
  const elements = checkLength(length === undefined ? rest : length, rest, byteLength);
  return session.views.create(ref, type, byteOffsetOf(ref) + byteOffset, elements);
}

const viewTypeOf = (mem: Session['mem'], bytes: ObjectRef): ViewType =>
  TYPES[bytesTypeOf(mem, bytes)] ?? Uint8Array;

function elementSize(type: ViewType): number {
  if (type === DataView) return 1;
  if (TYPES.includes(type)) return (type as unknown as typeof Uint8Array).BYTES_PER_ELEMENT;
  const shown = typeof type === 'function' ? (type as { name: string }).name : show(type);
  throw new TypeError(`view() takes a class of typed arrays or DataView, not ${shown}`);
}

function checkOffset(byteOffset: number, size: number, byteLength: number): void {
  if (!Number.isInteger(byteOffset) || byteOffset < 0 || byteOffset > byteLength) {
    throw new RangeError(
      `the offset of a view must be an integer from 0 to ${byteLength}, not ${show(byteOffset)}`,
    );
  }
  if (byteOffset % size !== 0) {
    throw new RangeError(
      `the offset of this view must be a multiple of ${size}, not ${byteOffset}`,
    );
  }
}

function checkLength(length: number, rest: number, byteLength: number): number {
  if (!Number.isInteger(length) || length < 0 || length > rest) {
    throw new RangeError(
      `a view there on ${byteLength} bytes has at most ${rest} elements, not ${show(length)}`,
    );
  }
  if (length <= constants.MAX_LENGTH) return length;
  throw new RangeError(
    `a typed array of this version of Node.js has at most ${constants.MAX_LENGTH} elements, ` +
      `not ${length}; use several windows: view(type, byteOffset, length)`,
  );
}

const TypedArray = Object.getPrototypeOf(Uint8Array.prototype);
/** The length of a typed array in bytes, whatever its own properties say. */
const byteLengthIn = Object.getOwnPropertyDescriptor(TypedArray, 'byteLength')?.get as () => number;
/** The name of the class of a typed array, whatever its realm. */
const typeNameOf = Object.getOwnPropertyDescriptor(
  Object.getPrototypeOf(Uint8Array.prototype),
  Symbol.toStringTag,
)?.get as () => string;

/** The number of the type of a buffer or of a view. */
export function typeNumberOf(source: ArrayBuffer | ArrayBufferView): number {
  if (!ArrayBuffer.isView(source)) return 0;
  const name = types.isTypedArray(source) ? typeNameOf.call(source) : 'DataView';
  return TYPES.findIndex((type) => type?.name === name); // it may be of another realm
}

/** The class of the views with this number; undefined for buffers. */
export const viewTypeOfNumber = (type: number): ViewType | undefined => TYPES[type];

/** Bytes with the content of `source`; the caller owns one count. @throws HeapExhaustedError */
export function copyIn(session: Session, source: ArrayBuffer | ArrayBufferView): ObjectRef {
  const { mem } = session;
  // First: a buffer that was transferred to another thread throws. And asked once: a program may
  // have given its view a length of its own.
  const from = ArrayBuffer.isView(source)
    ? new Uint8Array(source.buffer, source.byteOffset, source.byteLength)
    : new Uint8Array(source);
  const length = byteLengthIn.call(from);
  const bytes = createBytes(mem, length, typeNumberOf(source));
  new Uint8Array(mem.buffer, byteOffsetOf(bytes), length).set(from);
  return bytes;
}

/** A copy in ordinary memory. */
export function copyOut(session: Session, bytes: ObjectRef): ArrayBuffer {
  const { mem } = session;
  const byteLength = byteLengthOf(mem, bytes);
  const copy = new Uint8Array(byteLength);
  copy.set(new Uint8Array(mem.buffer, byteOffsetOf(bytes), byteLength));
  return copy.buffer;
}

/** Makes bytes of a length, or with the content of a buffer or view. */
export function createBytesOperation(session: Session, content: unknown): Handle {
  const { handles, mem } = session;
  if (typeof content === 'number') {
    const most = mem.maxWords * 4;
    if (!Number.isInteger(content) || content < 0 || content > most) {
      throw new RangeError(
        `the length of bytes must be an integer from 0 to ${most}, not ${show(content)}`,
      );
    }
    return handles.adopt(createBytes(mem, content, 0));
  }
  if (ArrayBuffer.isView(content) || isBuffer(content)) {
    return handles.adopt(copyIn(session, content as ArrayBuffer));
  }
  throw new TypeError(`bytes() takes a length, a buffer or a view of one, not ${show(content)}`);
}

const isBuffer = (value: unknown): boolean =>
  value instanceof ArrayBuffer || value instanceof SharedArrayBuffer;
