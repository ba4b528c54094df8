/** Maps against JavaScript's Map: random scripts, compared after every step. */

import { describe, expect, test } from 'vitest';
import type { Handle } from '../src/handle.ts';
import type { Heap } from '../src/heap.ts';
import { firstEntries, type HeapMap } from '../src/map.ts';
import { type Random, SEED, withRandom } from './support/random.ts';
import { withHeap } from './support/with-heap.ts';

type Entries = [unknown, unknown][];

/** Keys of all kinds, many of them easily confused. */
function keysOf(heap: Heap, count: number): unknown[] {
  const keys: unknown[] = [
    ...[0, -0, NaN, 1, -1, 1.5, -1.5, 2 ** 31, -(2 ** 31), 2 ** 32, 2 ** 53, Infinity, -Infinity],
    ...[true, false, null, undefined, '', '0', '1', 'null', 'undefined', 'NaN', 'true'],
    ...[0n, 1n, -1n, 2n ** 63n, -(2n ** 63n), 2n ** 64n - 1n, 2n ** 32n],
    ...[31, 32, 33, 64, 128, 129, 1000].flatMap((n) => ['a'.repeat(n), '\u0100'.repeat(n)]),
    '\ud800',
    '\udc00',
    'a\0b',
    heap.map(),
    heap.array(),
  ];
  const kinds = [
    (i: number) => i,
    (i: number) => `key ${i}`,
    (i: number) => `a key that is longer than thirty-two code units ${i}`,
    (i: number) => BigInt(i),
    (i: number) => i + 0.5,
  ];
  for (let i = 0; keys.length < count; i++) keys.push(kinds[i % kinds.length]?.(i));
  return keys.slice(0, Math.max(count, 60));
}

function expectSame(heap: Heap, actual: HeapMap<unknown, unknown>, model: Map<unknown, unknown>) {
  const found = heap.run(() =>
    heap.scope(() => firstEntries(actual.$session, actual.$ref, model.size + 10)),
  ) as Entries;
  const wanted = [...model];
  expect(actual.size).toBe(model.size);
  const isSame = (entry: [unknown, unknown], i: number) =>
    Object.is(entry[0], wanted[i]?.[0]) && Object.is(entry[1], wanted[i]?.[1]);
  if (found.length !== wanted.length || !found.every(isSame)) expect(found).toEqual(wanted);
}

interface Pair {
  readonly actual: Iterator<unknown>;
  readonly model: Iterator<unknown>;
}

/** A map and its model, and what a script does to both. */
class Script {
  readonly heap: Heap;
  readonly random: Random;
  readonly keys: readonly unknown[];
  readonly actual: HeapMap<unknown, unknown>;
  readonly model = new Map<unknown, unknown>();
  iterators: Pair[] = [];

  constructor(heap: Heap, random: Random, keyCount: number) {
    this.heap = heap;
    this.random = random;
    this.keys = keysOf(heap, keyCount);
    this.actual = heap.map<unknown, unknown>();
  }

  /** One step; `growth` is the probability that an entry is set and not deleted. */
  step(growth: number): void {
    const { random, actual, model } = this;
    const key = random.pick(this.keys);
    const dice = random.int(100);
    if (dice < 2) this.openIterator();
    else if (dice < 12) this.stepIterator();
    else if (dice < 13) this.dropIterator();
    else if (dice < 20) {
      expect(actual.has(key)).toBe(model.has(key));
      expect(actual.get(key)).toBe(model.get(key));
    } else if (random.chance(growth)) {
      const value = random.pick(this.keys);
      expect(actual.set(key, value)).toBe(actual);
      model.set(key, value);
    } else {
      expect(actual.delete(key)).toBe(model.delete(key));
    }
  }

  clear(): void {
    this.actual.clear();
    this.model.clear();
  }

  openIterator(): void {
    const what = this.random.pick(['keys', 'values', 'entries'] as const);
    this.iterators.push({ actual: this.actual[what](), model: this.model[what]() });
  }

  stepIterator(): void {
    if (this.iterators.length === 0) return;
    const { actual, model } = this.random.pick(this.iterators);
    for (let i = this.random.int(8); i >= 0; i--) expect(actual.next()).toEqual(model.next());
  }

  dropIterator(): void {
    const pair = this.iterators.splice(this.random.int(this.iterators.length), 1)[0];
    if (pair === undefined || this.random.chance(0.5)) return; // half of them are forgotten
    expect(pair.actual.return?.()).toEqual({ done: true, value: undefined });
  }

  /** Steps all iterators to their ends. */
  finish(): void {
    for (const { actual, model } of this.iterators) {
      for (let ended = false; !ended; ) {
        const step = model.next();
        expect(actual.next()).toEqual(step);
        ended = step.done === true;
      }
    }
    this.iterators = [];
  }

  compare(): void {
    expectSame(this.heap, this.actual, this.model);
  }
}

