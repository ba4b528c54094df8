/** getObjects, getReferrers, getReferents, isTracked, isFinalized (semantics B6 to B10, D). */
import { expect, test } from 'vitest';
import { NotShareableError, StaleHandleError } from '../src/base/errors.ts';
import { sharedRefOf } from '../src/codec.ts';
import type { Handle } from '../src/handle.ts';
import { Heap, sessionOf } from '../src/heap.ts';
import { GC_FINALIZED, HEADER_INFO } from '../src/memory/layout.ts';
import { chain, hub, nodeStruct, ring } from './support/shapes.ts';
import { withHeap } from './support/with-heap.ts';

const MANUAL = { thresholds: [0, 0, 0] as const };
const LONG = 'a text of more than thirty-two units, so that it is interned by nobody';

test('B6 getObjects lists the tracked objects and nothing else', () => {
  withHeap(MANUAL, (heap) => {
    heap.run(() => {
      const NodeClass = nodeStruct(heap);
      const Point = heap.struct('Point', { x: 'float64', name: 'string' });
      const atoms = heap.array();
      atoms.push(1, 'two', LONG);
      const point = new Point({ x: 1 });
      const node = new NodeClass({ id: 1 });
      const holder = heap.map();
      holder.set('node', node as never);
      const objects = heap.gc.getObjects();
      expect(new Set(objects)).toEqual(new Set([node, holder]));
      expect(objects.length).toBe(2);
      expect(heap.gc.countObjects()).toBe(2);
      expect(objects.includes(point as never)).toBe(false);
    });
  });
});

test('B6 null, undefined and -1 mean all generations', () => {
  withHeap(MANUAL, (heap) => {
    const older = chain(heap, 2);
    heap.gc.collect(0);
    heap.gc.collect(1);
    const middle = chain(heap, 3);
    heap.gc.collect(0);
    const young = chain(heap, 4);
    expect([0, 1, 2].map((g) => heap.gc.countObjects(g))).toEqual([4, 3, 2]);
    for (const all of [undefined, null, -1]) expect(heap.gc.countObjects(all)).toBe(9);
    heap.run(() => {
      expect([0, 1, 2].map((g) => heap.gc.getObjects(g).length)).toEqual([4, 3, 2]);
      for (const all of [undefined, null, -1]) expect(heap.gc.getObjects(all).length).toBe(9);
    });
    for (const handle of [older, middle, young]) handle.release();
  });
});

test('B6 wrong generations are refused', () => {
  withHeap(MANUAL, (heap) => {
    for (const ask of ['getObjects', 'countObjects'] as const) {
      for (const wrong of [3, -2, 1000, -1000])
        expect(() => heap.gc[ask](wrong)).toThrow(RangeError);
      for (const wrong of ['1', 1.234, true, {}, Number.NaN]) {
        expect(() => heap.gc[ask](wrong as never)).toThrow(TypeError);
      }
    }
  });
});

test('B6 outside a section the handles are kept until they are released', () => {
  withHeap(MANUAL, (heap) => {
    ring(heap, 5).release();
    const objects = heap.gc.getObjects();
    expect(objects.length).toBe(5);
    expect(heap.gc.collect()).toBe(0);
    for (const object of objects) object.release();
    expect(heap.gc.collect()).toBe(5);
  });
});

test('B6 frozen and immortal objects are in no generation', () => {
  withHeap(MANUAL, (heap) => {
    const frozen = chain(heap, 3);
    heap.gc.freeze();
    expect(heap.gc.getObjects()).toEqual([]);
    const young = chain(heap, 2);
    expect(heap.gc.countObjects()).toBe(2);
    heap.immortalize(young);
    expect(heap.gc.countObjects()).toBe(1);
    heap.gc.unfreeze();
    expect(heap.gc.countObjects()).toBe(4);
    young.left = null;
    frozen.release();
  });
});

