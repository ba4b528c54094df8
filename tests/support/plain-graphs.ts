/** Ordinary values for `heap.from` and `heap.toJS`: random graphs, and what tells two apart. */

import { types } from 'node:util';
import type { Random } from './random.ts';

/** Names that are easily taken for something else. */
export const ODD_NAMES = [
  ...['__proto__', '', 'constructor', 'keep', '$ref', '$session', 'then', 'toString', 'length'],
  ...[
    '0',
    '1',
    '10',
    '-1',
    '01',
    '1.5',
    '4294967294',
    '4294967295',
    'a b',
    'ä',
    '\ud800',
    'toJSON',
  ],
  ...['hasOwnProperty', 'a'.repeat(40), '\0Dictionary', 'get', 'size', 'name', 'type'],
];

const PRIMITIVES = [
  ...[0, -0, 1, -1, 1.5, NaN, Infinity, -Infinity, 2 ** 31, -(2 ** 31), 2 ** 53, 5e-324],
  ...['', 'a', '0', 'ä\u0100', '\ud800', 'x'.repeat(500), '__proto__', 'a\0b'],
  ...[0n, -1n, 2n ** 63n, -(2n ** 63n), 2n ** 64n - 1n, true, false, null, undefined],
];

class Point {
  x: unknown = 1;
  #hidden = 2;
  get sum(): unknown {
    return this.#hidden;
  }
}

/** Sets a property whatever it is called. */
export function define(object: object, name: string, value: unknown): void {
  const rest = { enumerable: true, configurable: true, writable: true };
  Object.defineProperty(object, name, { value, ...rest });
}

const VIEWS = [Int8Array, Uint8ClampedArray, Uint16Array, Int32Array, Float64Array, BigInt64Array];

function randomView(random: Random, buffer: ArrayBuffer): ArrayBufferView {
  if (random.chance(0.2)) return new DataView(buffer, random.int(9), random.int(9));
  const type = random.pick(VIEWS);
  if (random.chance(0.3)) return new type(buffer);
  return new type(buffer, 8 * random.int(3), random.int(2));
}

/** Objects without parts, or with primitive ones. */
function randomLeaf(random: Random, nodes: readonly object[]): object {
  const isLong = (node: object) => node instanceof ArrayBuffer && node.byteLength === 40;
  const buffers = nodes.filter(isLong) as ArrayBuffer[];
  switch (random.int(8)) {
    case 0:
      return new Date(random.pick([0, -1, 8.64e15, 1e12]));
    case 1:
      return Object.assign(/a(b)?\/[/]\n/giu, { lastIndex: 3 });
    case 2:
      return Object(random.pick([1, -0, 'text', '', true, false, 5n]));
    case 3:
      return new Uint8Array(new ArrayBuffer(random.pick([0, 8, 40]))).fill(7).buffer;
    case 4:
      return new Float32Array([1.5, NaN, -0]);
    case 5: {
      const type = random.pick([Error, TypeError, RangeError, URIError]);
      const error = new type(random.pick(['', 'went wrong']));
      if (random.chance(0.3)) error.name = random.pick(['MyError', 'RangeError', '']);
      return error;
    }
    default:
      return buffers.length === 0 ? new ArrayBuffer(40) : randomView(random, random.pick(buffers));
  }
}

/** Containers, empty. */
function randomContainer(random: Random): object {
  switch (random.int(8)) {
    case 0:
    case 1:
      return {};
    case 2:
      return Object.create(null);
    case 3:
      return new Point();
    case 4:
      return new Map();
    case 5:
      return new Set();
    case 6:
      return random.chance(0.2) ? new Error('caused', { cause: null }) : [];
    default:
      return [];
  }
}

