/** Several heaps in one thread, and leaving a heap in places where that is not allowed. */
import { expect, test } from 'vitest';
import { type Handle, Heap, HeapClosedError, StaleHandleError } from '../src/index.ts';
import { contentsOf, heapOptions } from './support/threads.ts';

const SMALL = { maxBytes: 2 ** 21 };

function withTwo(body: (a: Heap, b: Heap) => void): void {
  using a = Heap.create(heapOptions(SMALL));
  using b = Heap.create(heapOptions(SMALL));
  a.root.set('warm', 1);
  b.root.set('warm', 1);
  a.array().release(); // the root tables are there from here on
  b.array().release();
  const before = [contentsOf(a), contentsOf(b)];
  body(a, b);
  expect([contentsOf(a), contentsOf(b)]).toEqual(before);
  expect(a.verify()).toEqual([]);
  expect(b.verify()).toEqual([]);
}

test('a handle that leaves sections of two heaps is kept by its own', () => {
  withTwo((a, b) => {
    const inner = b.run(() => a.run(() => b.array()));
    expect(inner.length).toBe(0);
    expect(b.refcount(inner)).toBe(1);
    inner.release();
    const outer = a.run(() => b.run(() => b.array()));
    expect(outer.length).toBe(0);
    outer.release();
    const single = a.run(() => b.array());
    expect(single.length).toBe(0);
    single.release();
    expect(() => single.length).toThrow(StaleHandleError);
  });
});

test('a scope of one heap leaves the handles of another alone', () => {
  withTwo((a, b) => {
    b.run(() => {
      const first = b.map();
      const array = a.run(() => {
        a.array();
        return a.scope(() => {
          a.map();
          a.map();
          return b.array();
        });
      });
      expect(array.length).toBe(0);
      expect(first.size).toBe(0);
      expect(b.refcount(array)).toBe(1);
    });
    a.scope(() => b.array()).release();
  });
});

test('a handle of another heap is refused wherever a handle is taken', () => {
  withTwo((a, b) => {
    const foreign = b.array();
    const own = a.map<unknown, unknown>();
    const uses: (() => unknown)[] = [
      ...[() => a.id(foreign), () => a.refcount(foreign), () => a.immortalize(foreign)],
      ...[() => own.set('x', foreign), () => own.set(foreign, 1), () => a.array().push(foreign)],
    ];
    a.run(() => {
      for (const use of uses) expect(use).toThrow();
      expect(own.size).toBe(0);
      expect(own.has(foreign)).toBe(false);
    });
    expect(own.is(foreign as unknown as Handle)).toBe(false);
    foreign.release();
    own.release();
  });
});

test('a thread cannot leave a heap inside a section, and stays in it after trying', () => {
  withTwo((a, b) => {
    a.run(() => {
      expect(() => a.detach()).toThrow(TypeError);
      expect(() => a[Symbol.dispose]()).toThrow(TypeError);
      a.run(() => expect(() => a.detach()).toThrow(TypeError));
      expect(a.run(() => b.run(() => 'ran'))).toBe('ran');
    });
    expect(a.run(() => 'ran')).toBe('ran');
  });
});

test('a heap may be made, shared and closed inside a section of another', () => {
  withTwo((a) => {
    a.run(() => {
      const c = Heap.create(heapOptions(SMALL));
      expect(Heap.attach(c.share())).toBe(c);
      const array = c.array();
      c[Symbol.dispose]();
      expect(() => array.length).toThrow(HeapClosedError);
      expect(() => c.run(() => {})).toThrow(HeapClosedError);
    });
  });
});

test('a promise from a section is refused, and the lock is free afterwards', () => {
  withTwo((a) => {
    expect(() => a.run(async () => a.array())).toThrow(TypeError);
    expect(() => a.run(() => a.run(() => Promise.reject(new Error('lost'))))).toThrow(TypeError);
    expect(() => a.scope(async () => 1)).toThrow(TypeError);
    expect(a.run(() => 'ran', { timeoutMs: 0 })).toBe('ran');
  });
});

test('wrong section options are refused before anything runs', () => {
  withTwo((a) => {
    let ran = false;
    const body = () => {
      ran = true;
    };
    for (const options of [null, 5, { timeout: 5 }, [1]]) {
      expect(() => a.run(body, options as never)).toThrow(TypeError);
    }
    for (const timeoutMs of [-1, Number.NaN, '5', null]) {
      expect(() => a.run(body, { timeoutMs } as never)).toThrow(RangeError);
    }
    expect(ran).toBe(false);
  });
});
