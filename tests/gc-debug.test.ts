/** Debug flags, their output, `gc.garbage` (semantics B14 to B17). */
import { expect, test } from 'vitest';
import type { Handle } from '../src/handle.ts';
import { Heap } from '../src/heap.ts';
import {
  DEBUG_COLLECTABLE,
  DEBUG_LEAK,
  DEBUG_SAVEALL,
  DEBUG_STATS,
  DEBUG_UNCOLLECTABLE,
} from '../src/index.ts';
import { chain, nodeStruct, ring } from './support/shapes.ts';
import { warningsOf } from './support/warnings.ts';
import { mortalObjects, withHeap, withHeapAsync } from './support/with-heap.ts';

const MANUAL = { thresholds: [0, 0, 0] as const };

/** Collects debug output as text. */
function listen(heap: Heap): string[] {
  const lines: string[] = [];
  heap.gc.logger = { write: (text) => lines.push(text) };
  return lines;
}

test("B14 the flags have CPython's numbers, and are 0 at first", () => {
  expect([DEBUG_STATS, DEBUG_COLLECTABLE, DEBUG_UNCOLLECTABLE]).toEqual([1, 2, 4]);
  expect([DEBUG_SAVEALL, DEBUG_LEAK]).toEqual([32, 38]);
  withHeap(MANUAL, (heap) => {
    expect(heap.gc.getDebug()).toBe(0);
    expect(heap.gc.DEBUG_LEAK).toBe(DEBUG_LEAK);
    heap.gc.setDebug(DEBUG_LEAK | DEBUG_STATS);
    expect(heap.gc.getDebug()).toBe(39);
    for (const wrong of [8, 64, -1, 2 ** 31])
      expect(() => heap.gc.setDebug(wrong)).toThrow(RangeError);
    for (const wrong of ['1', 1.5, null, undefined]) {
      expect(() => heap.gc.setDebug(wrong as never)).toThrow(TypeError);
    }
    expect(heap.gc.getDebug()).toBe(39);
    heap.gc.setDebug(0);
  });
});

test('B14 the logger is the standard error at first, and must have a method write', () => {
  withHeap(MANUAL, (heap) => {
    expect(heap.gc.logger).toBe(process.stderr);
    for (const wrong of [null, undefined, {}, () => 1, 'x']) {
      expect(() => {
        heap.gc.logger = wrong as never;
      }).toThrow(TypeError);
    }
  });
});

test("B15 DEBUG_STATS writes CPython's lines", () => {
  withHeap(MANUAL, (heap) => {
    const lines = listen(heap);
    const older = chain(heap, 4);
    heap.gc.collect(0);
    heap.gc.collect(1);
    const middle = chain(heap, 3);
    heap.gc.collect(0);
    ring(heap, 2).release();
    heap.gc.setDebug(DEBUG_STATS);
    expect(heap.gc.collect(1)).toBe(2);
    expect(lines.slice(0, 3)).toEqual([
      'gc: collecting generation 1...\n',
      'gc: objects in each generation: 2 3 4\n',
      'gc: objects in permanent generation: 0\n',
    ]);
    expect(lines[3]).toMatch(/^gc: done, 2 unreachable, 0 uncollectable, \d+\.\d{4}s elapsed\n$/);
    expect(lines.length).toBe(4);
    heap.gc.freeze();
    heap.gc.collect();
    expect(lines.slice(4, 7)).toEqual([
      'gc: collecting generation 2...\n',
      'gc: objects in each generation: 0 0 0\n',
      'gc: objects in permanent generation: 7\n',
    ]);
    heap.gc.setDebug(0);
    heap.gc.collect();
    expect(lines.length).toBe(8);
    older.release();
    middle.release();
  });
});

