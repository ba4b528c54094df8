/** Atomic sections: undone as a whole when they throw, as if they had never begun. */
import { expect, test } from 'vitest';
import {
  AtomicSectionError,
  type Heap,
  type HeapArray,
  HeapExhaustedError,
  type HeapMap,
  type HeapSet,
} from '../src/index.ts';
import { Random } from '../src/testing/random.ts';
import { withHeap } from './support/with-heap.ts';

class Stop extends Error {}

/** Runs `body` in an atomic section and throws behind it. */
function undone(heap: Heap, body: () => void): void {
  const section = () => {
    body();
    throw new Stop();
  };
  expect(() => heap.run(section, { atomic: true })).toThrow(Stop);
}

/** What everything holds, in order. */
interface World {
  readonly map: HeapMap<unknown, unknown>;
  readonly set: HeapSet<unknown>;
  readonly array: HeapArray<unknown>;
  readonly plain: { [name: string]: unknown };
  readonly struct: Record<string, unknown>;
  readonly others: HeapArray<unknown>[];
}

const FIELDS = {
  i8: 'int8',
  u16: 'uint16',
  i32: 'int32',
  u32: 'uint32',
  f32: 'float32',
  f64: 'float64',
  big: 'bigint64',
  flag: 'boolean',
  name: 'string',
  any: 'any',
  ref: 'ref',
} as const;

function createWorld(heap: Heap): World {
  const Struct = heap.struct('World', FIELDS);
  const others = Array.from({ length: 5 }, (_, i) => heap.array<unknown>([`other ${i}`]));
  const map = heap.map<unknown, unknown>();
  const set = heap.set<unknown>();
  const array = heap.array<unknown>();
  heap.run(() => {
    for (let i = 0; i < 40; i++) {
      map.set(`key ${i}`, i % 3 === 0 ? others[i % 5] : i);
      set.add(i % 4 === 0 ? others[i % 5] : `element ${i}`);
      array.push(i % 2 === 0 ? others[i % 5] : i / 2);
    }
  });
  const plain = heap.proxy(heap.from({ a: 1, b: 'two', c: { deep: 3 } })) as never;
  const struct = new Struct({ i8: 1, u16: 2, i32: 3, u32: 4, f32: 0.5, f64: 0.25, big: 7n });
  Object.assign(struct, { flag: true, name: 'a long enough name '.repeat(3), ref: others[0] });
  return { map, set, array, plain, struct: struct as never, others };
}

function dump(heap: Heap, world: World): unknown {
  const { others } = world;
  const show = (value: unknown): unknown =>
    others.includes(value as never) ? `others[${others.indexOf(value as never)}]` : value;
  return heap.run(() => ({
    map: [...world.map].map((pair) => pair.map(show)),
    set: [...world.set].map(show),
    array: [...world.array].map(show),
    plain: heap.toJS(heap.from(world.plain) as never),
    struct: Object.keys(FIELDS).map((name) => show(world.struct[name])),
    refcounts: others.map((other) => heap.refcount(other)),
    others: others.map((other) => heap.toJS(other)),
  }));
}

type Step = (world: World, draw: (below: number) => number) => void;

const value = (world: World, draw: (below: number) => number): unknown =>
  [draw(1000), `text ${draw(50)}`, world.others[draw(5)], null, draw(9) / 8, BigInt(draw(99))][
    draw(6)
  ];