test('B7 getReferrers gives each tracked object that holds one of the arguments once', () => {
  withHeap(MANUAL, (heap) => {
    heap.run(() => {
      const NodeClass = nodeStruct(heap);
      const a = new NodeClass({ id: 1 });
      const b = new NodeClass({ id: 2 });
      const byField = new NodeClass({ id: 3, left: a, right: a, any: a });
      const byAny = new NodeClass({ id: 4, any: b });
      const byArray = heap.array();
      for (let i = 0; i < 1000; i++) byArray.push(i);
      byArray.push(a as never);
      const byKey = heap.map();
      byKey.set(b as never, 1);
      const byValue = heap.map();
      byValue.set('x', a as never);
      new NodeClass({ id: 5, left: byField });
      const sorted = (handles: Iterable<Handle>) =>
        [...handles].sort((x, y) => heap.id(x) - heap.id(y));
      expect(sorted(heap.gc.getReferrers(a))).toEqual(sorted([byField, byArray, byValue] as never));
      expect(sorted(heap.gc.getReferrers(b))).toEqual(sorted([byAny, byKey] as never));
      expect(heap.gc.getReferrers(a, b, a).length).toBe(5);
      expect(heap.gc.getReferrers(byKey)).toEqual([]);
      expect(heap.gc.getReferrers()).toEqual([]);
    });
  });
});

test('B7 an object that holds itself is its own referrer', () => {
  withHeap(MANUAL, (heap) => {
    heap.run(() => {
      const array = heap.array();
      array.push(array as never);
      expect(heap.gc.getReferrers(array)).toEqual([array]);
    });
    heap.gc.collect();
  });
});

test('B7 named roots are referrers, frozen objects are none, entries removed are none', () => {
  withHeap(MANUAL, (heap) => {
    const object = heap.array();
    heap.root.set('object', object as never);
    heap.run(() => expect(heap.gc.getReferrers(object)).toEqual([heap.root]));
    heap.root.delete('object');
    heap.run(() => expect(heap.gc.getReferrers(object)).toEqual([]));
    const holder = heap.array();
    holder.push(object as never);
    heap.gc.freeze();
    expect(heap.gc.getReferrers(object)).toEqual([]);
    heap.gc.unfreeze();
    heap.run(() => expect(heap.gc.getReferrers(object)).toEqual([holder]));
    holder.release();
    object.release();
  });
});

test('B7 garbage that is not collected yet is a referrer', () => {
  withHeap(MANUAL, (heap) => {
    const object = heap.array();
    heap.run(() => {
      const node = new (nodeStruct(heap))({ id: 1, any: object });
      node.left = node;
    });
    heap.run(() => expect(heap.gc.getReferrers(object).length).toBe(1));
    heap.gc.collect();
    expect(heap.gc.getReferrers(object)).toEqual([]);
    object.release();
  });
});

test('B7 a hub with 10,000 spokes has 10,000 referrers', () => {
  withHeap(MANUAL, (heap) => {
    const center = hub(heap, 10_000);
    heap.run(() => {
      const referrers = heap.gc.getReferrers(center);
      expect(referrers.length).toBe(10_000);
      expect(new Set(referrers).size).toBe(10_000);
      expect(heap.gc.getReferrers(...referrers)).toEqual([center]);
    });
    center.release();
    expect(heap.gc.collect()).toBe(10_001);
  });
});

