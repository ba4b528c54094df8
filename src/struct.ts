/**
 * Structs: user-declared records with typed fields. Each thread that declares a struct gets a
 * class whose instances are handles; methods are added by subclassing.
 */

import { Handle, type HandleClass, refOf, UNCLONEABLE } from './handle.ts';
import type { ObjectRef } from './memory/layout.ts';
import { decref } from './object/dealloc.ts';
import { kindOf } from './object/header.ts';
import { declareStruct, structLayoutOf } from './object/kinds.ts';
import { createStruct } from './object/struct.ts';
import {
  FIELD_BITS,
  type FieldKind,
  isReservedName,
  type StructLayout,
} from './object/struct-layout.ts';
import type { Session } from './session.ts';
import {
  accessField,
  defineField,
  type FieldAccess,
  type FieldOwner,
  show,
} from './struct-fields.ts';
import type { SharedStruct } from './types.ts';

/** A handle of a struct; its fields come from the declaration. */
export abstract class HeapStruct extends Handle {}

/** A struct's class in one thread. Instances are handles. */
export interface StructClass<T> {
  /**
   * Makes an object. Fields left out are 0, '', false, null or undefined after their kind.
   *
   * @throws TypeError for a field that does not exist or a value of the wrong type; RangeError for
   *   a value out of its field's range; NotShareableError; HeapExhaustedError.
   */
  new (init?: Partial<T>): SharedStruct<T> & HeapStruct;
  readonly prototype: SharedStruct<T> & HeapStruct;
  /**
   * Makes this subclass the class of the struct's handles in this thread, so that objects made
   * elsewhere have its methods too. The first `new` of a subclass does it as well.
   */
  register<C>(this: C): C;
}

/** Any class of structs. */
// biome-ignore lint/suspicious/noExplicitAny: constructors are contravariant in what they take.
export type AnyStructClass = abstract new (init?: any) => HeapStruct;

/** The class of a struct that extends another class of structs, static members included. */
export type SubstructClass<T, Base extends AnyStructClass> = SubstructNew<T, Base> &
  Omit<Base, 'prototype' | 'register'>;

/** What is its own of a SubstructClass. */
export interface SubstructNew<T, Base extends AnyStructClass> {
  /** As `new` of StructClass, with the fields of both. */
  new (
    init?: Partial<T & Omit<InstanceType<Base>, keyof HeapStruct>>,
  ): SharedStruct<T> & InstanceType<Base>;
  readonly prototype: SharedStruct<T> & InstanceType<Base>;
  /** As `register` of StructClass. */
  register<C>(this: C): C;
}

/** What else is said of a struct when it is declared. */
export interface StructOptions {
  /** A class of structs of this heap, whose fields and methods the new struct has, too. */
  readonly extends?: AnyStructClass;
}

/** Names that fields cannot have: handles need them. */
const RESERVED = new Set(['keep', 'release', 'is', 'toJSON', 'constructor', '__proto__', 'then']);

/** What a session knows of a struct. */
interface StructRecord {
  readonly layout: StructLayout;
  readonly access: ReadonlyMap<string, FieldAccess>;
  readonly base: StructClass<object>;
  /** The class whose methods the handles have: the base, or one subclass. */
  current: object;
  handleClass: HandleClass | undefined;
}

const records = new WeakMap<Session, Map<number, StructRecord>>();

/** Declares a struct and returns its class. See `Heap.struct`. */
export function defineStruct(
  session: Session,
  name: string,
  fields: object,
  options: StructOptions = {},
): StructClass<object> {
  const checked = checkFields(name, fields);
  const superclass = checkOptions(session, name, options);
  if (superclass === null) return declare(session, name, checked, HeapStruct);
  const all = new Map<string, FieldKind>();
  for (const field of superclass.layout.fields) all.set(field.name, field.kind);
  for (const [field, kind] of checked) {
    if (all.has(field)) {
      throw new TypeError(`${name}.${field} is a field of ${superclass.layout.name} already`);
    }
    all.set(field, kind);
  }
  return declare(session, name, all, superclass.type);
}

function declare(
  session: Session,
  name: string,
  fields: ReadonlyMap<string, FieldKind>,
  superclass: object,
): StructClass<object> {
  const layout = session.runOperation(({ mem }) => declareStruct(mem, name, fields));
  const known = records.get(session)?.get(layout.kind);
  if (known !== undefined) return checkSuperclass(known, superclass);
  return recordOf(session, layout.kind, superclass).base;
}

