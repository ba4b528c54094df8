/** `heap.proxy` against ordinary objects: the same random script on both, compared after it. */

import { isDeepStrictEqual } from 'node:util';
import { describe, expect, test } from 'vitest';
import type { Handle } from '../src/handle.ts';
import type { Heap } from '../src/heap.ts';
import { type Random, SEED, withRandom } from './support/random.ts';
import { withHeap } from './support/with-heap.ts';

// biome-ignore lint/suspicious/noExplicitAny: scripts do what they like with both
type Any = any;

const NAMES = ['a', 'b', 'name', 'list', '0', '1', '12', 'length', 'constructor', '', 'keep'];

/** A plain value of primitives, arrays and objects. */
function randomValue(random: Random, depth: number): unknown {
  const dice = random.int(depth === 0 ? 5 : 9);
  if (dice < 5) return random.pick([0, -1.5, 'text', true, null, undefined, 2 ** 40, '']);
  const count = random.int(5);
  const inner = () => randomValue(random, depth - 1);
  if (dice < 7) return Array.from({ length: count }, inner);
  return Object.fromEntries(Array.from({ length: count }, () => [random.pick(NAMES), inner()]));
}

/** Both sides of a script: what is done to one is done to the other. */
class Pair {
  readonly proxy: Any;
  readonly model: Any;
  constructor(proxy: Any, model: Any) {
    this.proxy = proxy;
    this.model = model;
  }

  /** Does the same to both, and compares what comes out: a value or an error's class. */
  both(action: (object: Any, own: Pair) => unknown): void {
    const results = [this.proxy, this.model].map((object) => {
      try {
        return { value: plain(action(object, this)) };
      } catch (error) {
        return { error: (error as Error).name };
      }
    });
    if (!isDeepStrictEqual(results[0], results[1])) expect(results[0]).toEqual(results[1]);
  }

  /** A part of both, found by the same way. */
  descend(random: Random): Pair {
    let { proxy, model } = this;
    for (let depth = random.int(5); depth > 0; depth--) {
      const names = Object.keys(model).filter((name) => isObject(model[name]));
      if (names.length === 0) break;
      const name = random.pick(names);
      proxy = proxy[name];
      model = model[name];
    }
    return new Pair(proxy, model);
  }
}

const isObject = (value: unknown): value is object => typeof value === 'object' && value !== null;

/** An ordinary copy, of both sides alike. Functions are not compared. */
function plain(value: unknown, depth = 6): unknown {
  if (typeof value === 'function') return 'function';
  if (!isObject(value)) return value;
  if (depth === 0) return 'deep';
  if (Array.isArray(value)) return Array.from(value, (element) => plain(element, depth - 1));
  return Object.fromEntries(Object.entries(value).map(([name, v]) => [name, plain(v, depth - 1)]));
}

type Action = (random: Random, pair: Pair) => void;

const OBJECT_ACTIONS: Action[] = [
  (random, pair) => {
    const name = random.pick(NAMES);
    const value = randomValue(random, 2);
    pair.both((object) => {
      object[name] = structuredClone(value);
      return object[name];
    });
  },
  (random, pair) => {
    const name = random.pick(NAMES);
    pair.both((object) => [delete object[name], name in object, object[name]]);
  },
  (random, pair) => {
    const name = random.pick(NAMES);
    pair.both((object) => [object[name], Object.hasOwn(object, name), name in object]);
  },
  (_, pair) => pair.both((object) => [Object.keys(object), Object.values(object), { ...object }]),
  (_, pair) => pair.both((object) => Object.entries(Object.getOwnPropertyDescriptors(object))),
  (random, pair) => {
    const source = randomValue(random, 1);
    pair.both((object) => Object.assign(object, structuredClone(source)));
  },
  (random, pair) => {
    const value = randomValue(random, 1);
    const name = random.pick(NAMES);
    const rest = { enumerable: true, configurable: true, writable: true };
    pair.both((object) => {
      if (Array.isArray(object) && !/^\d$/.test(name)) return 0; // arrays take no names
      Object.defineProperty(object, name, { value: structuredClone(value), ...rest });
      return Object.getOwnPropertyDescriptor(object, name);
    });
  },
  (_, pair) => pair.both((object) => JSON.stringify(object)),
  (_, pair) =>
    pair.both((object) => {
      const names = [];
      for (const name in object) names.push(name);
      return [names, Reflect.ownKeys(object), Object.getOwnPropertyNames(object)];
    }),
];

const number = (random: Random) => random.between(-6, 12);

