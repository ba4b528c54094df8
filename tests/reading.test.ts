/** Read sections in one thread: what they allow, what they refuse, what they leave behind. */
import { expect, test } from 'vitest';
import { sessionOf } from '../src/heap.ts';
import {
  type Heap,
  type HeapMap,
  LockTimeoutError,
  ReadOnlySectionError,
  StaleHandleError,
} from '../src/index.ts';
import { CONTROL_STATE, HEAP_OPEN, HEAP_RECOVERING } from '../src/memory/layout.ts';
import { aloneAmongReaders } from '../src/sync/readers.ts';
import { withHeap } from './support/with-heap.ts';

/** The message of what a body throws in a read section. */
function refusedIn(heap: Heap, body: () => unknown): string {
  let refusal: unknown;
  heap.read(() => {
    try {
      body();
    } catch (error) {
      refusal = error;
    }
  });
  expect(refusal).toBeInstanceOf(ReadOnlySectionError);
  return (refusal as ReadOnlySectionError).message;
}

/** Counts the calls of `Atomics` functions that `body` makes. */
function countAtomics(body: () => void): number {
  const names = [
    'load',
    'store',
    'add',
    'sub',
    'and',
    'or',
    'exchange',
    'compareExchange',
  ] as const;
  const all = [...names, 'notify', 'wait'] as const;
  const originals = all.map((name) => [name, Atomics[name]] as const);
  let calls = 0;
  try {
    for (const [name, original] of originals) {
      Object.assign(Atomics, {
        [name]: (...args: unknown[]) => {
          calls++;
          return Reflect.apply(original as (...all: unknown[]) => unknown, Atomics, args);
        },
      });
    }
    body();
  } finally {
    for (const [name, original] of originals) Object.assign(Atomics, { [name]: original });
  }
  return calls;
}

test('an undisturbed read section makes four calls of Atomics', () => {
  withHeap({}, (heap) => {
    heap.read(() => {}); // the first says that there are readers
    expect(countAtomics(() => heap.read(() => {}))).toBe(4);
  });
});

test('whatever only reads works in a read section', () => {
  withHeap({}, (heap) => {
    const Point = heap.struct('Point', { x: 'int32', y: 'float64', tag: 'any', next: 'ref' });
    using end = new Point({ x: 2 });
    using point = new Point({ x: 1, y: 0.5, tag: 'a', next: end });
    using map = heap.map<string, unknown>([
      ['one', 1],
      ['point', point],
    ]);
    using array = heap.array([3, 1, 2]);
    using set = heap.set(['x', 'y']);
    using tuple = heap.tuple(1, 'two');
    using plain = heap.from({ name: 'n', list: [1, 2] });
    using bytes = heap.bytes(8);
    heap.read(() => {
      expect([point.x, point.y, point.tag]).toEqual([1, 0.5, 'a']);
      expect((point.next as typeof end).x).toBe(2);
      expect([map.get('one'), map.has('two'), map.size]).toEqual([1, false, 2]);
      expect([...map.keys()]).toEqual(['one', 'point']);
      expect([...array, array.at(-1), array.indexOf(2), array.length]).toEqual([3, 1, 2, 2, 2, 3]);
      expect(array.map((x) => x * 2)).toEqual([6, 2, 4]);
      expect(array.toSorted()).toEqual([1, 2, 3]);
      expect(array.join('-')).toBe('3-1-2');
      expect([...set, set.has('y')]).toEqual(['x', 'y', true]);
      expect([...set.union(new Set(['z']))]).toEqual(['x', 'y', 'z']);
      expect([tuple.at(1), tuple.length]).toEqual(['two', 2]);
      expect(heap.toJS(plain)).toEqual({ name: 'n', list: [1, 2] });
      expect(JSON.stringify(plain)).toBe('{"name":"n","list":[1,2]}');
      expect([...heap.proxy(plain).list]).toEqual([1, 2]);
      expect(bytes.view(Uint8Array).length).toBe(8);
      expect(heap.id(point)).toBeGreaterThan(0);
      expect(heap.refcount(end)).toBe(2);
      expect(heap.gc.getThreshold()).toEqual([700, 10, 10]);
      expect(map.get('point')).toBe(point);
      map.forEach((_value, key) => {
        expect(map.has(key)).toBe(true);
      });
    });
    expect(heap.verify()).toEqual([]);
  });
});