/** Declaring a struct again gives the same class: it cannot extend something else then. */
function checkSuperclass(record: StructRecord, superclass: object): StructClass<object> {
  if (Object.getPrototypeOf(record.base) === superclass) return record.base;
  throw new TypeError(
    `struct ${record.layout.name} is declared in this thread already, and extends another class`,
  );
}

interface Superclass {
  readonly type: object;
  readonly layout: StructLayout;
}

/** What a struct is to extend; null for nothing. */
function checkOptions(session: Session, name: string, options: unknown): Superclass | null {
  if (typeof options !== 'object' || options === null) {
    throw new TypeError(`the options of struct ${name} must be an object, not ${show(options)}`);
  }
  for (const option of Object.keys(options)) {
    if (option === 'extends') continue;
    throw new TypeError(`unknown option '${option}' of struct ${name}; the option is extends`);
  }
  const { extends: type } = options as StructOptions;
  if (type === undefined) return null;
  for (const { base, layout } of records.get(session)?.values() ?? []) {
    if (type === (base as unknown) || isDirectSubclass(type, base)) return { type, layout };
  }
  throw new TypeError(`struct ${name} can extend a struct's class of this heap, not ${show(type)}`);
}

/** Whether a class has a struct's class behind it, and no other struct's in between. */
function isDirectSubclass(type: unknown, base: object): boolean {
  let behind: unknown = type;
  while (typeof behind === 'function' && behind !== base) {
    if (Object.hasOwn(behind, 'register')) return false; // the class of another struct
    behind = Object.getPrototypeOf(behind);
  }
  return behind === base;
}

function checkFields(name: string, fields: object): Map<string, FieldKind> {
  if (typeof name !== 'string' || isReservedName(name)) {
    throw new TypeError(`a struct needs a name, a non-empty string, not ${show(name)}`);
  }
  if (typeof fields !== 'object' || fields === null) {
    throw new TypeError(`struct ${name} needs its fields as an object, not ${show(fields)}`);
  }
  const checked = new Map<string, FieldKind>();
  for (const [field, kind] of Object.entries(fields)) {
    if (typeof kind !== 'string' || !Object.hasOwn(FIELD_BITS, kind)) {
      const kinds = Object.keys(FIELD_BITS).join(', ');
      throw new TypeError(`${name}.${field} has kind ${show(kind)}; the kinds are ${kinds}`);
    }
    if (RESERVED.has(field) || field.startsWith('$')) {
      throw new TypeError(`${name}.${field}: handles need that name; choose another`);
    }
    checked.set(field, kind as FieldKind);
  }
  return checked;
}

function recordOf(session: Session, kind: number, superclass: object = HeapStruct): StructRecord {
  const known = records.get(session) ?? new Map<number, StructRecord>();
  records.set(session, known);
  let record = known.get(kind);
  if (record === undefined) {
    record = createRecord(session, structLayoutOf(session.mem, kind), superclass);
    known.set(kind, record);
  }
  return record;
}

/** The layout of a struct declared in this session. @throws TypeError for anything else */
export function layoutOf(session: Session, struct: unknown): StructLayout {
  for (const record of records.get(session)?.values() ?? []) {
    if (record.base === struct || record.current === struct) return record.layout;
  }
  throw new TypeError('that is no struct of this heap; pass the class that heap.struct() returned');
}

/** How the fields of a struct kind are read and written, by name. */
export const fieldAccessOf = (session: Session, kind: number): ReadonlyMap<string, FieldAccess> =>
  recordOf(session, kind).access;

/** The class of the handles of a struct kind, also of one this thread has not declared. */
export function structHandleClass(session: Session, kind: number): HandleClass {
  return recordOf(session, kind).handleClass as HandleClass;
}

function createRecord(session: Session, layout: StructLayout, superclass: object): StructRecord {
  const access = new Map<string, FieldAccess>();
  // A constructor may return another object: that is the handle of the object it has made.
  function Struct(init?: Record<string, unknown>): Handle {
    const target = new.target as unknown;
    if (target === undefined) {
      throw new TypeError(`struct ${layout.name} is a class: use new`);
    }
    if (target !== record.current) registerClass(session, record, target);
    return session.single(constructOperation, record, readInit(record, init));
  }
  Object.defineProperty(Struct, 'name', { value: layout.name });
  Object.setPrototypeOf(Struct, superclass);
  Struct.prototype = Object.create((superclass as { prototype: object }).prototype, {
    constructor: { value: Struct, writable: true, configurable: true },
    $session: { value: session },
  });
  Object.defineProperty(Struct, 'register', {
    value: function register(this: unknown): unknown {
      registerClass(session, record, this);
      return this;
    },
  });
  const base = Struct as unknown as StructClass<object>;
  const record: StructRecord = { layout, access, base, current: Object, handleClass: undefined };
  const owner: FieldOwner = {
    kind: layout.kind,
    accessIn: (_, handle, name) => inheritedAccess(record, handle, name),
  };
  for (const field of layout.fields) {
    const accessor = accessField(session, layout.name, field);
    access.set(field.name, accessor);
    defineField(session, Struct.prototype, owner, field, accessor);
  }
  registerClass(session, record, base);
  return record;
}

