/**
 * Tasks that end their thread: in every way, in every state it can be in. What is to end a thread
 * inside of the library stands in callbacks of the program, or in place of a function of `Atomics`
 * or `performance`, which the library calls there.
 */
import { readlinkSync } from 'node:fs';
import { dieAnywhere, dieHere, dieIn, raise, SURVIVED } from './dying.mjs';

/** Signal: the thread is where it is to die. */
const THERE = 0;

/** Words of the heap, as in `src/memory/layout.ts`, and states of it. */
const LOCK_WORD = 16;
const STATE_WORD = 32;
const THREADS_SEEN = 44;
const OWNER_MASK = 0xff;
const RECOVERING = 4;

/** @typedef {import('./threads.ts').Context} Context */
/** @typedef {import('./dying.mjs').Way} Way */

/** Runs `body` in the event loop, so that nobody catches what it throws. */
const soon = (/** @type {() => void} */ body) => void setImmediate(body);

/**
 * What the program can be asked in the middle of an operation.
 * @type {Record<string, (context: Context, die: () => any) => unknown>}
 */
const OPERATIONS = {
  'array.sort': ({ heap }, die) => heap.array(['c', 'a', 'b']).sort(die),
  'array.map': ({ heap }, die) => heap.array(['a', 'b', 'c']).map(die),
  'array.splice in a section': ({ heap }, die) =>
    heap.run(() => {
      const array = heap.array(/** @type {unknown[]} */ (['a', 'b', 'c']));
      array.splice(1, 1, 'x', heap.array(['y']));
      die();
    }),
  'map.forEach': ({ heap }, die) => heap.map([['a', heap.array()]]).forEach(die),
  'an open iterator'({ heap }, die) {
    const shared = /** @type {any} */ (heap.root.get('shared'));
    for (const _ of shared.keys()) die();
  },
  'set.union'({ heap }, die) {
    const other = { size: 1, has: die, keys: () => ({ next: die }) };
    return /** @type {any} */ (heap.set(['a', 'b'])).union(other);
  },
  'heap.from': ({ heap }, die) =>
    heap.from({
      first: [{ a: 1 }, ['text']],
      get late() {
        return die();
      },
    }),
  'a new struct'({ heap }, die) {
    const Node = heap.struct('Late', { name: 'string', next: 'ref' });
    const fields = {
      name: 'text',
      get next() {
        return die();
      },
    };
    return new Node(/** @type {any} */ (fields));
  },
  'heap.scope': ({ heap }, die) =>
    heap.scope(() => {
      heap.array([heap.map([['scoped', 1]])]);
      die();
    }),
  'gc.collect'({ heap }, die) {
    const array = heap.array();
    array.push(array);
    array.release();
    heap.gc.callbacks.push((phase) => phase === 'start' && die());
    heap.gc.collect();
  },
  'an atomic section'({ heap }, die) {
    const shared = /** @type {any} */ (heap.root.get('shared'));
    heap.run(
      () => {
        for (let i = 0; i < 30; i++) shared.set(`new ${i}`, heap.array([i]));
        shared.delete('a');
        heap.root.set('lost', shared);
        die();
      },
      { atomic: true },
    );
  },
};

/** @type {Record<string, (context: Context, ...args: any[]) => unknown>} */
export const tasks = {
  /** The system's number of this thread. */
  osThread: () => Number(readlinkSync('/proc/thread-self').split('/').at(-1)),

  attach(context) {
    context.heap = context.sharc.Heap.attach(context.token);
  },

  /** Keeps `count` objects of its own, of two blocks each, and the map `shared`. */
  keep({ heap, kept }, count) {
    kept.own = Array.from({ length: count }, (_, i) => heap.array([`text ${i} of a thread`]));
    kept.shared = heap.root.get('shared');
  },

  /** What `keep` has kept: texts, and how often each is counted. */
  kept: ({ heap, kept }) =>
    /** @type {any[]} */ (kept.own).map((array) => [array.at(0), heap.refcount(array)]),

  /** Dies before its record is complete, or before it has joined with it. */
  attaching(context, way, moment) {
    const { sharc, token } = context;
    const die = () => dieHere(context.signals, way);
    if (moment === 'before') dieIn(Atomics, 'add', (_, at) => at === THREADS_SEEN, die);
    else dieIn(globalThis, 'setInterval', () => true, die);
    soon(() => void sharc.Heap.attach(token));
  },

  /** Waits for the lock, blocking. Only the test can end that. */
  waiting({ heap, signals }) {
    soon(() => {
      raise(signals, THERE);
      heap.run(() => raise(signals, SURVIVED));
    });
  },

  /** Waits for the lock without blocking, and dies in its event loop. */
  waitingAsync(context, way, method) {
    const { heap, signals } = context;
    heap[/** @type {'runAsync' | 'readAsync'} */ (method)](() => raise(signals, SURVIVED));
    soon(() => dieHere(context.signals, way));
  },

  holding(context, way) {
    soon(() => context.heap.run(() => dieHere(context.signals, way)));
  },

  reading(context, way) {
    const { heap } = context;
    soon(() =>
      heap.read(() => {
        const shared = /** @type {any} */ (heap.root.get('shared'));
        shared.get('a').keep();
        dieHere(context.signals, way);
      }),
    );
  },

  operating(context, way, name) {
    soon(() => void OPERATIONS[name]?.(context, () => dieHere(context.signals, way)));
  },

  /** Takes over the lock of a dead thread, and dies in the `nth` call of a recovery. */
  recovering(context, way, nth, threadId) {
    const { heap, raw } = context;
    const { i32 } = raw(heap);
    const { load } = Atomics;
    let calls = 0;
    const isRecovering = () =>
      load(i32, STATE_WORD) === RECOVERING &&
      (load(i32, LOCK_WORD) & OWNER_MASK) === threadId &&
      ++calls === nth;
    dieAnywhere(isRecovering, () => dieHere(context.signals, way));
    soon(() => heap.run(() => {}));
  },

  /** Holds the lock until the signal `release`. Returns what it has of it. */
  hold({ heap, signals }, held, release) {
    return heap.run(() => {
      const local = heap.array(['mine']);
      raise(signals, held);
      while (Atomics.load(signals, release) === 0) Atomics.wait(signals, release, 0, 1000);
      return local.at(0);
    });
  },

  /** A long section, which lets others in, until the signal `stop`. What it has is its own. */
  long({ heap, signals }, begun, stop) {
    return heap.run(() => {
      const local = heap.array(['mine']);
      const shared = /** @type {any} */ (heap.root.get('shared'));
      raise(signals, begun);
      while (Atomics.load(signals, stop) === 0) {
        heap.safepoint();
        if (local.at(0) !== 'mine' || heap.refcount(local) !== 1) throw new Error('disturbed');
      }
      return [local.at(0), [...shared.keys()].join()];
    });
  },

  /** A read section, until the signal `stop`. What it reads does not change. */
  longReading({ heap, signals }, begun, stop) {
    return heap.read(() => {
      const shared = /** @type {any} */ (heap.root.get('shared'));
      raise(signals, begun);
      while (Atomics.load(signals, stop) === 0) {
        if ([...shared.keys()].join() !== 'a,b') throw new Error('disturbed');
      }
      return [shared.size, [...shared.keys()].join()];
    });
  },

  /** Waits for the lock once; says before that it will. */
  wait({ heap, signals }, waiting) {
    raise(signals, waiting);
    return heap.run(() => 'ran');
  },
};
