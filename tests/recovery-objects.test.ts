/** Structs, strings, plain objects, copies, handles, pages, killed at every store. */
import { beforeAll, expect, test } from 'vitest';
import { type Heap, sessionOf } from '../src/heap.ts';
import { expectBetween, killAtEveryStore, type Step } from './support/kill-steps.ts';
import { patchAtomics } from './support/killing.ts';

beforeAll(patchAtomics);

// biome-ignore lint/suspicious/noExplicitAny: what stands in the roots is known to each test.
type Any = any;

const FIELDS = {
  next: 'ref',
  name: 'string',
  extra: 'any',
  x: 'float64',
  n: 'int32',
  small: 'int8',
  big: 'bigint64',
  isBlue: 'boolean',
} as const;

const nodes = (heap: Heap): Any => heap.struct('Node', FIELDS as Any);
const root = (heap: Heap, name: string): Any => heap.root.get(name);

function nodeStep(name: string, change: (node: Any, heap: Heap) => unknown): Step<Any> {
  return {
    name,
    setup: (heap) => {
      const Node = nodes(heap);
      const next = new Node({ name: 'second' });
      heap.root.set('node', new Node({ name: 'first', next, extra: 'kept', x: 1.5, n: 7 }));
      return root(heap, 'node');
    },
    run: (heap, node) => change(node, heap),
    check: (heap) => {
      nodes(heap);
      const node = root(heap, 'node');
      expect(['first', 'other', null]).toContain(node.name);
      expect([1.5, 2.5]).toContain(node.x);
    },
  };
}

const STRUCTS: Step<Any>[] = [
  nodeStep('a struct is made and dropped', (_, heap) => heap.run(() => void new (nodes(heap))())),
  nodeStep(
    'a struct is made and kept',
    (_, heap) => new (nodes(heap))({ name: 'new', extra: 10n }),
  ),
  nodeStep('a reference is replaced', (node, heap) => {
    node.next = new (nodes(heap))({ name: 'third' });
  }),
  nodeStep('a reference is cleared', (node) => {
    node.next = null;
  }),
  nodeStep('a cycle is closed', (node) => {
    node.next = node;
  }),
  nodeStep('a string is replaced', (node) => {
    node.name = 'other';
  }),
  nodeStep('values of all kinds are stored', (node, heap) => {
    for (const value of [1, 2.5, 'text', null, true, 10n, new Date(5), node, heap.array(['in'])]) {
      node.extra = value;
    }
  }),
  nodeStep('numbers are stored', (node) => {
    node.x = 2.5;
    node.n = -1;
    node.small = 3;
    node.big = 2n ** 40n;
    node.isBlue = true;
  }),
  nodeStep('a root is replaced', (node, heap) => {
    heap.root.set('node', node);
    heap.root.set('other', node);
    heap.root.delete('other');
  }),
  nodeStep('a struct is declared', (_, heap) => {
    const Other = heap.struct('Other', { a: 'ref', b: 'string' } as Any) as Any;
    heap.root.set('declared', new Other({ b: 'text' }));
  }),
  nodeStep('a chain dies', (_, heap) => {
    const Node = nodes(heap);
    heap.run(() => {
      let last = null;
      for (let i = 0; i < 12; i++) last = new Node({ next: last, name: `link ${i}` });
    });
  }),
  nodeStep('a handle is kept and released', (node) => {
    node.keep();
    node.release();
    node.next.release();
  }),
];

const heapStep = (
  name: string,
  run: (heap: Heap) => unknown,
  check?: (heap: Heap) => void,
  options: Partial<Step<Any>> = {},
): Step<Any> => ({
  name,
  setup: (heap) => heap.root.set('kept', heap.array(['kept', heap.map([['a', 1]])]) as Any),
  run,
  check: (heap) => {
    const kept = root(heap, 'kept');
    expect(kept.at(0)).toBe('kept');
    expect([...kept.at(1)]).toEqual([['a', 1]]);
    check?.(heap);
  },
  ...options,
});