test('B8 getReferents gives what is held, in order, as often as it is held', () => {
  withHeap(MANUAL, (heap) => {
    heap.run(() => {
      const { gc } = heap;
      const a = heap.array();
      const b = heap.map();
      const list = heap.array();
      list.push(a as never, 1, 'x', a as never, null, undefined, true, 2.5, 10n, b as never);
      expect(gc.getReferents(list)).toEqual([a, 1, 'x', a, null, undefined, true, 2.5, 10n, b]);
      const map = heap.map();
      map.set('k', a as never);
      map.set('gone', 1);
      map.set(b as never, LONG);
      map.set(7, map as never);
      map.delete('gone');
      expect(gc.getReferents(map)).toEqual(['k', a, b, LONG, 7, map]);
      expect(gc.getReferents(map, list).length).toBe(16);
      expect(gc.getReferents(list, list).length).toBe(20);
      expect(gc.getReferents(heap.array())).toEqual([]);
      expect(gc.getReferents()).toEqual([]);
      for (const atom of [1, 'a', null, undefined, true, 5n, 1.5]) {
        expect(gc.getReferents(atom)).toEqual([]);
      }
      expect(gc.getReferents(1, a, 'x', list).length).toBe(10);
    });
    heap.gc.collect();
  });
});

test('B8 of a struct: ref, string and any fields in the order of declaration', () => {
  withHeap(MANUAL, (heap) => {
    heap.run(() => {
      const Mixed = heap.struct('Mixed', {
        count: 'int32',
        text: 'string',
        any: 'any',
        next: 'ref',
        empty: 'string',
        missing: 'ref',
        weight: 'float64',
        other: 'any',
      });
      const array = heap.array();
      const mixed = new Mixed({ count: 5, text: 'hello', any: 1.5, weight: 9 });
      mixed.next = mixed;
      mixed.other = array;
      expect(heap.gc.getReferents(mixed)).toEqual(['hello', 1.5, mixed, '', array]);
    });
    heap.gc.collect();
  });
});

test('B7 to B10 what is no object of a heap is nobody to ask about', () => {
  withHeap(MANUAL, (heap) => {
    const holder = heap.array();
    const held = heap.array();
    holder.push(held as never);
    heap.run(() => {
      for (const other of [{}, [], () => 1, Symbol('x'), Object.create(null), new Map()]) {
        expect([heap.gc.isTracked(other), heap.gc.isFinalized(other)]).toEqual([false, false]);
        expect(heap.gc.getReferents(other)).toEqual([]);
        expect(heap.gc.getReferrers(other)).toEqual([]);
        expect(heap.gc.getReferents(other, holder)).toEqual([held]);
        expect(heap.gc.getReferrers(held, other)).toEqual([holder]);
      }
    });
    holder.release();
    held.release();
  });
});

test('B7 to B10 handles of another heap are refused, and so are stale ones', () => {
  withHeap(MANUAL, (heap) => {
    const stale = heap.array();
    stale.release();
    withHeap(MANUAL, (other) => {
      const foreign = other.array();
      for (const ask of ['getReferrers', 'getReferents', 'isTracked', 'isFinalized'] as const) {
        expect(() => heap.gc[ask](stale)).toThrow(StaleHandleError);
        expect(() => heap.gc[ask](foreign)).toThrow(NotShareableError);
      }
      foreign.release();
    });
  });
});

test('B9 D1 atoms are not tracked', () => {
  withHeap(MANUAL, (heap) => {
    for (const atom of [1, 1.5, 'a', LONG, null, undefined, true, 3n]) {
      expect(heap.gc.isTracked(atom)).toBe(false);
    }
  });
});

test('B9 D3 arrays and maps are tracked from the first container that they hold', () => {
  withHeap(MANUAL, (heap) => {
    heap.run(() => {
      const { gc } = heap;
      const array = heap.array();
      const map = heap.map();
      expect([gc.isTracked(array), gc.isTracked(map)]).toEqual([false, false]);
      array.push(1, 'a', LONG, 2n);
      map.set('a', 1);
      map.set(2n, LONG);
      expect([gc.isTracked(array), gc.isTracked(map)]).toEqual([false, false]);
      array.set(0, heap.array() as never);
      map.set('a', heap.map() as never);
      expect([gc.isTracked(array), gc.isTracked(map)]).toEqual([true, true]);
      const byKey = heap.map();
      byKey.set(heap.array() as never, 1);
      expect(gc.isTracked(byKey)).toBe(true);
    });
  });
});

