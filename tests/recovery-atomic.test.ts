/** Atomic sections whose thread dies at any store: undone as a whole, or committed as a whole. */
import { beforeAll, expect, test } from 'vitest';
import { Heap, sessionOf } from '../src/heap.ts';
import { expectNoLeak, expectSoundAfter } from './support/kill-steps.ts';
import {
  depose,
  joinAfter,
  Killer,
  killAt,
  patchAtomics,
  recoverAs,
  survive,
} from './support/killing.ts';
import { COUNTS } from './support/with-heap.ts';

beforeAll(patchAtomics);

// biome-ignore lint/suspicious/noExplicitAny: what stands in the roots is known to each test.
type Any = any;

const FIELDS = { n: 'int32', f: 'float64', name: 'string', any: 'any', ref: 'ref' } as const;

/** Objects that only a handle of the thread holds, by heap. */
const own = new WeakMap<Heap, Any>();

function setup(): Heap {
  const heap = Heap.create({ maxBytes: 4 * 2 ** 20, counts: COUNTS });
  const Struct = heap.struct('S', FIELDS);
  heap.run(() => {
    const others = heap.array([1, 2, 3]);
    const entries = Array.from({ length: 20 }, (_, i) => [`key ${i}`, i % 2 ? i : others]);
    heap.root.set('map', heap.map(entries as Any));
    heap.root.set('array', heap.array([...Array(12).keys(), others] as Any));
    heap.root.set('set', heap.set(['a', 'b', others]));
    heap.root.set('plain', heap.from({ a: 1, b: [2] }));
    heap.root.set('struct', new Struct({ n: 1, f: 0.5, name: 'one', ref: others }));
    heap.root.set('counter', heap.counter(5));
    own.set(heap, new Struct({ n: 1, ref: new Struct({ n: 2 }) }).keep());
  });
  return heap;
}

function dump(heap: Heap): unknown {
  return heap.run(() => JSON.parse(JSON.stringify(heap.root)));
}

type Change = (root: Any, heap: Heap) => unknown;

const CHANGES: Record<string, Change> = {
  'fields of a struct': (root) =>
    Object.assign(root.get('struct'), { n: 7, f: 0.25, name: 'seven', any: 'x', ref: null }),
  'entries of a map': (root) => {
    const map = root.get('map');
    map.set('key 1', 'new').set('more', 5).delete('key 4');
    map.delete('key 5');
    map.set('key 4', 'again');
  },
  'a map that is cleared and filled': (root) => {
    const map = root.get('map');
    map.clear();
    for (let i = 0; i < 12; i++) map.set(i, `value ${i}`);
  },
  'elements of a set': (root) => root.get('set').add('c').add('a').delete('b'),
  'the ends of an array': (root) => {
    const array = root.get('array');
    array.push('new', array.at(0));
    array.pop();
    array.shift();
    array.unshift('first');
  },
  'the order of an array': (root) => root.get('array').reverse().splice(2, 3, 'x'),
  'properties of an object': (root) => {
    const plain = root.get('plain');
    plain.set('a', 'changed');
    plain.set('c', [].length);
    plain.delete('b');
  },
  'what dies in it': (root, heap) => {
    const struct = own.get(heap);
    struct.n = 3;
    struct.ref.n = 4;
    heap.scope(() => {
      const made = heap.array(['made']);
      made.push('changed');
      root.get('array').push(made);
      root.get('array').pop();
    });
    struct.release();
    root.get('struct').n = 5;
  },
  'what an inner section has undone': (root, heap) => {
    const struct = own.get(heap);
    struct.n = 3;
    const inner = () => {
      struct.ref.n = 4;
      root.get('map').delete('key 3');
      root.get('array').push(struct);
      struct.release();
      root.get('array').pop();
      throw new RangeError('undo');
    };
    expect(() => heap.run(inner, { atomic: true })).toThrow(RangeError);
    root.get('map').set('key 5', 'outer');
  },
  'a counter, and a new object': (root, heap) => {
    root.get('counter').add(3);
    root.set('new', heap.from({ deep: { er: 1 } }));
  },
};

const STORES_MAX = 4000;

for (const [name, change] of Object.entries(CHANGES)) {
  for (const ends of ['throws', 'ends'] as const) {
    test(`a section that changes ${name}, and ${ends}, dies at any store`, () => {
      const after = setup();
      after.run(() => change(after.root, after));
      const changed = dump(after);
      after[Symbol.dispose]();
      let undone = 0;
      for (let store = 1; store < STORES_MAX; store += 1 + Math.floor(store / 40)) {
        const heap = setup();
        const before = dump(heap);
        const victim = sessionOf(heap);
        const section = () => {
          change(heap.root, heap);
          if (ends === 'throws') throw new RangeError('undo');
        };
        const killer = killAt(heap, store, () => {
          try {
            heap.run(section, { atomic: true });
          } catch (error) {
            if (!(error instanceof RangeError)) throw error;
          }
        });
        if (killer === null) break;
        const next = joinAfter(victim);
        depose(victim.mem.threadId, next);
        recoverAs(next);
        const at = `${name}, store ${store}`;
        expectSoundAfter(next, at, killer.isTorn);
        const found = dump(next);
        if (!killer.isTorn) {
          const isUndone = JSON.stringify(found) === JSON.stringify(before);
          if (ends === 'throws' || isUndone) expect(found, at).toEqual(before);
          else expect(found, at).toEqual(changed);
          if (isUndone) undone++;
        }
        next.gc.collect();
        expectNoLeak(next, at);
        next[Symbol.dispose]();
      }
      expect(undone).toBeGreaterThan(5);
    });
  }
}

test('who undoes the section of a dead thread dies at any store, and the next one goes on', () => {
  let deaths = 0;
  for (const [name, change] of Object.entries(CHANGES)) {
    for (const store of [30, 60, 90]) {
      for (let n = 1; ; n += 1 + Math.floor(n / 5)) {
        const heap = setup();
        const before = dump(heap);
        const victim = sessionOf(heap);
        const section = () => {
          change(heap.root, heap);
          throw new RangeError('undo');
        };
        const first = killAt(heap, store, () => {
          expect(() => heap.run(section, { atomic: true })).toThrow(RangeError);
        });
        if (first === null || first.isTorn) break;
        const second = joinAfter(victim);
        depose(victim.mem.threadId, second);
        const session = sessionOf(second);
        const killer = new Killer(session.mem, n);
        try {
          recoverAs(second);
        } catch (error) {
          if (!killer.isDead) throw error;
        }
        killer.spare();
        if (killer.isDead) deaths++;
        const last = killer.isDead ? survive(session) : second;
        const at = `${name}, killed at ${store}, recovery at ${n}`;
        expectSoundAfter(last, at, killer.isTorn);
        if (!killer.isTorn) expect(dump(last), at).toEqual(before);
        last.gc.collect();
        expectNoLeak(last, at);
        last.detach();
        if (!killer.isDead) break;
      }
    }
  }
  expect(deaths).toBeGreaterThan(400);
});
