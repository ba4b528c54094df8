/** Handles in sections and scopes: identity, how long they protect, when they go stale. */

import { describe, expect, test } from 'vitest';
import { StaleHandleError } from '../src/base/errors.ts';
import type { Handle } from '../src/handle.ts';
import type { Heap } from '../src/heap.ts';
import type { HeapMap } from '../src/map.ts';
import { nodeStruct } from './support/shapes.ts';
import { COUNTS, withHeap } from './support/with-heap.ts';

type Named = { name: string } & Handle;
const P = (heap: Heap) => heap.struct<{ name: string }>('P', { name: 'string' });
const living = (heap: Heap) => heap.stats().objectsByKind.P ?? 0;

/** A kept map that holds one P, which no handle holds. */
function holder(heap: Heap): HeapMap<string, { name: string } & Handle> {
  const Struct = P(heap);
  const map = heap.map<string, { name: string } & Handle>();
  heap.run(() => {
    map.set('p', new Struct({ name: 'held' }));
  });
  return map;
}

describe('identity', () => {
  test('in one section all ways to an object give the same handle', () => {
    withHeap({}, (heap) => {
      const Node = nodeStruct(heap);
      heap.run(() => {
        const array = heap.array<unknown>();
        const map = heap.map<unknown, unknown>();
        const node = new Node({ id: 1 });
        const other = new Node({ left: node, any: node });
        array.push(node);
        map.set(node, node);
        expect(other.left).toBe(node);
        expect(other.any).toBe(node);
        expect(array.at(0)).toBe(node);
        expect([...map][0]).toEqual([node, node]);
        expect(map.get(node)).toBe(node);
        expect(array.pop()).toBe(node);
      });
    });
  });

  test('a kept handle is the one that sections, scopes and accesses outside give', () => {
    withHeap({}, (heap) => {
      const map = holder(heap);
      const kept = map.get('p') as Handle;
      heap.run(() => {
        expect(map.get('p')).toBe(kept);
        heap.scope(() => expect(map.get('p')).toBe(kept));
      });
      expect(map.get('p')).toBe(kept);
      expect(heap.run(() => map.get('p'))).toBe(kept);
      expect(kept.is(map.get('p') as Handle)).toBe(true);
      expect(kept.is(map)).toBe(false);
      expect(heap.id(kept)).not.toBe(heap.id(map));
    });
  });

  test('of two heaps no handle is the same object', () => {
    withHeap({}, (a) => {
      withHeap({}, (b) => {
        const inA = a.map();
        const inB = b.map();
        expect(a.id(inA)).toBe(b.id(inB)); // the same address
        expect(inA.is(inB)).toBe(false);
        expect(inB.is(inA)).toBe(false);
      });
    });
  });
});

describe('a local handle', () => {
  test('is stale after its section, and says so in every use', () => {
    withHeap({}, (heap) => {
      const Struct = P(heap);
      let local = {} as { name: string } & Handle;
      let map = {} as HeapMap;
      const other = heap.map();
      heap.run(() => {
        local = new Struct({ name: 'x' });
        map = heap.map();
        expect(local.name).toBe('x');
      });
      expect(living(heap)).toBe(0);
      const uses: (() => unknown)[] = [
        () => local.name,
        () => (local.name = 'y'),
        () => local.keep(),
        () => local.release(),
        () => other.set('k', local),
        () => other.set(local, 1),
        () => other.get(local),
        () => heap.refcount(local),
        () => heap.id(local),
        () => heap.immortalize(local),
        () => map.get('x'),
        () => map.set('x', 1),
        () => map.size,
        () => map.keys(),
        () => [...map],
        () => map.clear(),
        () => heap.run(() => local.name),
        () => heap.run(() => map.size),
      ];
      for (const use of uses) expect(use).toThrow(StaleHandleError);
      expect(() => local.is(other)).toThrow(StaleHandleError);
      expect(() => other.is(local)).toThrow(StaleHandleError);
      expect(() => local[Symbol.dispose]()).not.toThrow();
      expect(other.size).toBe(0);
    });
  });

  test('protects its object until its section ends, though nothing else holds it', () => {
    withHeap({}, (heap) => {
      const map = holder(heap);
      heap.run(() => {
        const local = map.get('p');
        map.clear();
        expect(local?.name).toBe('held');
        expect(living(heap)).toBe(1);
      });
      expect(living(heap)).toBe(0);
    });
  });

  test('released early dies before the next statement, and only once', () => {
    withHeap({}, (heap) => {
      const Struct = P(heap);
      heap.run(() => {
        const local = new Struct();
        expect(living(heap)).toBe(1);
        local.release();
        expect(living(heap)).toBe(0);
        expect(() => local.release()).toThrow(StaleHandleError);
        expect(() => local.name).toThrow(StaleHandleError);
      });
    });
  });

  test('is released once for each access', () => {
    withHeap({}, (heap) => {
      const map = holder(heap);
      heap.run(() => {
        const first = map.get('p') as Handle;
        const second = map.get('p') as Handle;
        map.clear();
        first.release();
        expect(living(heap)).toBe(1);
        second.release();
        expect(living(heap)).toBe(0);
      });
    });
  });

  test('counts once, whatever the number of accesses', () => {
    withHeap({}, (heap) => {
      const map = holder(heap);
      heap.run(() => {
        const local = map.get('p') as Handle;
        for (let i = 0; i < 5; i++) map.get('p');
        expect(heap.refcount(local)).toBe(2);
      });
    });
  });
});