test('B9 D1 structs are tracked from birth if they may hold a container', () => {
  withHeap(MANUAL, (heap) => {
    heap.run(() => {
      const Plain = heap.struct('Plain', { x: 'float64', name: 'string', flag: 'boolean' });
      const Ref = heap.struct('Ref', { next: 'ref' });
      const Any = heap.struct('Any', { value: 'any' });
      expect(heap.gc.isTracked(new Plain({ name: LONG }))).toBe(false);
      expect(heap.gc.isTracked(new Ref())).toBe(true);
      expect(heap.gc.isTracked(new Any())).toBe(true);
      heap.gc.collect();
    });
  });
});

test('D3 only a full collection untracks a container that holds none any more', () => {
  withHeap(MANUAL, (heap) => {
    const array = heap.array();
    const map = heap.map();
    heap.run(() => {
      array.push(heap.array() as never);
      map.set('x', heap.array() as never);
      array.set(0, 1);
      map.set('x', 1);
    });
    const tracked = () => [heap.gc.isTracked(array), heap.gc.isTracked(map)];
    expect(tracked()).toEqual([true, true]);
    heap.gc.collect(0);
    expect(tracked()).toEqual([true, true]);
    heap.gc.collect(1);
    expect(tracked()).toEqual([true, true]);
    heap.gc.collect(2);
    expect(tracked()).toEqual([false, false]);
    expect(heap.gc.countObjects()).toBe(0);
    array.push(map as never); // and tracked again, young
    expect(tracked()).toEqual([true, false]);
    expect(heap.gc.countObjects(0)).toBe(1);
    array.release();
    map.release();
  });
});

test('D3 an array of untracked containers stays tracked: they may become part of cycles', () => {
  withHeap(MANUAL, (heap) => {
    const outer = heap.array();
    const inner = heap.array<unknown>();
    outer.push(inner as never);
    heap.gc.collect();
    expect([heap.gc.isTracked(outer), heap.gc.isTracked(inner)]).toEqual([true, false]);
    inner.push(outer as never);
    outer.release();
    inner.release();
    expect(heap.gc.collect()).toBe(2);
  });
});

test('B9 frozen objects are tracked, immortal ones are not', () => {
  withHeap(MANUAL, (heap) => {
    const frozen = chain(heap, 1);
    heap.gc.freeze();
    expect(heap.gc.isTracked(frozen)).toBe(true);
    const immortal = chain(heap, 1);
    expect(heap.gc.isTracked(immortal)).toBe(true);
    heap.immortalize(immortal);
    expect(heap.gc.isTracked(immortal)).toBe(false);
    frozen.release();
  });
});

test('B10 isFinalized is the bit of the header, false for atoms', () => {
  withHeap(MANUAL, (heap) => {
    const object = chain(heap, 1);
    expect(heap.gc.isFinalized(object)).toBe(false);
    heap.run(() => {
      const session = sessionOf(heap);
      const at = sharedRefOf(session, object, 'object') + HEADER_INFO;
      session.mem.i32[at] |= GC_FINALIZED;
    });
    expect(heap.gc.isFinalized(object)).toBe(true);
    for (const atom of [1, 'a', null, undefined]) expect(heap.gc.isFinalized(atom)).toBe(false);
    object.release();
  });
});

test('all questions are refused once the heap is closed', async () => {
  const heap = Heap.create({ maxBytes: 2 ** 20 });
  const { gc } = heap;
  await heap.close();
  for (const ask of [
    () => gc.collect(),
    () => gc.collect({ maxMs: 1 }),
    () => gc.getObjects(),
    () => gc.getReferrers(),
    () => gc.isTracked(1),
    () => gc.getStats(),
    () => gc.isEnabled(),
    () => gc.disabled(),
    () => gc.garbage,
    () => gc.onIdle(),
  ]) {
    expect(ask).toThrow(/heap/);
  }
});