/** Every way in which a program changes objects. */
const STEPS: Record<string, Step> = {
  mapSet: (w, draw) => w.map.set(`key ${draw(80)}`, value(w, draw)),
  mapSetObject: (w, draw) => w.map.set(w.others[draw(5)], value(w, draw)),
  mapDelete: (w, draw) => w.map.delete(`key ${draw(60)}`),
  mapClear: (w) => w.map.clear(),
  mapFill: (w, draw) => {
    for (let i = 0; i < 300; i++) w.map.set(i, draw(5));
  },
  mapEmpty: (w) => {
    for (const key of [...w.map.keys()]) w.map.delete(key);
  },
  setAdd: (w, draw) => w.set.add(value(w, draw)),
  setDelete: (w, draw) => w.set.delete(`element ${draw(40)}`),
  setClear: (w) => w.set.clear(),
  push: (w, draw) => w.array.push(value(w, draw)),
  pushMany: (w, draw) => w.array.push(...Array.from({ length: 700 }, () => draw(9))),
  pop: (w) => w.array.pop(),
  shift: (w) => w.array.shift(),
  unshift: (w, draw) => w.array.unshift(value(w, draw), value(w, draw)),
  splice: (w, draw) => w.array.splice(draw(20), draw(10), value(w, draw), value(w, draw)),
  reverse: (w) => w.array.reverse(),
  sort: (w) => w.array.sort(),
  sortBy: (w) => w.array.sort((a, b) => String(b).length - String(a).length),
  fill: (w, draw) => w.array.fill(value(w, draw), draw(10), 10 + draw(20)),
  copyWithin: (w, draw) => w.array.copyWithin(draw(10), draw(20), 20 + draw(20)),
  resize: (w, draw) => {
    w.array.length = draw(60);
  },
  cut: (w) => {
    w.array.length = 0;
  },
  set: (w, draw) => {
    if (w.array.length > 0) w.array.set(draw(w.array.length), value(w, draw));
  },
  property: (w, draw) => {
    w.plain[['a', 'b', 'c'][draw(3)]!] = value(w, draw);
  },
  addProperty: (w, draw) => {
    w.plain[`p${draw(20)}`] = value(w, draw);
  },
  deleteProperty: (w, draw) => {
    delete w.plain[['a', 'b', `p${draw(20)}`][draw(3)]!];
  },
  fields: (w, draw) => {
    Object.assign(w.struct, { i8: draw(99), u16: draw(999), i32: draw(9999), u32: draw(99999) });
    Object.assign(w.struct, { f32: draw(9), f64: draw(9) / 7, big: BigInt(draw(99)) });
    Object.assign(w.struct, { flag: draw(2) === 1, name: `name ${draw(99)}` });
  },
  reference: (w, draw) => {
    w.struct.ref = draw(3) === 0 ? null : w.others[draw(5)];
    w.struct.any = value(w, draw);
  },
  nested: (w, draw) => w.others[draw(5)]!.push(value(w, draw)),
};

for (const [name, step] of Object.entries(STEPS)) {
  test(`${name} is undone, and once more`, () => {
    withHeap({}, (heap) => {
      const world = createWorld(heap);
      const random = new Random(7);
      const draw = (below: number) => random.int(below);
      undone(heap, () => step(world, draw)); // kinds that it declares stay
      const before = dump(heap, world);
      const { liveObjects } = heap.stats();
      for (let round = 0; round < 3; round++) {
        undone(heap, () => step(world, draw));
        expect(dump(heap, world)).toEqual(before);
        expect(heap.verify()).toEqual([]);
      }
      heap.gc.collect();
      expect(heap.stats().liveObjects).toBe(liveObjects);
    });
  });
}

test('random sections are undone after any number of steps, or do what others do', () => {
  for (let seed = 1; seed <= 12; seed++) {
    withHeap({ maxBytes: 32 * 2 ** 20 }, (heap) => {
      withHeap({ maxBytes: 32 * 2 ** 20 }, (twin) => {
        const world = createWorld(heap);
        const other = createWorld(twin);
        const random = new Random(seed);
        const names = Object.keys(STEPS);
        for (let section = 0; section < 15; section++) {
          const script = Array.from({ length: 1 + random.int(12) }, () => ({
            step: STEPS[names[random.int(names.length)]!]!,
            seed: random.int(1e6),
          }));
          const play = (on: World, steps: number) => {
            for (const { step, seed: own } of script.slice(0, steps)) {
              const drawn = new Random(own);
              step(on, (below) => drawn.int(below));
            }
          };
          const before = dump(heap, world);
          for (let steps = 1; steps <= script.length; steps += 3) {
            undone(heap, () => play(world, steps));
            expect({ seed, section, steps, dump: dump(heap, world) }).toEqual({
              seed,
              section,
              steps,
              dump: before,
            });
          }
          heap.run(() => play(world, script.length), { atomic: true });
          twin.run(() => play(other, script.length));
          expect(dump(heap, world)).toEqual(dump(twin, other));
          expect(heap.verify()).toEqual([]);
        }
        for (const array of [...world.others, ...other.others]) array.length = 0; // cycles
      });
    });
  }
});

test('an inner section that throws is undone by itself', () => {
  withHeap({}, (heap) => {
    using map = heap.map<string, number>([['a', 1]]);
    heap.run(
      () => {
        map.set('a', 2);
        undone(heap, () => map.set('a', 3).set('b', 4));
        expect([...map]).toEqual([['a', 2]]);
        map.set('c', 5);
      },
      { atomic: true },
    );
    expect([...map]).toEqual([
      ['a', 2],
      ['c', 5],
    ]);
    undone(heap, () => {
      map.set('a', 6);
      heap.run(() => map.set('a', 7).set('d', 8), { atomic: true });
    });
    expect([...map]).toEqual([
      ['a', 2],
      ['c', 5],
    ]);
  });
});