function fill(random: Random, node: object, values: () => unknown): void {
  const count = random.int(random.chance(0.1) ? 40 : 6);
  for (let i = 0; i < count; i++) {
    if (types.isMap(node)) node.set(values(), values());
    else if (types.isSet(node)) node.add(values());
    else if (types.isNativeError(node)) node.cause = values();
    else if (!Array.isArray(node)) {
      define(node, random.chance(0.5) ? random.pick(ODD_NAMES) : `p${i}`, values());
    } else if (random.chance(0.1)) node.length += random.int(3);
    else node.push(values());
  }
}

/** A graph of `size` objects of all classes, with what is shared and cycles. Its root. */
export function randomGraph(random: Random, size: number): object {
  const nodes: object[] = [randomContainer(random)];
  while (nodes.length < size) {
    nodes.push(random.chance(0.4) ? randomLeaf(random, nodes) : randomContainer(random));
  }
  const containers = nodes.filter((node) => isContainer(node));
  for (const node of containers) {
    // Two dates of one time are one key in the heap, and two in JavaScript.
    const isKeyed = types.isMap(node) || types.isSet(node);
    // structuredClone of Node 20 fails for cycles through the cause of an error.
    const isError = types.isNativeError(node);
    const choice = nodes.filter((other) =>
      isError ? !isContainer(other) : !(isKeyed && types.isDate(other)),
    );
    if (choice.length === 0) continue;
    fill(random, node, () => (random.chance(0.5) ? random.pick(choice) : random.pick(PRIMITIVES)));
  }
  const root = containers[0] as object;
  if (Array.isArray(root)) root.push(...nodes);
  return root;
}

const isContainer = (node: object): boolean =>
  Array.isArray(node) ||
  types.isMap(node) ||
  types.isSet(node) ||
  (types.isNativeError(node) && Object.hasOwn(node, 'cause')) ||
  [null, Object.prototype, Point.prototype].includes(Object.getPrototypeOf(node));

/**
 * What a graph looks like, identities included: a line for each object in the order of a walk,
 * which names others by the numbers of their lines.
 */
export function structureOf(root: unknown): string[] {
  const numbers = new Map<object, number>();
  const found: object[] = [];
  const token = (value: unknown): string => {
    if (typeof value !== 'object' || value === null) {
      return Object.is(value, -0) ? '-0' : `${typeof value} ${String(value)}`;
    }
    let number = numbers.get(value);
    if (number === undefined) {
      number = found.push(value) - 1;
      numbers.set(value, number);
    }
    return `#${number}`;
  };
  const lines = [token(root)];
  for (let i = 0; i < found.length; i++) lines.push(describe(found[i] as object, token));
  return lines;
}

function describe(object: object, token: (value: unknown) => string): string {
  const tokens = (values: Iterable<unknown>) => Array.from(values, token).join(', ');
  if (types.isMap(object)) return `Map ${tokens([...object].flat())}`;
  if (types.isSet(object)) return `Set ${tokens(object)}`;
  if (types.isDate(object)) return `Date ${object.getTime()}`;
  if (types.isRegExp(object)) return `RegExp ${object} ${object.lastIndex}`;
  if (types.isBoxedPrimitive(object)) return `boxed ${token(object.valueOf())}`;
  if (types.isAnyArrayBuffer(object)) return `buffer ${Buffer.from(object).toString('hex')}`;
  if (ArrayBuffer.isView(object)) {
    const { byteOffset, byteLength, buffer } = object;
    return `${object.constructor.name} ${byteOffset} ${byteLength} ${token(buffer)}`;
  }
  if (types.isNativeError(object)) {
    const { name, message, stack, cause } = object;
    const own = Object.getOwnPropertyNames(object).sort();
    return `Error ${own} ${name} ${message} ${stack} ${token(cause)}`;
  }
  const named = Object.keys(object).map(
    (name) => `${JSON.stringify(name)}: ${token((object as Record<string, unknown>)[name])}`,
  );
  const isPlain = Object.getPrototypeOf(object) === Object.prototype;
  const what = Array.isArray(object) ? `Array(${object.length})` : isPlain ? 'Object' : 'other';
  return `${what} ${named.join(', ')}`;
}