test('B15 DEBUG_COLLECTABLE names every unreachable object by kind and address', () => {
  withHeap(MANUAL, (heap) => {
    const lines = listen(heap);
    const expected = heap.run(() => {
      const NodeClass = nodeStruct(heap);
      const node = new NodeClass({ id: 1 });
      const map = heap.map();
      const array = heap.array();
      node.any = map;
      map.set('x', array as never);
      array.push(node as never);
      const named: [string, Handle][] = [
        ['Node', node],
        ['map', map],
        ['array', array],
      ];
      return named
        .sort(([, a], [, b]) => heap.id(a) - heap.id(b))
        .map(([name, handle]) => `gc: collectable <${name} 0x${heap.id(handle).toString(16)}>\n`);
    });
    heap.gc.setDebug(DEBUG_COLLECTABLE);
    expect(heap.gc.collect()).toBe(3);
    expect(lines).toEqual(expected);
    heap.gc.setDebug(0);
  });
});

test('B15 automatic collections write too, after the lock was given up', () => {
  withHeap({ thresholds: [10, 100, 100] }, (heap) => {
    const lines: string[] = [];
    heap.gc.logger = {
      write(text) {
        lines.push(text);
        heap.array(); // an operation of its own: no section is open here
      },
    };
    heap.gc.setDebug(DEBUG_STATS);
    for (let i = 0; i < 11; i++) heap.run(() => void ring(heap, 1));
    expect(lines[0]).toBe('gc: collecting generation 0...\n');
    expect(lines[1]).toBe('gc: objects in each generation: 11 0 0\n');
    expect(lines[3]).toMatch(/^gc: done, 11 unreachable/);
    expect(lines.length).toBe(4);
    heap.gc.setDebug(0);
  });
});

test('B14 a logger that throws makes a warning, and the collection is not disturbed', async () => {
  await withHeapAsync(MANUAL, async (heap) => {
    heap.gc.logger = {
      write() {
        throw new Error('disk full');
      },
    };
    heap.gc.setDebug(DEBUG_STATS);
    ring(heap, 3).release();
    const warnings = await warningsOf(() => expect(heap.gc.collect()).toBe(3));
    expect(warnings.length).toBe(1);
    expect(warnings[0].message).toBe('heap.gc.logger has failed');
    expect((warnings[0] as { detail?: string }).detail).toContain('disk full');
    heap.gc.setDebug(0);
  });
});

test('B16 DEBUG_SAVEALL puts unreachable objects into garbage, frees none and counts them', () => {
  withHeap(MANUAL, (heap) => {
    heap.gc.setDebug(DEBUG_SAVEALL);
    heap.run(() => {
      const list = heap.array();
      list.push(list as never);
    });
    const handle = chain(heap, 3);
    expect(heap.gc.collect()).toBe(1);
    const { garbage } = heap.gc;
    expect(garbage.length).toBe(1);
    heap.run(() => {
      const saved = garbage.at(0) as unknown as { at(index: number): unknown };
      expect(saved.at(0)).toBe(saved);
    });
    expect(heap.gc.getStats()[2].collected).toBe(1);
    expect(heap.gc.collect()).toBe(0); // it is reachable now, from garbage
    heap.gc.setDebug(0);
    garbage.length = 0;
    expect(heap.gc.collect()).toBe(1);
    handle.release();
    expect(mortalObjects(heap)).toBe(0);
  });
});

test('B16 what is saved is promoted as if it had survived', () => {
  withHeap(MANUAL, (heap) => {
    heap.gc.setDebug(DEBUG_SAVEALL);
    ring(heap, 5).release();
    expect(heap.gc.collect(0)).toBe(5);
    expect([0, 1, 2].map((g) => heap.gc.countObjects(g))).toEqual([0, 5, 0]);
    expect(heap.gc.garbage.length).toBe(5);
    heap.gc.setDebug(0);
    heap.gc.garbage.length = 0;
    expect(heap.gc.collect(1)).toBe(5);
  });
});

test('B16 DEBUG_LEAK writes what it saves', () => {
  withHeap(MANUAL, (heap) => {
    const lines = listen(heap);
    heap.gc.setDebug(DEBUG_LEAK);
    ring(heap, 4).release();
    expect(heap.gc.collect()).toBe(4);
    expect(lines.filter((line) => line.startsWith('gc: collectable <Node 0x')).length).toBe(4);
    expect(heap.gc.garbage.length).toBe(4);
    heap.gc.setDebug(0);
    heap.gc.garbage.length = 0;
    heap.gc.collect();
  });
});