test('an atomic section inside a plain one is undone by itself', () => {
  withHeap({}, (heap) => {
    using array = heap.array([1]);
    heap.run(() => {
      array.push(2);
      undone(heap, () => array.push(3));
      array.push(4);
    });
    expect([...array]).toEqual([1, 2, 4]);
  });
});

test('what a section removes lives until it has ended', () => {
  withHeap({}, (heap) => {
    const inner = heap.map([['x', 1]]);
    using outer = heap.array<unknown>([inner]);
    inner.release();
    const { liveObjects } = heap.stats();
    heap.run(
      () => {
        outer.set(0, 0);
        expect(heap.stats().liveObjects).toBe(liveObjects + 1); // the log
      },
      { atomic: true },
    );
    expect(heap.stats().liveObjects).toBe(liveObjects - 2); // the map, and its key
  });
});

test('safepoints and collections throw in an atomic section, which goes on', () => {
  withHeap({}, (heap) => {
    using array = heap.array<number>();
    heap.run(
      () => {
        array.push(1);
        expect(() => heap.safepoint()).toThrow(AtomicSectionError);
        expect(() => heap.gc.collect()).toThrow(AtomicSectionError);
        array.push(2);
      },
      { atomic: true },
    );
    expect([...array]).toEqual([1, 2]);
  });
});

test('a promise from an atomic section is refused, and the section is undone', () => {
  withHeap({}, (heap) => {
    using array = heap.array<number>();
    const section = async () => {
      array.push(1);
    };
    expect(() => heap.run(section, { atomic: true })).toThrow(/must be synchronous/);
    expect(array.length).toBe(0);
  });
});

test('a handle kept in a section that is undone stays valid, what it holds is undone', () => {
  withHeap({}, (heap) => {
    let kept: HeapArray<number> | undefined;
    undone(heap, () => {
      kept = heap.array([1]).keep();
    });
    expect(kept!.length).toBe(0);
    kept!.release();
  });
});

test('named roots are undone as any map', () => {
  withHeap({}, (heap) => {
    heap.root.set('name', 1);
    undone(heap, () => {
      heap.root.set('name', 2);
      heap.root.set('other', heap.map());
    });
    expect([...heap.root.keys(), heap.root.get('name')]).toEqual(['name', 1]);
    heap.root.clear();
  });
});

test('how far an iterator has got is not undone', () => {
  withHeap({}, (heap) => {
    using map = heap.map<number, number>([1, 2, 3, 4].map((n) => [n, n]));
    using array = heap.array([1, 2, 3, 4]);
    const iterators = [map.keys(), array.values()];
    for (const iterator of iterators) expect(iterator.next().value).toBe(1);
    undone(heap, () => {
      for (const iterator of iterators) expect(iterator.next().value).toBe(2);
      map.set(5, 5).delete(3);
    });
    for (const iterator of iterators) expect([...iterator]).toEqual([3, 4]);
  });
});

test('a section that fills the heap is undone', () => {
  withHeap({ maxBytes: 8 * 2 ** 20 }, (heap) => {
    using map = heap.map<number, unknown>([[0, 'zero']]);
    using array = heap.array([1, 2, 3]);
    for (let round = 0; round < 3; round++) {
      const fill = () => {
        array.reverse();
        for (let i = 0; ; i++) map.set(i, `text number ${i}, which is long enough to be long`);
      };
      expect(() => heap.run(fill, { atomic: true })).toThrow(HeapExhaustedError);
      expect([...map, ...array]).toEqual([[0, 'zero'], 1, 2, 3]);
      expect(heap.verify()).toEqual([]);
    }
  });
});

test('runAsync takes atomic, too', async () => {
  await withHeap({}, async () => {});
  const { withHeapAsync } = await import('./support/with-heap.ts');
  await withHeapAsync({}, async (heap) => {
    using array = heap.array<number>();
    const failing = heap.runAsync(
      () => {
        array.push(1);
        throw new Stop();
      },
      { atomic: true },
    );
    await expect(failing).rejects.toThrow(Stop);
    expect(array.length).toBe(0);
    expect(() => heap.run(() => {}, { atomic: 1 as never })).toThrow(TypeError);
  });
});
