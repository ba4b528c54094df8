/** Kept handles: keep, release, `using`, scopes outside of sections, other heaps, after the end. */

import { describe, expect, test } from 'vitest';
import { HeapClosedError, NotShareableError, StaleHandleError } from '../src/base/errors.ts';
import type { Handle } from '../src/handle.ts';
import { Heap } from '../src/heap.ts';
import type { HeapMap } from '../src/map.ts';
import { nodeStruct } from './support/shapes.ts';
import { withHeap } from './support/with-heap.ts';

type Named = { name: string } & Handle;
const P = (heap: Heap) => heap.struct<{ name: string }>('P', { name: 'string' });
const living = (heap: Heap) => heap.stats().objectsByKind.P ?? 0;

/** A kept map that holds one P, which no handle holds. */
function holder(heap: Heap): HeapMap<string, Named> {
  const Struct = P(heap);
  const map = heap.map<string, Named>();
  heap.run(() => {
    map.set('p', new Struct({ name: 'held' }));
  });
  return map;
}

describe('keep and release', () => {
  test('nest: the last release ends the handle, one more is refused', () => {
    withHeap({}, (heap) => {
      const Struct = P(heap);
      const handle = new Struct({ name: 'x' });
      expect(handle.keep()).toBe(handle);
      handle.keep();
      expect(heap.refcount(handle)).toBe(1);
      handle.release();
      handle.release();
      expect(handle.name).toBe('x');
      handle.release();
      expect(living(heap)).toBe(0);
      expect(() => handle.release()).toThrow(StaleHandleError);
      expect(() => handle.keep()).toThrow(StaleHandleError);
      expect(() => handle.name).toThrow(StaleHandleError);
    });
  });

  test('in a section leave a local that ends with it', () => {
    withHeap({}, (heap) => {
      const map = holder(heap);
      heap.run(() => {
        const local = map.get('p') as Named;
        local.keep();
        local.release();
        map.clear();
        expect(local.name).toBe('held');
      });
      expect(living(heap)).toBe(0);
    });
  });

  test('a kept handle goes on after its section', () => {
    withHeap({}, (heap) => {
      const map = holder(heap);
      let kept = {} as Named;
      heap.run(() => {
        kept = (map.get('p') as Named).keep();
        map.clear();
      });
      expect(kept.name).toBe('held');
      expect(heap.refcount(kept)).toBe(1);
      kept.release();
      expect(living(heap)).toBe(0);
    });
  });

  test('each access outside of sections is one acquisition', () => {
    withHeap({}, (heap) => {
      const map = holder(heap);
      const a = map.get('p') as Named;
      const b = map.get('p') as Named;
      expect(a).toBe(b);
      a.release();
      expect(b.name).toBe('held');
      b.release();
      expect(() => b.name).toThrow(StaleHandleError);
      expect(map.get('p')?.name).toBe('held');
    });
  });

  test('a stale handle and a new one of the same object are different', () => {
    withHeap({}, (heap) => {
      const map = holder(heap);
      const old = map.get('p') as Named;
      old.release();
      const fresh = map.get('p') as Named;
      expect(fresh).not.toBe(old);
      expect(() => old.name).toThrow(StaleHandleError);
      expect(fresh.name).toBe('held');
    });
  });

  test('ten thousand kept handles are found by ===, and released in any order', () => {
    withHeap({}, (heap) => {
      const Struct = P(heap);
      const array = heap.array<Named>();
      const kept = Array.from({ length: 10_000 }, (_, i) => new Struct({ name: `n${i % 50}` }));
      array.push(...kept);
      expect(kept.every((handle, i) => heap.run(() => array.at(i) === handle))).toBe(true);
      kept
        .sort((a, b) => (a.name < b.name ? -1 : 1))
        .forEach((handle) => {
          handle.release();
        });
      expect(living(heap)).toBe(10_000);
      array.length = 0;
      expect(living(heap)).toBe(0);
    });
  });
});

describe('using', () => {
  test('ends a kept handle with its block', () => {
    withHeap({}, (heap) => {
      const Struct = P(heap);
      {
        using handle = new Struct({ name: 'x' });
        expect(handle.name).toBe('x');
        expect(living(heap)).toBe(1);
      }
      expect(living(heap)).toBe(0);
    });
  });

  test('after a release in the block does nothing', () => {
    withHeap({}, (heap) => {
      const Struct = P(heap);
      {
        using handle = new Struct();
        handle.release();
      }
      expect(living(heap)).toBe(0);
    });
  });

  test('in a section leaves a handle kept before it', () => {
    withHeap({}, (heap) => {
      const map = holder(heap);
      const kept = map.get('p') as Named;
      heap.run(() => {
        using again = map.get('p') as Named;
        expect(again).toBe(kept);
      });
      expect(kept.name).toBe('held');
    });
  });

  test('of a closed heap does nothing', async () => {
    const heap = Heap.create({ maxBytes: 2 ** 20 });
    const map = heap.map();
    await heap.close();
    expect(() => map[Symbol.dispose]()).not.toThrow();
  });
});

