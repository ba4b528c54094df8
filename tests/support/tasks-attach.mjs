/** Tasks of the tests on joining and leaving a heap: `threads-attach`, `threads-exit`. */

/** Makes work in the heap that only this thread's handles hold. @param {any} heap */
function makeHandles(heap) {
  const kept = [];
  for (let i = 0; i < 100; i++) {
    const map = heap.map().set('i', i).set('text', `a string too long to be interned, number ${i}`);
    map.set('self', heap.array());
    kept.push(map);
  }
  kept.push(heap.run(() => heap.array().keep()).keep());
  return kept;
}

/** @type {Record<string, (context: import('./threads.ts').Context, ...args: any[]) => unknown>} */
export const tasks = {
  attach(context, token) {
    context.heap = context.sharc.Heap.attach(token ?? context.token);
  },

  attachTwice({ sharc, token, heap }) {
    return sharc.Heap.attach(token) === heap && sharc.Heap.attach({ ...token }) === heap;
  },

  detach: ({ heap }) => heap.detach(),
  close: ({ heap }) => heap.close(),

  attachAndDetach({ sharc, token }, times) {
    for (let i = 0; i < times; i++) {
      const heap = sharc.Heap.attach(token);
      heap.run(() => heap.root.set('n', /** @type {number} */ (heap.root.get('n')) + 1));
      heap.detach();
    }
  },

  /** Attaches after `token` was sent, and says what an earlier handle is good for after leaving. */
  leaveAndReturn(context) {
    const { sharc, token, heap } = context;
    const map = heap.map();
    heap.detach();
    const codes = [];
    for (const use of [
      () => map.size,
      () => heap.run(() => {}),
      () => heap.root,
      () => heap.share(),
    ]) {
      try {
        use();
        codes.push('none');
      } catch (error) {
        codes.push(/** @type {any} */ (error).code);
      }
    }
    heap.detach();
    map[Symbol.dispose]();
    context.heap = sharc.Heap.attach(token);
    return { codes, isNew: context.heap !== heap, size: context.heap.root.size };
  },

  /** Creates a heap of its own and returns its token. */
  create(context, options) {
    context.heap = context.sharc.Heap.create(options);
    context.heap.root.set('from', 'creator');
    return context.heap.share();
  },

  read: ({ heap }, name) => heap.root.get(name),
  write: ({ heap }, name, value) => void heap.root.set(name, value),
  run: ({ heap }) => heap.run(() => 'ran'),

  /** Keeps many objects alive, and open iterators, and blocks of other size classes. */
  fill(context) {
    const { heap, kept } = context;
    kept.handles = makeHandles(heap);
    const map = heap.map();
    for (let i = 0; i < 50; i++) map.set(i, i);
    const iterator = map.entries();
    iterator.next();
    kept.iterator = iterator;
    kept.map = map;
    const shared = /** @type {any} */ (heap.root.get('shared'));
    kept.sharedIterator = shared.keys();
    /** @type {any} */ (kept.sharedIterator).next();
    kept.large = heap.array();
    for (let i = 0; i < 5000; i++) /** @type {any} */ (kept.large).push(`string number ${i}`);
  },

  exit(_, code) {
    setImmediate(() => process.exit(code));
  },

  crash() {
    setImmediate(() => {
      throw new Error('on purpose');
    });
  },

  exitInSection({ heap }) {
    setImmediate(() => heap.run(() => process.exit(3)));
  },
};