describe('searching and printing', () => {
  test('do not acquire what the section has in its hands', () => {
    withHeap({}, (heap) => {
      const Struct = P(heap);
      heap.run(() => {
        const array = heap.array<Handle>();
        const local = new Struct();
        array.push(local);
        expect(array.indexOf(local)).toBe(0);
        expect(array.includes(local)).toBe(true);
        heap.scope(() => void array.at(0));
        heap.scope(() => array.forEach(() => {}));
        array.length = 0;
        local.release();
        expect(living(heap)).toBe(0);
      });
    });
  });
});

describe('a scope in a section', () => {
  test('ends the handles made in it, not those from before', () => {
    withHeap({}, (heap) => {
      const map = holder(heap);
      const Struct = P(heap);
      heap.run(() => {
        const before = map.get('p') as { name: string } & Handle;
        let inner = {} as { name: string } & Handle;
        heap.scope(() => {
          inner = new Struct({ name: 'inner' });
          expect(map.get('p')).toBe(before);
          expect(living(heap)).toBe(2);
        });
        expect(living(heap)).toBe(1);
        expect(() => inner.name).toThrow(StaleHandleError);
        expect(before.name).toBe('held');
      });
    });
  });

  test('undoes only what it has acquired, and not twice', () => {
    withHeap({}, (heap) => {
      const map = holder(heap);
      heap.run(() => {
        const first = map.get('p') as Named;
        map.get('p');
        heap.scope(() => {
          using again = map.get('p') as Named;
          expect(again).toBe(first);
        });
        first[Symbol.dispose]();
        expect(first.name).toBe('held');
        heap.scope(() => void map.get('p'));
        heap.scope(() => map.get('p')?.release());
        expect(first.name).toBe('held');
        first[Symbol.dispose]();
        expect(() => first.name).toThrow(StaleHandleError);
      });
    });
  });

  test('hands its result to the scope around it', () => {
    withHeap({}, (heap) => {
      const Struct = P(heap);
      heap.run(() => {
        heap.scope(() => {
          const result = heap.scope(() => {
            new Struct({ name: 'waste' });
            return new Struct({ name: 'result' });
          });
          expect(living(heap)).toBe(1);
          expect(result.name).toBe('result');
        });
        expect(living(heap)).toBe(0);
      });
    });
  });

  test('ends its handles when it throws', () => {
    withHeap({}, (heap) => {
      const Struct = P(heap);
      heap.run(() => {
        expect(() =>
          heap.scope(() => {
            new Struct();
            throw new Error('mine');
          }),
        ).toThrow('mine');
        expect(living(heap)).toBe(0);
      });
    });
  });

  test('a thousand deep holds a thousand locals, and none afterwards', () => {
    withHeap({}, (heap) => {
      const Struct = P(heap);
      const go = (depth: number): void => {
        new Struct();
        if (depth === 1) expect(living(heap)).toBe(1000);
        else heap.scope(() => go(depth - 1));
      };
      heap.run(() => {
        heap.scope(() => go(1000));
        expect(living(heap)).toBe(0);
      });
    });
  });

  test('leaves alone what it keeps', () => {
    withHeap({}, (heap) => {
      const Struct = P(heap);
      const kept = heap.run(() => {
        let inner: ({ name: string } & Handle) | undefined;
        heap.scope(() => {
          inner = new Struct({ name: 'kept' }).keep();
        });
        return inner as { name: string } & Handle;
      });
      expect(kept.name).toBe('kept');
      kept.release();
      expect(living(heap)).toBe(0);
    });
  });
});

describe('a section', () => {
  test('keeps the handle it returns, once', () => {
    withHeap({}, (heap) => {
      const Struct = P(heap);
      const result = heap.run(() => heap.run(() => new Struct({ name: 'r' })));
      expect(result.name).toBe('r');
      expect(heap.refcount(result)).toBe(1);
      result.release();
      expect(() => result.name).toThrow(StaleHandleError);
      expect(living(heap)).toBe(0);
    });
  });

  test('inside another ends nothing', () => {
    withHeap({}, (heap) => {
      const Struct = P(heap);
      heap.run(() => {
        let inner = {} as { name: string } & Handle;
        heap.run(() => {
          inner = new Struct({ name: 'inner' });
        });
        expect(inner.name).toBe('inner');
        expect(() => heap.detach()).toThrow(TypeError);
      });
      expect(living(heap)).toBe(0);
    });
  });

  test('that throws ends its handles and passes the error on', () => {
    withHeap({}, (heap) => {
      const Struct = P(heap);
      const mine = new Error('mine');
      let error: unknown;
      try {
        heap.run(() => {
          heap.run(() => {
            new Struct();
            throw mine;
          });
        });
      } catch (thrown) {
        error = thrown;
      }
      expect(error).toBe(mine);
      expect(living(heap)).toBe(0);
      expect(heap.run(() => 5)).toBe(5);
    });
  });

  test('may return the handle of another heap, which stays what it was', () => {
    withHeap({ counts: COUNTS }, (a) => {
      withHeap({}, (b) => {
        const kept = a.map();
        expect(b.run(() => kept)).toBe(kept);
        a.run(() => {
          for (let i = 0; i < 5; i++) a.array();
          const local = a.map();
          expect(b.run(() => local)).toBe(local);
          expect(b.scope(() => local)).toBe(local);
          expect(b.run(() => b.scope(() => local))).toBe(local);
          expect(local.size).toBe(0);
        });
        kept.release();
        expect(a.verify()).toEqual([]);
        expect(b.verify()).toEqual([]);
      });
    });
  });

  test('keeps all its locals over a hundred thousand objects', () => {
    withHeap({}, (heap) => {
      const Struct = P(heap);
      heap.run(() => {
        const all = Array.from({ length: 100_000 }, (_, i) => new Struct({ name: `${i % 100}` }));
        expect(all.every((local, i) => local.name === `${i % 100}`)).toBe(true);
        expect(living(heap)).toBe(100_000);
      });
      expect(living(heap)).toBe(0);
    });
  });
});