describe('a scope outside of sections', () => {
  test('releases what was acquired in it, but for its result', () => {
    withHeap({}, (heap) => {
      const Struct = P(heap);
      let waste = {} as Named;
      const result = heap.scope(() => {
        waste = new Struct({ name: 'waste' });
        new Struct();
        return new Struct({ name: 'result' });
      });
      expect(living(heap)).toBe(1);
      expect(result.name).toBe('result');
      expect(() => waste.name).toThrow(StaleHandleError);
      result.release();
      expect(living(heap)).toBe(0);
    });
  });

  test('does not end a handle that was there before', () => {
    withHeap({}, (heap) => {
      const map = holder(heap);
      const before = map.get('p') as Named;
      heap.scope(() => void map.get('p'));
      expect(before.name).toBe('held');
      heap.scope(() => map.get('p')?.release());
      expect(before.name).toBe('held');
      heap.scope(() => {
        using again = map.get('p');
        expect(again?.name).toBe('held');
      });
      expect(before.name).toBe('held');
      heap.scope(() => void heap.scope(() => map.get('p')));
      expect(before.name).toBe('held');
      before.release();
      expect(() => before.name).toThrow(StaleHandleError);
    });
  });

  test('ends its own acquisition also when a keep in it was released', () => {
    withHeap({}, (heap) => {
      const map = holder(heap);
      let handle = {} as Named;
      heap.scope(() => {
        handle = map.get('p') as Named;
        handle.keep();
        handle.release();
      });
      expect(() => handle.name).toThrow(StaleHandleError);
      heap.scope(() => {
        handle = map.get('p') as Named;
        heap.run(() => {
          handle.keep();
          handle.release();
        });
      });
      expect(() => handle.name).toThrow(StaleHandleError);
    });
  });

  test('ends its own acquisition also when a section or scope in it ended others', () => {
    withHeap({}, (heap) => {
      const map = holder(heap);
      let handle = {} as Named;
      heap.scope(() => {
        handle = map.get('p') as Named;
        heap.run(() => map.get('p')?.[Symbol.dispose]());
      });
      expect(() => handle.name).toThrow(StaleHandleError);
      heap.scope(() => {
        handle = map.get('p') as Named;
        heap.scope(() => [map.get('p'), map.get('p')][0]);
      });
      expect(() => handle.name).toThrow(StaleHandleError);
    });
  });

  test('leaves a keep made in it', () => {
    withHeap({}, (heap) => {
      const map = holder(heap);
      const kept = heap.scope(() => [(map.get('p') as Named).keep()])[0] as Named;
      expect(kept.name).toBe('held');
      kept.release();
      expect(() => kept.name).toThrow(StaleHandleError);
    });
  });

  test('hands its result to the scope around it', () => {
    withHeap({}, (heap) => {
      const Struct = P(heap);
      heap.scope(() => {
        const inner = heap.scope(() => new Struct({ name: 'inner' }));
        expect(inner.name).toBe('inner');
      });
      expect(living(heap)).toBe(0);
    });
  });

  test('holds also what sections in it return', () => {
    withHeap({}, (heap) => {
      const Struct = P(heap);
      heap.scope(() => {
        heap.run(() => new Struct());
        heap.run(() => heap.scope(() => new Struct()));
        expect(living(heap)).toBe(2);
      });
      expect(living(heap)).toBe(0);
    });
  });

  test('ends what was acquired when it throws', () => {
    withHeap({}, (heap) => {
      const Struct = P(heap);
      expect(() =>
        heap.scope(() => {
          new Struct();
          throw new RangeError('mine');
        }),
      ).toThrow('mine');
      expect(living(heap)).toBe(0);
    });
  });

  test('keeps the objects in pairs and arrays that accesses gave, until its end', () => {
    withHeap({}, (heap) => {
      const Struct = P(heap);
      const map = heap.map<Named, Named>();
      const array = heap.array<Named>();
      heap.run(() => {
        map.set(new Struct({ name: 'key' }), new Struct({ name: 'value' }));
        array.push(new Struct({ name: 'a' }), new Struct({ name: 'b' }));
      });
      heap.scope(() => {
        for (const [key, value] of map) expect([key.name, value.name]).toEqual(['key', 'value']);
        expect([...array.entries()].map(([i, p]) => [i, p.name])).toEqual([
          [0, 'a'],
          [1, 'b'],
        ]);
        expect(array.slice().map((p) => p.name)).toEqual(['a', 'b']);
        const removed = array.splice(0, 2);
        map.clear();
        expect(removed.map((p) => p.name)).toEqual(['a', 'b']);
        expect(living(heap)).toBe(4);
      });
      expect(living(heap)).toBe(0);
    });
  });
});

describe('handles of another heap', () => {
  test('are refused wherever a value is stored', () => {
    withHeap({}, (heap) => {
      withHeap({}, (other) => {
        const Node = nodeStruct(heap);
        const node = new Node();
        const foreign = other.map();
        const map = heap.map<unknown, unknown>();
        const array = heap.array<unknown>();
        const uses: (() => unknown)[] = [
          () => (node.left = foreign as never),
          () => (node.any = foreign),
          () => new Node({ any: foreign }),
          () => map.set('k', foreign),
          () => map.set(foreign, 1),
          () => array.push(foreign),
          () => array.push(1, foreign),
          () => heap.refcount(foreign),
          () => heap.immortalize(foreign),
          () => heap.id(foreign),
        ];
        for (const use of uses) expect(use).toThrow(NotShareableError);
        expect(map.has(foreign)).toBe(false);
        expect(map.get(foreign)).toBe(undefined);
        expect(map.delete(foreign)).toBe(false);
        expect(array.includes(foreign)).toBe(false);
        expect([map.size, array.length, node.left, node.any]).toEqual([0, 0, null, undefined]);
      });
    });
  });

  test('of an earlier session are refused too', () => {
    const heap = Heap.create({ maxBytes: 2 ** 20 });
    const token = heap.share();
    const old = heap.map();
    heap.detach();
    const again = Heap.attach(token);
    expect(again).not.toBe(heap);
    expect(() => old.size).toThrow(HeapClosedError);
    expect(() => again.root.set('old', old)).toThrow(NotShareableError);
    expect(again.verify()).toEqual([]);
    again.detach();
  });
});
