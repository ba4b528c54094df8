/** Tasks of the tests on passing references: `send-threads`. */

import { isMainThread, threadId, Worker } from 'node:worker_threads';

/** @type {Record<string, (context: import('./threads.ts').Context, ...args: any[]) => unknown>} */
export const tasks = {
  threadId: () => threadId,

  /** Makes a map of `n` and sends it; keeps nothing. */
  send({ heap }, n, options) {
    return heap.run(() => heap.send(heap.map().set('n', n), options));
  },

  sendAndHold(context, n) {
    const map = context.heap.map().set('n', n);
    context.kept.map = map;
    return context.heap.send(map);
  },

  receive(context, token) {
    const map = /** @type {any} */ (context.heap.receive(token));
    context.kept.received = map;
    return map.get('n');
  },

  receiveAndRelease({ heap }, token) {
    return heap.run(() => /** @type {any} */ (heap.receive(token)).get('n'));
  },

  revoke: ({ heap }, token) => heap.revoke(token),

  attach(context) {
    context.heap = context.sharc.Heap.attach(context.token);
  },
  detach: ({ heap }) => heap.detach(),
  exit: (_context, code) => process.exit(code),

  /** Tries to receive every token, all threads at the same moment. Returns what it got. */
  race({ heap, sharc, signals }, tokens, threads) {
    Atomics.add(signals, 0, 1);
    while (Atomics.load(signals, 0) < threads);
    const got = [];
    for (const token of tokens) {
      try {
        got.push(heap.run(() => /** @type {any} */ (heap.receive(token)).get('n')));
      } catch (error) {
        if (!(error instanceof sharc.SpentTokenError)) throw error;
      }
    }
    return got;
  },

  /** Starts a worker that ends when told, and sends it something that it never receives. */
  async sendToWorker(context, howItEnds) {
    const { heap } = context;
    const worker = new Worker(
      "require('node:worker_threads').parentPort.once('message', () => {})",
      {
        eval: true,
      },
    );
    const token = heap.run(() => heap.send(heap.map().set('n', 1), { to: worker }));
    heap.run(() => heap.send(heap.map().set('n', 2), { to: worker }));
    const before = heap.stats().inTransit;
    const { promise, resolve } = withResolvers();
    worker.once('exit', resolve);
    if (howItEnds === 'killed') await worker.terminate();
    else worker.postMessage(token);
    await promise;
    const late = heap.run(() => heap.send(heap.map().set('n', 3), { to: worker }));
    return { before, after: heap.stats().inTransit, late: heap.revoke(late) };
  },

  /** A chain of structs, sent. */
  sendChain({ heap }, length) {
    const Node = heap.struct('Node', { next: 'ref', value: 'int32' });
    const chain = heap.run(() => {
      let head = new Node({ value: 0 });
      for (let i = 1; i < length; i++) {
        head = heap.scope(() => new Node({ next: head, value: i }));
      }
      return head;
    });
    const token = heap.send(chain);
    chain.release();
    return token;
  },

  walkChain({ heap }, token) {
    return heap.run(() => {
      let sum = 0;
      let node = /** @type {any} */ (heap.receive(token)).keep();
      while (node !== null) {
        sum += node.value;
        const next = node.next?.keep() ?? null;
        node.release();
        node = next;
      }
      return sum;
    });
  },

  isMainThread: () => isMainThread,
};

function withResolvers() {
  /** @type {(value: unknown) => void} */
  let resolve = () => {};
  const promise = new Promise((fulfil) => {
    resolve = fulfil;
  });
  return { promise, resolve };
}