test('B16 automatic collections save, too', () => {
  withHeap({ thresholds: [10, 100, 100] }, (heap) => {
    heap.gc.setDebug(DEBUG_SAVEALL);
    for (let i = 0; i < 11; i++) heap.run(() => void ring(heap, 1));
    expect(heap.gc.getStats()[0].collections).toBe(1);
    expect(heap.gc.garbage.length).toBe(11);
    heap.gc.setDebug(0);
    heap.gc.garbage.length = 0;
    heap.gc.collect();
  });
});

test('B16 saving 1,000 rings of 3 and letting them go leaves nothing behind', () => {
  withHeap(MANUAL, (heap) => {
    heap.gc.setDebug(DEBUG_SAVEALL);
    for (let i = 0; i < 1000; i++) ring(heap, 3).release();
    expect(heap.gc.collect()).toBe(3000);
    expect(heap.gc.garbage.length).toBe(3000);
    expect(heap.verify()).toEqual([]);
    heap.gc.setDebug(0);
    heap.gc.garbage.length = 0;
    expect(heap.gc.collect()).toBe(3000);
  });
});

test('B17 garbage is an array of the heap, empty at first, which programs may change', () => {
  withHeap(MANUAL, (heap) => {
    const { garbage } = heap.gc;
    expect(garbage.length).toBe(0);
    expect(heap.gc.garbage).toBe(garbage);
    expect(heap.refcount(garbage)).toBe(Number.POSITIVE_INFINITY);
    ring(heap, 3).release();
    heap.gc.collect();
    expect(garbage.length).toBe(0); // ordinary cycles are freed
    garbage.push(1, 'two');
    expect([...garbage]).toEqual([1, 'two']);
    garbage.length = 0;
  });
});

test('B17 garbage is emptied by its length; splice keeps what it gives, but in sections', () => {
  withHeap(MANUAL, (heap) => {
    const { garbage } = heap.gc;
    const fill = () => void garbage.push(heap.array() as never, heap.array() as never);
    expect(garbage).not.toHaveProperty('clear');
    heap.run(fill);
    garbage.length = 0;
    expect(mortalObjects(heap)).toBe(0);
    heap.run(fill);
    heap.run(() => void garbage.splice(0));
    expect(mortalObjects(heap)).toBe(0);
    heap.run(fill);
    const kept = garbage.splice(0) as unknown as { release(): void }[];
    expect([kept.length, mortalObjects(heap)]).toEqual([2, 2]);
    for (const handle of kept) handle.release();
    expect(mortalObjects(heap)).toBe(0);
  });
});

test('B17 the array is not counted, nor listed, nor frozen', () => {
  withHeap(MANUAL, (heap) => {
    const { garbage } = heap.gc;
    expect(heap.gc.getCount()).toEqual([0, 0, 0]);
    const object = heap.array();
    garbage.push(object as never);
    expect(heap.gc.countObjects()).toBe(0);
    heap.gc.freeze();
    expect(heap.gc.getFreezeCount()).toBe(0);
    heap.gc.unfreeze();
    heap.run(() => expect(heap.gc.getReferrers(object)).toEqual([garbage]));
    garbage.length = 0;
    object.release();
  });
});

test('B14 each heap has its own flags and garbage', () => {
  withHeap(MANUAL, (heap) => {
    using other = Heap.create({ maxBytes: 2 ** 20 });
    heap.gc.setDebug(DEBUG_SAVEALL);
    expect(other.gc.getDebug()).toBe(0);
    ring(heap, 1).release();
    heap.gc.collect();
    expect([heap.gc.garbage.length, other.gc.garbage.length]).toEqual([1, 0]);
    heap.gc.setDebug(0);
    heap.gc.garbage.length = 0;
    heap.gc.collect();
  });
});
