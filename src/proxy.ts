/**
 * `heap.proxy`: the syntax of ordinary objects for objects of the heap.
 *
 * A proxy holds a handle and does nothing by itself: each access is an operation of that handle.
 * What an access yields comes as a proxy, too, where it has properties. What is assigned is copied
 * into the heap, as `heap.from` does it, unless it is there already.
 */

import { type InspectOptions, inspect } from 'node:util';
import { HeapArray } from './array.ts';
import { Handle, refOf } from './handle.ts';
import { HeapMap } from './map.ts';
import { isStructKind, kindOf } from './object/header.ts';
import { structLayoutOf } from './object/kinds.ts';
import type { StructLayout } from './object/struct-layout.ts';
import { HeapObject, inOrder } from './plain-object.ts';
import { ArrayProperties, type Properties } from './proxy-arrays.ts';
import { storingOne } from './proxy-storing.ts';
import { handleIn, noteProxy } from './proxy-targets.ts';
import type { Session } from './session.ts';
import { unknownField } from './struct.ts';
import { show } from './struct-fields.ts';
import { HeapTuple } from './tuple.ts';

const proxies = new WeakMap<Handle, object>();

/** A proxy of the object of a handle. See `Heap.proxy`. */
export function proxyOf(session: Session, value: unknown): unknown {
  const handle = handleIn(value);
  if (handle === undefined || handle.$session !== session) {
    throw new TypeError(`proxy() takes a handle of this heap, not ${show(value)}`);
  }
  refOf(handle);
  return wrap(handle);
}

/** What a program gets of a value that was read: the proxy of an object with properties. */
export function wrap(value: unknown): unknown {
  if (!(value instanceof Handle)) return value;
  const known = proxies.get(value);
  if (known !== undefined) return known;
  const properties = propertiesOf(value);
  if (properties === null) return value;
  const target = value instanceof HeapArray || value instanceof HeapTuple ? [] : {};
  const traps = new Traps(properties);
  const proxy = new Proxy(target, traps);
  traps.proxy = proxy;
  // `console.log` looks at the target, not at the proxy.
  Object.defineProperty(target, inspect.custom, {
    configurable: true,
    value: (depth: number, options: InspectOptions) => value[inspect.custom](depth, options),
  });
  proxies.set(value, proxy);
  noteProxy(proxy, value);
  return proxy;
}

/** The properties of an object; null when it has none, as sets and bytes. */
function propertiesOf(handle: Handle): Properties | null {
  if (handle instanceof HeapObject) return new NamedProperties(handle, () => handle.keys());
  if (handle instanceof HeapMap) return new NamedProperties(handle, () => stringKeysOf(handle));
  if (handle instanceof HeapArray || handle instanceof HeapTuple) {
    return new ArrayProperties(handle, wrap);
  }
  const kind = kindOf(handle.$session.mem, handle.$ref);
  return isStructKind(kind) ? new StructProperties(handle, kind) : null;
}

/** What is stored under names: plain objects, and maps. */
interface NamedValues extends Handle {
  has(name: string): boolean;
  get(name: string): unknown;
  set(name: string, value: never): unknown;
  delete(name: string): boolean;
}

/** Of a plain object: its own. Of a map: the entries whose keys are strings. */
class NamedProperties implements Properties {
  readonly prototype = Object.prototype;
  readonly names: () => string[];
  readonly #values: NamedValues;

  constructor(values: NamedValues, names: () => string[]) {
    this.#values = values;
    this.names = names;
  }

  has(name: string): boolean {
    return this.#values.has(name);
  }

