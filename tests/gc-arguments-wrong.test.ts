/** What `heap.gc` and the questions about one object refuse, and what they say then. */
import { EventEmitter } from 'node:events';
import { expect, test } from 'vitest';
import { HeapClosedError, NotShareableError, StaleHandleError } from '../src/base/errors.ts';
import { Heap } from '../src/heap.ts';
import { raw } from '../src/raw.ts';
import { withHeap } from './support/with-heap.ts';

const MANUAL = { thresholds: [0, 0, 0] as const };

/** The questions that take one handle, by the name that users call them by. */
const QUESTIONS = {
  id: (heap: Heap, handle: never) => heap.id(handle),
  refcount: (heap: Heap, handle: never) => heap.refcount(handle),
  immortalize: (heap: Heap, handle: never) => heap.immortalize(handle),
  getrefcount: (heap: Heap, handle: never) => heap.gc.getrefcount(handle),
};

for (const [name, ask] of Object.entries(QUESTIONS)) {
  test(`${name} says what it takes when it is given no handle`, () => {
    withHeap(MANUAL, (heap) => {
      const takes = `${name}() takes a handle of this heap (a struct, a map or an array of it)`;
      for (const [wrong, shown] of [
        [null, 'null'],
        [undefined, 'undefined'],
        [5, '5'],
        ['text', '"text"'],
        [5n, '5n'],
        [{}, 'an object'],
        [[], 'an object'],
        [Object.create(null), 'an object'],
        [() => 1, 'a function'],
      ]) {
        const question = () => ask(heap, wrong as never);
        expect(question).toThrow(TypeError);
        expect(question).toThrow(`${takes}, not ${shown}`);
      }
    });
  });

  test(`${name} refuses handles of others, stale ones, and any once the heap is closed`, () => {
    withHeap(MANUAL, (heap) => {
      const stale = heap.array();
      stale.release();
      expect(() => ask(heap, stale as never)).toThrow(StaleHandleError);
      withHeap(MANUAL, (other) => {
        const foreign = other.array();
        expect(() => ask(heap, foreign as never)).toThrow(NotShareableError);
        foreign.release();
      });
    });
    const closed = Heap.create({ maxBytes: 2 ** 20 });
    const handle = closed.array();
    closed[Symbol.dispose]();
    expect(() => ask(closed, handle as never)).toThrow(HeapClosedError);
    expect(() => ask(closed, null as never)).toThrow(HeapClosedError);
  });
}

test('fromHandle of the raw layer says so when it is given nothing', () => {
  withHeap(MANUAL, (heap) => {
    const layer = raw(heap);
    for (const nothing of [null, undefined]) {
      const ask = () => layer.fromHandle(nothing as never);
      expect(ask).toThrow(NotShareableError);
      expect(ask).toThrow(`it is ${nothing}`);
    }
  });
});

test('collect takes no object but one of options, and then collects nothing', () => {
  withHeap(MANUAL, (heap) => {
    const array = heap.array();
    class Options {
      generation = 0;
    }
    const takes = 'collect() takes its options as an object, { generation, wait, maxMs }, not';
    for (const [wrong, shown] of [
      [[], 'one of class Array'],
      [[0], 'one of class Array'],
      [new Map([['generation', 0]]), 'one of class Map'],
      [new Options(), 'one of class Options'],
      [array, 'one of class HeapArray'],
      [Object.create({ generation: 0 }), 'one that inherits them'],
    ]) {
      const collect = () => heap.gc.collect(wrong as never);
      expect(collect).toThrow(TypeError);
      expect(collect).toThrow(`${takes} ${shown}`);
    }
    expect(heap.gc.getStats().map(({ collections }) => collections)).toEqual([0, 0, 0]);
    expect(heap.gc.collect({ __proto__: null, generation: 0 } as never)).toBe(0);
    expect(heap.gc.getStats().map(({ collections }) => collections)).toEqual([1, 0, 0]);
    array.release();
  });
});

test('every refuses options that it does not have, and names those that it has', () => {
  withHeap(MANUAL, (heap) => {
    const every = (options: unknown) => () => heap.gc.every(options as never);
    expect(every({ ms: 5, generaton: 0 })).toThrow(TypeError);
    expect(every({ ms: 5, generaton: 0 })).toThrow(
      "unknown option 'generaton' of every(); the options are ms, generation",
    );
    for (const wrong of [5, null, [5], new Map([['ms', 5]])]) {
      expect(every(wrong)).toThrow('every() takes its options as an object, { ms, generation }');
    }
  });
});

test('on refuses what is no name of an event, and listens to nothing then', () => {
  withHeap(MANUAL, (heap) => {
    const emitter = new EventEmitter();
    for (const wrong of [undefined, null, 5, {}]) {
      expect(() => heap.gc.on(emitter, wrong as never)).toThrow(TypeError);
      expect(() => heap.gc.on(emitter, wrong as never)).toThrow('must be a string or a symbol');
    }
    expect(emitter.eventNames()).toEqual([]);
    const target = new EventTarget();
    for (const wrong of [undefined, Symbol('x')]) {
      expect(() => heap.gc.on(target, wrong as never)).toThrow(TypeError);
      expect(() => heap.gc.on(target, wrong as never)).toThrow(
        'the event of on() must be a string',
      );
    }
    expect(() => heap.gc.on(5 as never, 'x')).toThrow('an EventEmitter or an EventTarget, not 5');
    const event = Symbol('tick');
    heap.gc.on(emitter, event);
    emitter.emit(event);
    expect(heap.gc.getStats()[2].collections).toBe(1);
  });
});

test('getObjects and countObjects name all the generations that they take', () => {
  withHeap(MANUAL, (heap) => {
    const takes = 'the generation must be 0, 1 or 2, or null or -1 for all, not';
    for (const ask of ['getObjects', 'countObjects'] as const) {
      expect(() => heap.gc[ask](3)).toThrow(`${takes} 3`);
      expect(() => heap.gc[ask]('1' as never)).toThrow(`${takes} "1"`);
    }
  });
});
