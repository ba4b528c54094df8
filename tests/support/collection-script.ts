/**
 * Random scripts over a map or set of the heap and JavaScript's own, compared after every step.
 *
 * Keys are of every kind, many of them easily confused. What is compared by value is made anew for
 * every call; dates, which are values in the heap, stand in the model as one object for each time.
 */

import { expect } from 'vitest';
import { Handle } from '../../src/handle.ts';
import type { Heap } from '../../src/heap.ts';
import { firstElements, firstEntries, HeapMap } from '../../src/map.ts';
import type { HeapSet } from '../../src/set.ts';
import type { Random } from './random.ts';

const LONG = 'a key that is longer than thirty-two code units';

/** A string of the same text in memory of its own. */
const anew = (text: string) => Buffer.from(text, 'utf16le').toString('utf16le');

/** As `value`, but made anew when it is compared by what it holds. */
export function copyOf(value: unknown): unknown {
  if (typeof value === 'string') return anew(value);
  if (typeof value === 'bigint') return BigInt(value.toString());
  return value instanceof Handle || !(value instanceof Date) ? value : new Date(value.getTime());
}

/** Whether two values are the same to the heap: dates by their time. */
export function isSame(a: unknown, b: unknown): boolean {
  if (Object.is(a, b)) return true;
  if (a instanceof Handle || b instanceof Handle) return false;
  if (Array.isArray(a) && Array.isArray(b)) {
    return a.length === b.length && a.every((item, i) => isSame(item, b[i]));
  }
  return a instanceof Date && b instanceof Date && Object.is(a.getTime(), b.getTime());
}

/** Fails unless two lists are the same. */
export function expectSameList(actual: readonly unknown[], expected: readonly unknown[]): void {
  if (isSame(actual, expected)) return;
  expect(actual).toEqual(expected);
  expect.fail('the same to vitest, but not to Object.is');
}

/** At least `count` keys of all kinds; dates each once, so that the model finds them. */
export function keysOf(heap: Heap, count: number): unknown[] {
  const P = heap.struct<{ id: number }>('P', { id: 'int32' });
  const keys: unknown[] = [
    ...[0, -0, NaN, 1, -1, 1.5, -1.5, 2 ** 31, -(2 ** 31), 2 ** 32, 2 ** 53, Infinity, -Infinity],
    ...[Number.MIN_VALUE, Number.MAX_VALUE, 2 ** 31 - 1, 0.1, -0.1],
    ...[true, false, null, undefined, '', '0', '1', 'null', 'undefined', 'NaN', 'true'],
    ...[0n, 1n, -1n, 2n ** 63n, -(2n ** 63n), 2n ** 64n - 1n, 2n ** 32n],
    ...[31, 32, 33, 64, 128, 129].flatMap((n) => ['a'.repeat(n), '\u0100'.repeat(n)]),
    ...['\ud800', '\udc00', 'a\0b', new Date(0), new Date(1), new Date(2 ** 32), new Date(NaN)],
    ...[heap.map(), heap.array(), heap.set(), heap.tuple(1), heap.tuple(1), heap.bytes(8)],
    ...[new P({ id: 1 }), new P({ id: 1 })],
  ];
  const kinds: ((i: number) => unknown)[] = [
    (i) => i,
    (i) => `key ${i}`,
    (i) => `${LONG} ${i}`,
    (i) => `\u4e2d ${i}`,
    (i) => `${LONG} \u4e2d ${i}`,
    (i) => BigInt(i),
    (i) => 2n ** 40n * BigInt(i),
    (i) => i + 0.5,
    (i) => new Date(i * 1000 + 7),
    (i) => (i % 4 === 0 ? heap.tuple(i) : -i),
  ];
  for (let i = 0; keys.length < count; i++) keys.push(kinds[i % kinds.length]?.(i));
  return keys;
}

/** Keys that nobody can have set: they are only looked for. */
const STRANGE: readonly unknown[] = [
  ...[2n ** 64n, -(2n ** 63n) - 1n, 2n ** 100n, 2n ** 128n + 1n],
  ...[Symbol.iterator, () => 1, {}, [], new Map(), new Date(12_345)],
];

type Both = [actual: Iterator<unknown>, model: Iterator<unknown>];
type Listed = 'keys' | 'values' | 'entries';
const LISTED: readonly Listed[] = ['keys', 'values', 'entries'];

/** A collection of the heap and its model, and what a script does to both. */
export class CollectionScript {
  readonly heap: Heap;
  readonly random: Random;
  readonly keys: readonly unknown[];
  readonly actual: HeapMap<unknown, unknown> | HeapSet<unknown>;
  readonly model: Map<unknown, unknown> | Set<unknown>;
  iterators: Both[] = [];

  constructor(heap: Heap, random: Random, keys: readonly unknown[], isSet: boolean) {
    this.heap = heap;
    this.random = random;
    this.keys = keys;
    this.actual = isSet ? heap.set() : heap.map();
    this.model = isSet ? new Set() : new Map();
  }

  /** One step; `growth` is the probability that an entry is added and not deleted. */
  step(growth: number): void {
    const { random } = this;
    const dice = random.int(200);
    if (dice < 5 && this.iterators.length < 6) this.openIterator();
    else if (dice < 25) this.stepIterator();
    else if (dice < 28) this.dropIterator();
    else if (dice < 40) this.lookUp(random.pick(this.keys));
    else if (dice < 43) this.lookUp(random.pick(STRANGE));
    else if (dice < 45) this.loop();
    else if (random.chance(growth)) this.put(random.pick(this.keys));
    else this.delete(random.pick(this.keys));
  }