test('whatever changes the heap throws in a read section, and changes nothing', () => {
  withHeap({}, (heap) => {
    const Point = heap.struct('Point', { x: 'int32', name: 'string', next: 'ref' });
    using point = new Point({ x: 1, name: 'p' });
    using map = heap.map<string, unknown>([['a', 1]]);
    using array = heap.array([3, 1, 2]);
    using set = heap.set(['x']);
    using plain = heap.from({ name: 'n' });
    const proxy = heap.proxy(plain);
    const bodies: (() => unknown)[] = [
      () => (point.x = 2),
      () => (point.name = 'q'),
      () => (point.next = point),
      () => new Point({}),
      () => map.set('b', 1),
      () => map.delete('a'),
      () => map.clear(),
      () => array.push(1),
      () => array.set(0, 1),
      () => array.sort(),
      () => (array.length = 0),
      () => set.add('y'),
      () => (proxy.name = 'm'),
      () => heap.map(),
      () => heap.from({ a: 1 }),
      () => heap.root.set('x', 1),
      () => heap.intern('text'),
      () => heap.struct('Other', { a: 'int32' }),
      () => heap.gc.collect(),
      () => heap.gc.disable(),
      () => heap.gc.getObjects(),
      () => heap.verify(),
      () => heap.stats(),
    ];
    for (const body of bodies) {
      expect(refusedIn(heap, body)).toMatch(/in a read section.*heap\.run\(\) instead/);
    }
    expect([point.x, point.name, map.size, array.length, set.size, proxy.name]).toEqual([
      1,
      'p',
      1,
      3,
      1,
      'n',
    ]);
  });
});

test('upgrading, a safepoint and leaving the heap are refused in a read section', () => {
  withHeap({}, (heap) => {
    expect(refusedIn(heap, () => heap.run(() => {}))).toContain(
      'an exclusive section cannot begin',
    );
    expect(refusedIn(heap, () => heap.safepoint())).toContain('there is no safepoint');
    expect(() => heap.read(() => heap.detach())).toThrow(/inside a section/);
  });
});

test('a read section inside an exclusive one is a part of it', () => {
  withHeap({}, (heap) => {
    using map = heap.map<string, number>();
    heap.run(() => heap.read(() => map.set('a', 1)));
    expect(map.get('a')).toBe(1);
  });
});

test('read sections nest, and locals end with the outermost', () => {
  withHeap({}, (heap) => {
    using inner = heap.array([1]);
    using outer = heap.array([inner]);
    inner.release();
    let local = inner;
    heap.read(() => {
      heap.read(() => {
        local = outer.at(0) as never;
      });
      expect(local.at(0)).toBe(1);
    });
    expect(() => local.at(0)).toThrow(StaleHandleError);
  });
});

test('locals of a read section are not counted', () => {
  withHeap({}, (heap) => {
    using outer = heap.array([heap.array()]);
    (outer.at(0) as { release(): void }).release();
    heap.gc.collect();
    heap.read(() => {
      const local = outer.at(0)!;
      expect(heap.refcount(local as never)).toBe(heap.refcount(outer.at(0) as never));
    });
  });
});

test('a promise from a read section is refused, and the section ends', () => {
  withHeap({}, (heap) => {
    expect(() => heap.read(async () => {})).toThrow(/must be synchronous/);
    expect(heap.run(() => 'runs')).toBe('runs');
  });
});

/** A map that holds `count` arrays, each held by nothing else. */
function fill(heap: Heap, count: number): HeapMap<number, object> {
  const map = heap.map<number, object>();
  heap.run(() => {
    for (let i = 0; i < count; i++) map.set(i, heap.array([i]));
  });
  return map;
}

test('a handle that a read section returns is kept, and counted once', () => {
  withHeap({}, (heap) => {
    using map = fill(heap, 1);
    const handle = heap.read(() => map.get(0)) as unknown as { release(): void };
    expect(heap.refcount(handle as never)).toBe(2);
    handle.release();
    expect(heap.verify()).toEqual([]);
  });
});