/** The access to a field of an object whose struct extends that of `record`. @throws TypeError */
function inheritedAccess(record: StructRecord, handle: unknown, name: string): FieldAccess {
  const { base, layout } = record;
  if (handle instanceof (base as unknown as new () => Handle)) {
    const kind = kindOf(handle.$session.mem, refOf(handle));
    const access = records.get(handle.$session)?.get(kind)?.access.get(name);
    if (access !== undefined) return access;
  }
  throw new TypeError(`${layout.name}.${name} is not a field of ${show(handle)}`);
}

/** Makes `target` the class of the struct's handles. */
function registerClass(session: Session, record: StructRecord, target: unknown): void {
  const { base, layout } = record;
  if (record.current !== Object && record.current !== base && target !== record.current) {
    if (target === base) return; // objects made by the base class have the subclass's methods
    throw new TypeError(
      `struct ${layout.name} has the class ${(record.current as { name: string }).name} in this ` +
        'thread already; one struct has one class per thread: for a class of its own declare ' +
        'another struct with { extends: ... }',
    );
  }
  if (target !== base && !((target as { prototype?: unknown }).prototype instanceof base)) {
    throw new TypeError(`only subclasses of struct ${layout.name} can be its class`);
  }
  record.current = target as object;
  record.handleClass = createHandleClass((target as { prototype: object }).prototype);
  session.handles.setClass(layout.kind, record.handleClass);
}

/** A class whose instances have the fields of a handle and inherit from `prototype`. */
function createHandleClass(prototype: object): HandleClass {
  function StructHandle(this: { $ref: ObjectRef; $uncloneable: symbol }, ref: ObjectRef): void {
    this.$ref = ref;
    this.$uncloneable = UNCLONEABLE;
  }
  StructHandle.prototype = prototype;
  return StructHandle as unknown as HandleClass;
}

/** A field's access and the value it is to get. */
type Initial = readonly [FieldAccess, unknown];

const NO_FIELDS: readonly Initial[] = [];

/**
 * Reads what the fields are to be. Before the operation begins: a getter may do anything.
 *
 * @throws TypeError for a field that the struct does not have.
 */
function readInit(record: StructRecord, init: unknown): readonly Initial[] {
  const { layout, access } = record;
  if (init === undefined || init === null) return NO_FIELDS;
  if (typeof init !== 'object') {
    throw new TypeError(`new ${layout.name}() takes an object of fields, not ${show(init)}`);
  }
  const fields: Initial[] = [];
  for (const name in init) {
    const accessor = access.get(name);
    if (accessor === undefined) {
      if (isOfAllObjects(init, name)) continue;
      throw unknownField(layout, name);
    }
    const value = (init as Record<string, unknown>)[name];
    if (value !== undefined || fieldKind(layout, name) === 'any') fields.push([accessor, value]);
  }
  return fields;
}

/** Whether a property is one that a program has given to all objects: not a mistake of this one. */
const isOfAllObjects = (init: object, name: string): boolean =>
  !Object.hasOwn(init, name) && Object.hasOwn(Object.prototype, name);

function constructOperation(
  session: Session,
  record: StructRecord,
  fields?: readonly Initial[],
): Handle {
  const { mem, handles } = session;
  const object = createStruct(mem, record.layout.kind);
  try {
    for (const [accessor, value] of fields ?? NO_FIELDS) accessor.write(object, value as never);
  } catch (error) {
    decref(mem, object); // it never was
    throw error;
  }
  return handles.adopt(object);
}

function fieldKind(layout: StructLayout, name: string): FieldKind | undefined {
  return layout.fields.find((field) => field.name === name)?.kind;
}

/** The error for a field that a struct does not have. */
export function unknownField(layout: StructLayout, name: string): TypeError {
  const names = layout.fields.map((field) => field.name).join(', ') || 'none';
  return new TypeError(`struct ${layout.name} has no field '${name}'; its fields are ${names}`);
}