  put(key: unknown): void {
    const { actual, model } = this;
    if (actual instanceof HeapMap) {
      const value = this.random.pick(this.keys);
      expect(actual.set(copyOf(key), copyOf(value))).toBe(actual);
      (model as Map<unknown, unknown>).set(key, value);
    } else {
      expect(actual.add(copyOf(key))).toBe(actual);
      (model as Set<unknown>).add(key);
    }
  }

  delete(key: unknown): void {
    expect(this.actual.delete(copyOf(key))).toBe(this.model.delete(key));
  }

  lookUp(key: unknown): void {
    const { actual, model } = this;
    const copy = typeof key === 'object' && STRANGE.includes(key) ? key : copyOf(key);
    expect(actual.has(copy)).toBe(model.has(key));
    if (!(actual instanceof HeapMap)) return;
    const wanted = (model as Map<unknown, unknown>).get(key);
    expect(isSame(actual.get(copy), wanted)).toBe(true);
  }

  clear(): void {
    this.actual.clear();
    this.model.clear();
  }

  /** A whole loop, left early now and then, that changes what it goes through. */
  loop(): void {
    const { random, actual, model, heap } = this;
    const limit = random.int(30);
    const what = random.int(4);
    const fresh = random.pick(this.keys);
    const value = random.pick(this.keys); // chosen once: both walks put the same
    const isSet = model instanceof Set;
    const walk = (target: typeof actual | typeof model) => {
      const seen: unknown[] = [];
      for (const item of target as Iterable<unknown>) {
        if (seen.push(item) > limit) break;
        if (what === 0) target.delete(isSet ? item : (item as unknown[])[0]);
        else if (what === 1 && seen.length === 2) {
          if (isSet) (target as Set<unknown>).add(fresh);
          else (target as Map<unknown, unknown>).set(fresh, value);
        } else if (what === 2 && seen.length === 3) target.delete(fresh);
      }
      return seen;
    };
    heap.run(() => expectSameList(walk(actual), walk(model)));
  }

  openIterator(): void {
    const { random, actual, model } = this;
    const what = random.pick(LISTED);
    this.iterators.push([actual[what](), model[what]()]);
  }

  stepIterator(): void {
    if (this.iterators.length === 0) return;
    const pair = this.random.pick(this.iterators);
    for (let i = this.random.int(8); i >= 0; i--) this.#expectSameStep(pair);
  }

  #expectSameStep([actual, model]: Both): boolean {
    const found = actual.next();
    const wanted = model.next();
    expect(found.done).toBe(wanted.done ?? false);
    expectSameList([found.value], [wanted.value]);
    return wanted.done === true;
  }

  dropIterator(): void {
    const pair = this.iterators.splice(this.random.int(this.iterators.length), 1)[0];
    if (pair === undefined || this.random.chance(0.5)) return; // half of them are forgotten
    expect(pair[0].return?.()).toEqual({ done: true, value: undefined });
  }

  /** Steps all iterators to their ends. */
  finish(): void {
    for (const pair of this.iterators) while (!this.#expectSameStep(pair));
    this.iterators = [];
  }

  /** Compares everything. */
  compare(): void {
    const { heap, actual, model } = this;
    expect(actual.size).toBe(model.size);
    const read = (actual instanceof HeapMap ? firstEntries : firstElements) as typeof firstEntries;
    heap.run(() =>
      heap.scope(() => {
        const found = read(actual.$session, actual.$ref, model.size + 10);
        expectSameList(found, [...model]);
      }),
    );
  }

  /** Compares what each method that goes through everything says. */
  compareLists(): void {
    const { heap, actual, model } = this;
    heap.run(() => {
      for (const what of LISTED) expectSameList([...actual[what]()], [...model[what]()]);
      expectSameList([...(actual as Iterable<unknown>)], [...model]);
      const visited = (target: typeof actual | typeof model) => {
        const calls: unknown[] = [];
        const visit = function visit(this: unknown, value: unknown, key: unknown, all: unknown) {
          calls.push([value, key, all === target, this]);
        };
        (target as Set<unknown>).forEach(visit as never, 'this');
        return calls;
      };
      expectSameList(visited(actual), visited(model));
    });
  }
}

/** Runs a script, comparing everything after every step. */
export function runScript(script: CollectionScript, steps: number, inSection: boolean): void {
  const { random, heap } = script;
  let growth = 0.8;
  for (let done = 0; done < steps; ) {
    if (random.chance(0.02)) growth = random.pick([0.1, 0.3, 0.5, 0.8, 0.95]);
    if (random.chance(0.002)) script.clear();
    const batch = inSection ? random.between(1, 40) : 1;
    const body = () => {
      for (let i = 0; i < batch; i++) {
        script.step(growth);
        script.compare();
      }
    };
    if (inSection) heap.run(body);
    else body();
    done += batch;
    if (random.chance(0.01)) expect(heap.verify()).toEqual([]);
    if (random.chance(0.01)) script.compareLists();
  }
  script.finish();
  script.compareLists();
}
