/** Atomic sections in a full heap: what fails has changed nothing, and is not done twice. */
import { expect, test } from 'vitest';
import { type Heap, HeapExhaustedError } from '../src/index.ts';
import { hostile } from '../src/testing.ts';
import { withHeap } from './support/with-heap.ts';

/** Entries that the log has already: it grows by leaves of 32 elements at first. */
const NOTED_MAX = 34;
/** The allocation of an operation that fails, at most. */
const ALLOCATIONS_MAX = 3;

const LONG = (n: number) => `value number ${n}, a text that is not stored once for all`;

/** What the operations work on. */
function createWorld(heap: Heap) {
  const Point = heap.struct('Point', { n: 'int32', f: 'float64', text: 'string', any: 'any' });
  const child = heap.array([1]);
  return {
    heap,
    child,
    array: heap.array<unknown>(Array.from({ length: 60 }, (_, i) => (i % 7 === 0 ? child : i))),
    map: heap.map<unknown, unknown>(Array.from({ length: 20 }, (_, i) => [i, LONG(i)])),
    set: heap.set<unknown>(Array.from({ length: 20 }, (_, i) => LONG(i))),
    queue: heap.queue<unknown>({ capacity: 8 }),
    object: heap.from({ a: 1, b: LONG(1) } as Record<string, unknown>),
    point: new Point({ n: 1, f: 2, text: LONG(3), any: LONG(4) }),
    counter: heap.counter(1),
  };
}
type World = ReturnType<typeof createWorld>;

const OPERATIONS: Readonly<Record<string, (world: World) => unknown>> = {
  fill: ({ array }) => array.fill(-1),
  'fill with an object': ({ array, child }) => array.fill(child),
  copyWithin: ({ array }) => array.copyWithin(0, 30),
  reverse: ({ array }) => array.reverse(),
  sort: ({ array }) => array.sort(),
  set: ({ array }) => array.set(7, 'other'),
  push: ({ array }) => array.push(LONG(1), 2),
  pop: ({ array }) => array.pop(),
  shift: ({ array }) => array.shift(),
  unshift: ({ array }) => array.unshift(LONG(1), 2),
  splice: ({ array }) => array.splice(10, 20, LONG(1), 2),
  'a shorter length': ({ array }) => {
    array.length = 5;
  },
  'map.set, new': ({ map }) => map.set('new', LONG(1)),
  'map.set, old': ({ map }) => map.set(3, LONG(1)),
  'map.delete': ({ map }) => map.delete(3),
  'map.clear': ({ map }) => map.clear(),
  'set.add': ({ set }) => set.add(LONG(99)),
  'set.delete': ({ set }) => set.delete(LONG(9)),
  'set.clear': ({ set }) => set.clear(),
  'queue.tryPush': ({ queue }) => queue.tryPush(LONG(9)),
  'queue.tryPop': ({ queue }) => queue.tryPop(),
  'queue.close': ({ queue }) => queue.close(),
  'object.set, new': ({ object }) => object.set('new', LONG(1)),
  'object.set, old': ({ object }) => object.set('a', LONG(1)),
  'object.delete': ({ object }) => object.delete('a'),
  'an int32 field': ({ point }) => {
    point.n = 5;
  },
  'a float64 field': ({ point }) => {
    point.f = 5;
  },
  'a string field': ({ point }) => {
    point.text = LONG(5);
  },
  'an untyped field': ({ point }) => {
    point.any = LONG(5);
  },
  'counter.add': ({ counter }) => counter.add(1),
};

function dump({ heap, array, map, set, queue, object, point, counter, child }: World): unknown {
  const show = (value: unknown) => (value === child ? 'child' : value);
  return heap.run(() => ({
    array: array.map(show),
    map: [...map],
    set: [...set],
    queue: [heap.toJS(queue), queue.isClosed],
    object: heap.toJS(object),
    point: point.toJSON(),
    counter: counter.value,
  }));
}

for (const [name, operation] of Object.entries(OPERATIONS)) {
  test(`an operation that finds no room in an atomic section has changed nothing: ${name}`, () => {
    let failures = 0;
    for (let noted = 0; noted < NOTED_MAX; noted++) {
      for (let nth = 1; nth <= ALLOCATIONS_MAX; nth++) {
        withHeap({ maxBytes: 2 ** 24 }, (heap) => {
          const world = createWorld(heap);
          for (let i = 1; i <= 5; i++) world.queue.push(LONG(i));
          const other = heap.array(new Array(NOTED_MAX).fill(0));
          const before = dump(world);
          const references = heap.refcount(world.child);
          let hasFailed = false;
          heap.run(
            () => {
              for (let i = 0; i < noted; i++) other.set(i, 1);
              const hostility = hostile(heap, { failNth: nth });
              try {
                operation(world);
              } catch (error) {
                expect(error).toBeInstanceOf(HeapExhaustedError);
                hasFailed = true;
                failures++;
                expect(dump(world)).toEqual(before);
              } finally {
                hostility[Symbol.dispose]();
              }
            },
            { atomic: true },
          );
          if (hasFailed) expect(heap.refcount(world.child)).toBe(references);
        });
      }
    }
    expect(failures).toBeGreaterThan(0);
  });
}