/** Arguments of methods of arrays. */
const METHODS: Record<string, (random: Random) => unknown[]> = {
  push: (random) => [randomValue(random, 1), randomValue(random, 0)],
  unshift: (random) => [randomValue(random, 1), randomValue(random, 0)],
  pop: () => [],
  shift: () => [],
  splice: (random) => [number(random), random.int(4), randomValue(random, 1), 'spliced'],
  fill: (random) => [random.pick(['x', 5, null]), number(random), number(random)],
  reverse: () => [],
  copyWithin: (random) => [number(random), number(random), number(random)],
  slice: (random) => [number(random), number(random)],
  concat: (random) => [[1, [2]], randomValue(random, 1)],
  flat: (random) => [random.int(3)],
  at: (random) => [number(random)],
  includes: (random) => [randomValue(random, 0)],
  indexOf: (random) => [randomValue(random, 0), number(random)],
  lastIndexOf: (random) => [randomValue(random, 0)],
  toReversed: () => [],
  toSpliced: (random) => [number(random), random.int(3), 'x'],
  toString: () => [],
  join: () => ['-'],
  keys: () => [],
};

type Callback = (value: Any, index?: Any, array?: Any) => unknown;
const CALLBACKS: Record<string, Callback> = {
  map: (value, index) => [value, index],
  filter: (value) => typeof value !== 'string',
  find: (value) => isObject(value),
  findIndex: (value) => value === null,
  findLast: (value) => isObject(value),
  findLastIndex: (value) => value === null,
  some: (value) => value === 'text',
  every: (value, index, array) => Object.is(array[index], value),
  forEach: () => 0,
  flatMap: (value) => [value, [value]],
  reduce: (sum, value) => `${sum}${typeof value}`,
  reduceRight: (sum, value) => `${sum}${typeof value}`,
  sort: (a, b) => (typeof a < typeof b ? -1 : Number(typeof a > typeof b)),
  toSorted: (a, b) => (typeof a < typeof b ? -1 : Number(typeof a > typeof b)),
};

const ARRAY_ACTIONS: Action[] = [
  (random, pair) => {
    const name = random.pick(Object.keys(METHODS));
    const args = METHODS[name]?.(random) ?? [];
    pair.both((array) => {
      const result = array[name](...structuredClone(args));
      return name === 'keys' ? [...result] : [result === array, result];
    });
  },
  (random, pair) => {
    const name = random.pick(Object.keys(CALLBACKS));
    const more = name.startsWith('reduce') ? [''] : [];
    pair.both((array) => array[name](CALLBACKS[name], ...more));
  },
  (random, pair) => {
    const name = random.pick(Object.keys(METHODS));
    const args = METHODS[name]?.(random) ?? [];
    // The methods of ordinary arrays take proxies, too: step by step.
    pair.both((array) => (Array.prototype as Any)[name].apply(array, structuredClone(args)));
  },
  (random, pair) => {
    const index = random.int(pair.model.length + 1);
    const value = randomValue(random, 2);
    pair.both((array) => {
      array[index] = structuredClone(value);
      return [array.length, array[index]];
    });
  },
  (random, pair) => {
    const length = random.int(pair.model.length + 1);
    pair.both((array) => {
      array.length = length;
      return [...array, ...array.entries()];
    });
  },
  (_, pair) =>
    pair.both((array) => {
      const [first, second = 'none', ...rest] = array;
      return [first, second, rest, Array.isArray(array), Array.from(array), Math.max(...rest)];
    }),
];

function step(random: Random, root: Pair): void {
  const pair = root.descend(random);
  const isArray = Array.isArray(pair.model);
  if (isArray !== Array.isArray(pair.proxy)) throw new Error('only one is an array');
  const actions = isArray && random.chance(0.8) ? ARRAY_ACTIONS : OBJECT_ACTIONS;
  const action = random.pick(actions);
  // Elements are not removed from arrays, nor named properties added: there are no holes here.
  if (isArray && OBJECT_ACTIONS.indexOf(action) in [0, 1, 2] && OBJECT_ACTIONS.includes(action)) {
    return;
  }
  if (isArray && action === OBJECT_ACTIONS[5]) return;
  action(random, pair);
}

describe.each([false, true])('random scripts, in sections: %s', (inSection) => {
  test.each([...Array(12).keys()])('script %i does the same to a proxy and to objects', (seed) => {
    withHeap({}, (heap) => {
      withRandom((random) => {
        const source = { list: [1, [2], { a: 3 }], b: { name: 'x', list: [] } };
        using copy = heap.from(source) as unknown as Handle;
        const root = new Pair(heap.proxy(copy), structuredClone(source));
        for (let i = 0; i < 150; i++) {
          const body = () => step(random, root);
          if (inSection) heap.run(body);
          else heap.scope(body);
          if (i % 10 === 0) compare(heap, copy, root);
        }
        compare(heap, copy, root);
      }, SEED + seed);
    });
  });
});

function compare(heap: Heap, copy: Handle, { proxy, model }: Pair): void {
  expect(JSON.stringify(proxy)).toBe(JSON.stringify(model));
  const back = heap.toJS(copy);
  if (!isDeepStrictEqual(back, model)) expect(back).toEqual(model);
  expect(heap.verify()).toEqual([]);
}