test('keep() in a read section keeps, however often, and whether rows are free or not', () => {
  withHeap({}, (heap) => {
    using map = fill(heap, 100);
    const kept: { release(): void; keep(): unknown; at(i: number): unknown }[] = [];
    heap.read(() => {
      for (let i = 0; i < 100; i++) {
        const handle = map.get(i) as never as (typeof kept)[0];
        handle.keep();
        if (i % 2 === 0) handle.keep();
        if (i % 3 === 0) handle.release();
        kept.push(handle);
      }
    });
    expect(heap.verify()).toEqual([]);
    // i % 6: 0: 2 - 1, 1: 1, 2: 2, 3: 1 - 1, 4: 2, 5: 1
    const keeps = [1, 1, 2, 0, 2, 1];
    for (const [i, handle] of kept.entries()) {
      for (let k = 0; k < keeps[i % 6]!; k++) {
        expect(handle.at(0)).toBe(i);
        handle.release();
      }
      expect(() => handle.at(0)).toThrow(StaleHandleError);
    }
  });
});

test('what a read section releases for the last time dies when the section has ended', () => {
  withHeap({}, (heap) => {
    const array = heap.array([1]);
    const before = heap.stats().liveObjects;
    heap.read(() => {
      array.release();
      expect(() => array.at(0)).toThrow(StaleHandleError);
    });
    expect(heap.stats().liveObjects).toBe(before - 1);
  });
});

test('an object released in a read section can be read on through another that holds it', () => {
  withHeap({}, (heap) => {
    const inner = heap.array([7]);
    using outer = heap.array([inner]);
    heap.read(() => {
      inner.release();
      expect((outer.at(0) as typeof inner).at(0)).toBe(7);
    });
    using again = outer.at(0) as typeof inner;
    expect(heap.refcount(again)).toBe(2);
  });
});

test('an iterator of a read section ends with it; one from outside goes on', () => {
  withHeap({}, (heap) => {
    using map = fill(heap, 3);
    const outside = map.keys();
    outside.next();
    const inside = heap.read(() => {
      const iterator = map.keys();
      iterator.next();
      expect(outside.next()).toEqual({ done: false, value: 1 });
      return iterator;
    });
    expect(() => inside.next()).toThrow(StaleHandleError);
    expect([...outside]).toEqual([2]);
    expect(heap.verify()).toEqual([]);
  });
});

test('an iterator from outside that ends in a read section lets the map tidy up afterwards', () => {
  withHeap({}, (heap) => {
    using map = fill(heap, 3);
    const outside = map.keys();
    outside.next();
    heap.read(() => expect([...outside]).toEqual([1, 2]));
    heap.run(() => {});
    map.clear();
    expect(heap.verify()).toEqual([]);
  });
});

test('views made in a read section protect their bytes', () => {
  withHeap({}, (heap) => {
    const bytes = heap.bytes(16);
    const view = heap.read(() => bytes.view(Int32Array));
    view[0] = 5;
    using again = heap.array([bytes]);
    bytes.release();
    expect(heap.verify()).toEqual([]);
    expect((again.at(0) as typeof bytes).view(Int32Array)[0]).toBe(5);
  });
});

test('keeping in a read section of a full heap throws, and the heap is as before', () => {
  withHeap({ maxBytes: 8 * 2 ** 20 }, (heap) => {
    using map = fill(heap, 3000);
    const ballast: { release(): void }[] = [];
    try {
      for (let size = 1 << 20; size >= 8; size >>= 1) {
        try {
          for (;;) ballast.push(heap.bytes(size));
        } catch {}
      }
    } catch {}
    const objects = heap.stats().liveObjects;
    const keepAll = () =>
      heap.read(() => {
        for (let i = 0; i < 3000; i++) (map.get(i) as never as { keep(): void }).keep();
      });
    expect(keepAll).toThrow(/heap exhausted/);
    expect(heap.stats().liveObjects).toBe(objects);
    for (const one of ballast) one.release();
  });
});

test('behind a dead reader that was making rows the others make none', () => {
  withHeap({}, (heap) => {
    const { mem } = sessionOf(heap);
    let calls = 0;
    heap.read(() => {
      Atomics.store(mem.i32, CONTROL_STATE, HEAP_RECOVERING); // it was dismissed
      expect(() => aloneAmongReaders(mem, () => calls++)).toThrow(LockTimeoutError);
      Atomics.store(mem.i32, CONTROL_STATE, HEAP_OPEN);
      aloneAmongReaders(mem, () => calls++);
    });
    expect(calls).toBe(1);
  });
});