function runScript(script: Script, steps: number, inSection: boolean): void {
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
  }
  script.finish();
  script.compare();
}

describe.each([false, true])('random scripts, in sections: %s', (inSection) => {
  test.each([
    [4, 400],
    [30, 3000],
    [120, 3000],
    [700, 4000],
  ])('%i keys, %i steps: the map does what a Map does', (keyCount, steps) => {
    withHeap({}, (heap) => {
      withRandom(
        (random) => {
          runScript(new Script(heap, random, keyCount), steps, inSection);
        },
        SEED + keyCount + (inSection ? 1 : 0),
      );
    });
  });
});

test('maps of every size up to 400, emptied from either end and from within, stay Maps', () => {
  withHeap({}, (heap) => {
    withRandom((random) => {
      for (let size = 1; size <= 400; size += size < 40 ? 1 : 13) {
        const script = new Script(heap, random, 60);
        heap.run(() => {
          for (let i = 0; i < size; i++) {
            script.actual.set(`key ${i}`, i);
            script.model.set(`key ${i}`, i);
          }
          script.compare();
          const order = [...Array(size).keys()];
          if (size % 3 === 1) order.reverse();
          if (size % 3 === 2) order.sort(() => random.next() - 0.5);
          for (const i of order) {
            expect(script.actual.delete(`key ${i}`)).toBe(script.model.delete(`key ${i}`));
            if (i % 7 === 0) script.compare();
          }
          script.compare();
        });
        script.actual.release();
      }
    });
  });
});

describe('an open iterator', () => {
  const visit = (change: (map: Map<number, number>, key: number) => void, limit = 2000) => {
    const seenBy = (map: Map<number, number>) => {
      for (let i = 0; i < 50; i++) map.set(i, i);
      const seen: number[] = [];
      for (const key of map.keys()) {
        seen.push(key);
        if (seen.length >= limit) break;
        change(map, key);
      }
      return [seen, [...map]];
    };
    withHeap({}, (heap) => {
      const expected = seenBy(new Map());
      const map = heap.map<number, number>();
      expect(seenBy(map as unknown as Map<number, number>)).toEqual(expected);
      map.clear();
      expect(heap.run(() => seenBy(map as unknown as Map<number, number>))).toEqual(expected);
    });
  };

  test('sees an entry deleted and added again at its new place', () => {
    visit((map, key) => {
      if (key < 25 && map.delete(key)) map.set(key, -key);
    }, 300);
  });
  test('goes on for as long as entries are added', () =>
    visit((m, key) => m.set(key + 50, 0), 999));
  test('sees nothing that was deleted before its turn', () => visit((m, key) => m.delete(key + 1)));
  test('survives the deletion of what it stands on', () => visit((m, key) => m.delete(key)));
  test('survives the deletion of all behind it', () => visit((m, key) => m.delete(key - 1)));
  test('survives clear, and sees what is added then', () => {
    visit((m, key) => {
      if (key === 10) {
        m.clear();
        for (let i = 1000; i < 1020; i++) m.set(i, i);
      }
    });
  });
  test('survives clear after clear', () => {
    visit((m, key) => {
      m.clear();
      m.set(key + 1, 0);
    }, 500);
  });
  test('is at its end for good', () => {
    withHeap({}, (heap) => {
      const map = heap.map<number, number>().set(1, 1);
      const keys = map.keys();
      expect(keys.next()).toEqual({ done: false, value: 1 });
      expect(keys.next()).toEqual({ done: true, value: undefined });
      map.set(2, 2);
      expect(keys.next()).toEqual({ done: true, value: undefined });
      expect(keys.return?.()).toEqual({ done: true, value: undefined });
    });
  });
  test('holds its map when the last handle is released', () => {
    withHeap({}, (heap) => {
      const map = heap.map<number, number>().set(1, 10).set(2, 20);
      const values = map.values();
      expect(values.next().value).toBe(10);
      map.release();
      expect(values.next().value).toBe(20);
      expect(heap.stats().objectsByKind.map).toBe(2); // it, and the named roots
      expect(values.next().done).toBe(true);
      expect(heap.stats().objectsByKind.map).toBe(1);
    });
  });
  test('opened in one section goes on in another, and outside', () => {
    withHeap({}, (heap) => {
      const map = heap.map<string, Handle>();
      heap.run(() => {
        for (const name of ['a', 'b', 'c']) map.set(name, heap.map().set('name', name));
      });
      const entries = heap.run(() => {
        const iterator = map.entries();
        expect(iterator.next().value?.[0]).toBe('a');
        return iterator;
      });
      const [key, value] = entries.next().value as [string, HeapMap<string, string>];
      expect(key).toBe('b');
      expect(value.get('name')).toBe('b');
      expect(heap.run(() => entries.next().value?.[0])).toBe('c');
      expect(heap.run(() => entries.next().done)).toBe(true);
    });
  });
});