  get(name: string): unknown {
    return wrap(this.#values.get(name));
  }

  set(name: string, value: unknown): boolean {
    storingOne(this.#values, value, (stored) => this.#values.set(name, stored as never));
    return true;
  }

  delete(name: string): boolean {
    this.#values.delete(name);
    return true;
  }
}

/** The keys of a map that are strings, in the order of an object's properties. */
function stringKeysOf(map: HeapMap): string[] {
  const names: string[] = [];
  map.$session.lookIn(() => {
    for (const key of map.keys()) if (typeof key === 'string') names.push(key);
  });
  return inOrder(names);
}

/** Of a struct: its fields; behind them the methods of its class. */
class StructProperties implements Properties {
  readonly prototype: object;
  readonly #struct: Record<string, unknown> & Handle;
  readonly #layout: StructLayout;

  constructor(handle: Handle, kind: number) {
    this.#struct = handle as Record<string, unknown> & Handle;
    this.#layout = structLayoutOf(handle.$session.mem, kind);
    this.prototype = Object.getPrototypeOf(handle);
  }

  has(name: string): boolean {
    return this.#layout.places.has(name);
  }

  get(name: string): unknown {
    return this.has(name) ? wrap(this.#struct[name]) : undefined;
  }

  set(name: string, value: unknown): boolean {
    if (!this.has(name)) throw unknownField(this.#layout, name);
    storingOne(this.#struct, value, (stored) => {
      this.#struct[name] = stored;
    });
    return true;
  }

  delete(name: string): boolean {
    return !this.has(name);
  }

  names(): string[] {
    return this.#layout.fields.map(({ name }) => name);
  }
}

/** What a handle can do that is not for its proxy, unless a subclass has its own. */
const isOfHandle = (prototype: object, name: PropertyKey): boolean => {
  if (name === '$session') return prototype instanceof Handle;
  if (!Object.hasOwn(Handle.prototype, name)) return false;
  return Reflect.get(prototype, name) === Reflect.get(Handle.prototype, name);
};

/** The setter that a class has under a name. */
function setterOf(prototype: object, name: PropertyKey): ((value: unknown) => void) | undefined {
  let at: object | null = prototype;
  while (at !== null && at !== Handle.prototype && at !== Object.prototype) {
    const descriptor = Object.getOwnPropertyDescriptor(at, name);
    if (descriptor !== undefined) return descriptor.set;
    at = Object.getPrototypeOf(at);
  }
  return undefined;
}

/** How a proxy shows properties. */
class Traps implements ProxyHandler<object> {
  /** The proxy itself: what inherits from it has properties of its own. */
  proxy: object | undefined;
  readonly #properties: Properties;

  constructor(properties: Properties) {
    this.#properties = properties;
  }

  get(_target: object, name: PropertyKey, receiver: unknown): unknown {
    const properties = this.#properties;
    if (typeof name === 'string') {
      const value = properties.get(name);
      if (value !== undefined || properties.has(name)) return value;
    }
    const { prototype } = properties;
    return isOfHandle(prototype, name) ? undefined : Reflect.get(prototype, name, receiver);
  }

  set(_target: object, name: PropertyKey, value: unknown, receiver: unknown): boolean {
    const properties = this.#properties;
    if (receiver !== this.proxy) return Reflect.set(Object.create(null), name, value, receiver);
    const setter = setterOf(properties.prototype, name);
    if (setter === undefined || (typeof name === 'string' && properties.has(name))) {
      return typeof name === 'string' && properties.set(name, value);
    }
    setter.call(receiver, value);
    return true;
  }

  has(_target: object, name: PropertyKey): boolean {
    const { prototype } = this.#properties;
    if (typeof name === 'string' && this.#properties.has(name)) return true;
    return !isOfHandle(prototype, name) && Reflect.has(prototype, name);
  }

  deleteProperty(_target: object, name: PropertyKey): boolean {
    return typeof name !== 'string' || this.#properties.delete(name);
  }

  ownKeys(): string[] {
    return this.#properties.names();
  }

  getOwnPropertyDescriptor(target: object, name: PropertyKey): PropertyDescriptor | undefined {
    if (typeof name !== 'string' || !this.#properties.has(name)) return undefined;
    const value = this.#properties.get(name);
    // The length of the array behind the proxy is not configurable, so neither is this one.
    const isLength = Array.isArray(target) && name === 'length';
    return { value, writable: true, enumerable: !isLength, configurable: !isLength };
  }

  defineProperty(target: object, name: PropertyKey, descriptor: PropertyDescriptor): boolean {
    const { enumerable = true, configurable = true, writable = true } = descriptor;
    const isPlain = writable && !('get' in descriptor) && !('set' in descriptor);
    const isHidden = Array.isArray(target) && name === 'length'; // as that of any array is
    if (!isPlain || (!isHidden && !(enumerable && configurable))) return false;
    if (typeof name !== 'string') return false;
    if ('value' in descriptor) return this.#properties.set(name, descriptor.value);
    return this.#properties.has(name) || this.#properties.set(name, undefined);
  }

  setPrototypeOf(target: object, prototype: object | null): boolean {
    return prototype === Object.getPrototypeOf(target);
  }

  preventExtensions(): boolean {
    return false;
  }
}