const VALUES: Step<Any>[] = [
  heapStep(
    'strings are interned over bucket splits',
    (heap) => {
      const list = heap.array();
      heap.root.set('texts', list as Any);
      heap.run(() => {
        for (let i = 0; i < 40; i++) list.push(`text number ${i}`);
      });
    },
    (heap) => {
      const found = root(heap, 'texts');
      if (found === undefined) return;
      expect([...found]).toEqual(
        Array.from({ length: found.length }, (_, i) => `text number ${i}`),
      );
    },
  ),
  heapStep('strings die, and the table shrinks', (heap) => {
    heap.run(() => {
      for (const text of Array.from({ length: 45 }, (_, i) => `short ${i}`)) heap.array([text]);
    });
  }),
  heapStep('long strings come and go', (heap) => {
    heap.run(() => {
      const list = heap.array(['x'.repeat(100), 'é'.repeat(40), '€'.repeat(300)]);
      list.push('x'.repeat(5000));
    });
  }),
  heapStep('strings are interned for ever', (heap) => {
    heap.intern('short one');
    heap.intern('a long one '.repeat(10));
    heap.intern('another long one '.repeat(10));
  }),
  heapStep('an object is immortalized', (heap) => heap.immortalize(root(heap, 'kept'))),
  heapStep('tuples are made', (heap) => {
    heap.root.set('tuple', heap.tuple(1, 'two', root(heap, 'kept'), 4.5) as Any);
  }),
  heapStep('bytes are made', (heap) => {
    heap.root.set('bytes', heap.bytes(100) as Any);
    heap.root.set('bytes', heap.bytes(new Uint8Array([1, 2, 3])) as Any);
    heap.root.delete('bytes');
  }),
  heapStep('large objects come and go', (heap) => {
    heap.root.set('bytes', heap.bytes(600_000) as Any);
    heap.root.set('bytes', heap.bytes(700_000) as Any);
    heap.root.delete('bytes');
  }),
  heapStep('pages are taken and released', (heap) => {
    heap.run(() => {
      for (let i = 0; i < 40; i++) heap.bytes(3000 + i * 400);
    });
  }),
  heapStep(
    'runs of full nodes come and go',
    (heap) => {
      heap.run(() => {
        const list = heap.array();
        list.length = 6000;
        list.length = 3;
      });
    },
    undefined,
    { every: 60 },
  ),
  heapStep(
    'a value is copied',
    (heap) => {
      const source: Any = { a: 1, list: [1, 'two', { three: 3n }], date: new Date(7) };
      source.map = new Map<unknown, unknown>([['key', source.list]]);
      source.self = source;
      heap.root.set('copy', heap.from(source) as Any);
    },
    (heap) => {
      const copy = root(heap, 'copy');
      if (copy === undefined) return;
      const back = heap.toJS(copy) as Any;
      expect(back.self).toBe(back);
      expect(back.list).toEqual([1, 'two', { three: 3n }]);
    },
  ),
  heapStep('a copy fails half way', (heap) => {
    expect(() => heap.from({ list: [{ a: 1 }, { b: [2, 'x'] }], no: () => {} } as Any)).toThrow();
  }),
  heapStep('values are read', (heap) => {
    heap.toJS(root(heap, 'kept'));
    heap.gc.getReferents(root(heap, 'kept'));
  }),
  heapStep('guards and settings change', (heap) => {
    heap.gc.disabled()[Symbol.dispose]();
    heap.gc.disabled();
    heap.gc.setThreshold(5, 5, 5);
    heap.gc.freeze();
    heap.gc.unfreeze();
  }),
  heapStep('the thread leaves', (heap) => {
    root(heap, 'kept').at(1).keep();
    root(heap, 'kept').at(1).keys().next();
    sessionOf(heap).mem.i32[8] = 0; // it has not created the heap: so that is not closed
    heap.detach();
  }),
];

const person = { name: 'Ada', age: 36 };
const objectStep = (name: string, change: (object: Any, heap: Heap) => unknown): Step<Any> => ({
  name,
  setup: (heap) => {
    heap.root.set('object', heap.from(person) as Any);
    return heap.proxy(root(heap, 'object'));
  },
  run: (heap, object) => change(object, heap),
  check: (heap) => {
    const found = heap.toJS(root(heap, 'object')) as Any;
    expect(['Ada', 'Bob', undefined]).toContain(found.name);
    expect(found.age).toBe(36);
    expectBetween(Object.keys(found), ['name', 'age'], ['age', 'more', 'even']);
  },
});

const OBJECTS: Step<Any>[] = [
  objectStep('a property is set', (object) => {
    object.name = 'Bob';
  }),
  objectStep('a property is added', (object) => {
    object.more = ['x', { y: 1 }];
  }),
  objectStep('a property is deleted', (object) => {
    delete object.name;
  }),
  objectStep('properties are added and deleted', (object) => {
    object.more = 1;
    object.even = 'more';
    delete object.more;
  }),
];

test.each([...STRUCTS, ...VALUES, ...OBJECTS].map((step) => [step.name, step] as const))(
  '%s',
  (_, step) => {
    expect(killAtEveryStore(step)).toBeGreaterThan(3);
  },
);
