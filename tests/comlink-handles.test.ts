/** `sharc/comlink`: handles as arguments and results, between a thread and its worker. */

import { spawn } from 'node:child_process';
import { createRequire } from 'node:module';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { Worker } from 'node:worker_threads';
import * as Comlink from 'comlink';
import { describe, expect, test } from 'vitest';
import { withHandles } from '../src/comlink.ts';
import { AtomicSectionError, Heap, HeapClosedError, type HeapMap } from '../src/index.ts';
import { MAX_THREADS, type ThreadId } from '../src/memory/layout.ts';
import { Memory } from '../src/memory/memory.ts';
import { claimThread, releaseThread } from '../src/sync/thread-table.ts';
import { expectSound, heapOptions, LIBRARY, until } from './support/threads.ts';
import { mortalObjects } from './support/with-heap.ts';

type NMap = HeapMap<string, number>;

/** The functions of `comlink-worker.mjs`. */
interface Api {
  size(map: NMap): number;
  take(map: NMap): number;
  same(a: NMap, b: NMap): boolean;
  keep(map: NMap): void;
  forget(): void;
  make(n: number): NMap;
  identity<T>(value: T): T;
  returnNested(map: NMap): { map: NMap; list: [NMap, number] };
  nested(input: { maps: NMap[]; options: object }): number;
  viewed(view: object): unknown;
  callBack(callback: unknown, n: number): number;
  exposed(): { size(map: NMap): number } & Comlink.ProxyMarked;
  detach(): void;
  block(): void;
  waitFor(signal: SharedArrayBuffer): void;
  makeAndSay(n: number, signal: SharedArrayBuffer): NMap;
}

const resolve = (path: string) => pathToFileURL(createRequire(import.meta.url).resolve(path)).href;
const BUILDS = {
  umd: [resolve('comlink'), resolve('comlink/dist/umd/node-adapter.js')],
  esm: [resolve('comlink/dist/esm/comlink.mjs'), resolve('comlink/dist/esm/node-adapter.mjs')],
} as const;

interface Stage {
  readonly heap: Heap;
  readonly worker: Worker;
  readonly api: Comlink.Remote<Api>;
}

/** A heap, and a worker that has joined it. */
async function startWorker(build: keyof typeof BUILDS = 'umd'): Promise<Stage> {
  const heap = Heap.create(heapOptions());
  const [comlink, adapter] = BUILDS[build];
  const worker = new Worker(new URL('./support/comlink-worker.mjs', import.meta.url), {
    workerData: { heap: heap.share(), library: LIBRARY, comlink, adapter },
  });
  const { wrap } = (await import(comlink)) as typeof Comlink;
  const { default: nodeEndpoint } = await import(adapter);
  const endpoint = (nodeEndpoint.default ?? nodeEndpoint)(worker);
  return { heap, worker, api: wrap(endpoint) as unknown as Comlink.Remote<Api> };
}

/** Runs `body` with a worker. Afterwards the worker is ended, and nothing may be left behind. */
async function withWorker(
  body: (stage: Stage) => Promise<void>,
  build: keyof typeof BUILDS = 'umd',
): Promise<void> {
  const { heap, worker, api } = await startWorker(build);
  const exit = new Promise((ended) => worker.once('exit', ended));
  try {
    await body({ heap, worker, api });
    if (worker.threadId !== -1) await api.detach();
    await worker.terminate();
    await exit;
    await until(() => heap.stats().inTransit === 0);
    heap.gc.collect();
    expectSound(heap);
    expect(mortalObjects(heap)).toBe(0);
  } finally {
    await worker.terminate();
    await heap.close().catch(() => {}); // it may be broken where the body has failed
  }
}

const nMap = (heap: Heap, n: number): NMap => heap.map<string, number>().set('n', n);

describe.each(['umd', 'esm'] as const)('with comlink as it is built for %s', (build) => {
  test('handles are arguments and results', async () => {
    await withWorker(async ({ heap, api }) => {
      using map = nMap(heap, 1);
      expect(await api.size(map)).toBe(1);
      expect(await api.same(map, map)).toBe(true);
      using again = (await api.identity(map)) as NMap;
      expect(again).toBe(map);
      using made = (await api.make(7)) as NMap;
      expect(made.get('n')).toBe(7);
      expect(await api.take(made)).toBe(7);
      expect(await api.identity(5)).toBe(5);
    }, build);
  });

  test('handles are arguments and results of callbacks', async () => {
    await withWorker(async ({ heap, api }) => {
      using mine = nMap(heap, 100);
      const seen: number[] = [];
      const callback = Comlink.proxy((theirs: NMap) => {
        seen.push(theirs.get('n') as number);
        theirs.release();
        return mine;
      });
      const { proxyMarker } = await import(BUILDS[build][0]);
      Object.assign(callback, { [proxyMarker]: true });
      expect(await api.callBack(callback, 3)).toBe(100);
      expect(seen).toEqual([3]);
    }, build);
  });
});

test('handles are arguments of functions of exposed objects', async () => {
  await withWorker(async ({ heap, api }) => {
    using map = nMap(heap, 1);
    const exposed = await api.exposed();
    expect(await exposed.size(map)).toBe(1);
    exposed[Comlink.releaseProxy]();
  });
});

test('a handle that was received is kept, until it is released', async () => {
  await withWorker(async ({ heap, api }) => {
    using map = nMap(heap, 1);
    await api.keep(map);
    await api.keep(map);
    expect(heap.refcount(map)).toBe(2); // one row in each thread
    await api.forget();
    expect(heap.refcount(map)).toBe(1 + 1 - 1);
  });
});

test('proxies of heap.proxy arrive as such', async () => {
  await withWorker(async ({ heap, api }) => {
    using map = nMap(heap, 8);
    const view = heap.proxy(map) as unknown as { n: number };
    expect(await api.viewed(view)).toBe(8);
    const back = (await api.identity(view)) as typeof view;
    expect(back).toBe(view);
    map.release(); // what came back was acquired once more
  });
});

test('inside of objects and arrays handles pass where the program asks for it', async () => {
  await withWorker(async ({ heap, api }) => {
    const maps = [nMap(heap, 1), nMap(heap, 2)];
    const input = { maps, options: { factor: 10 } };
    await expect(api.nested(input)).rejects.toThrow('a handle of a shared heap');
    expect(heap.stats().inTransit).toBe(0);
    expect(await api.nested(withHandles(input))).toBe(30);
    expect(input.maps).toBe(maps); // the argument is as it was
    const [first, second] = maps as [NMap, NMap];
    const { map, list } = (await api.returnNested(first)) as { map: NMap; list: [NMap, number] };
    expect([map, list]).toEqual([first, [first, 1]]);
    map.release();
    map.release();
    first.release();
    second.release();
    expect(await api.identity(withHandles({ a: [1, { b: 2 }] }))).toEqual({ a: [1, { b: 2 }] });
  });
});

test('10,000 handles go there and back, one by one and all at once', async () => {
  await withWorker(async ({ heap, api }) => {
    const count = 10_000;
    const maps = Array.from({ length: count }, (_, n) => nMap(heap, n));
    const sums = await Promise.all(maps.map((map) => api.identity(map)));
    expect(sums.every((map, n) => map === maps[n])).toBe(true);
    for (const map of maps) map.release(); // the one that came back stays
    const all = (await api.identity(withHandles(maps))) as NMap[];
    expect(all).toEqual(maps);
    for (const map of maps) {
      map.release();
      map.release();
    }
    expect(heap.stats().inTransit).toBe(0);
  });
}, 120_000);

describe('a message that nobody reads gives its references back', () => {
  test('a stale handle, or one beside what cannot be cloned, is not sent', async () => {
    await withWorker(async ({ heap, api }) => {
      using map = nMap(heap, 1);
      const stale = nMap(heap, 2);
      stale.release();
      expect(() => api.same(map, stale)).toThrow('no longer protects an object');
      const wrong = api.same(map, (() => {}) as never);
      await expect(wrong).rejects.toThrow('could not be cloned');
      await until(() => heap.stats().inTransit === 0);
      expect(heap.refcount(map)).toBe(1);
    });
  });

  test('the worker has ended', async () => {
    await withWorker(async ({ heap, worker, api }) => {
      await api.detach();
      await worker.terminate();
      using map = nMap(heap, 1);
      void api.size(map);
      await until(() => heap.stats().inTransit === 0);
      expect(heap.refcount(map)).toBe(1);
    });
  });

  test('the worker is killed before it reads them', async () => {
    await withWorker(async ({ heap, worker, api }) => {
      await api.detach(); // holds nothing, and never comes back to its messages
      void api.block();
      using map = nMap(heap, 1);
      for (let i = 0; i < 100; i++) void api.size(map);
      void api.nested(withHandles({ maps: [map, map], options: {} }));
      expect(heap.stats().inTransit).toBe(101);
      await worker.terminate();
      await until(() => heap.stats().inTransit === 0);
      expect(heap.refcount(map)).toBe(1);
    });
  });
});

describe('what cannot be received', () => {
  const signalled = () => new Int32Array(new SharedArrayBuffer(4));
  const raise = (signal: Int32Array) => {
    Atomics.store(signal, 0, 1);
    Atomics.notify(signal, 0);
  };

  test.each(['umd', 'esm'] as const)(
    'a call fails whose heap was closed meanwhile; the worker lives on (%s)',
    async (build) => {
      const { heap, worker, api } = await startWorker(build);
      const map = nMap(heap, 1);
      expect(await api.size(map)).toBe(1);
      const signal = signalled();
      const blocked = api.waitFor(signal.buffer as SharedArrayBuffer);
      const calls = [
        api.size(map),
        api.identity(map),
        api.nested(withHandles({ maps: [map] }) as never),
      ];
      const reasons = Promise.allSettled(calls);
      await heap.close();
      raise(signal);
      await blocked;
      for (const result of await reasons) {
        expect(result).toMatchObject({ status: 'rejected', reason: { name: 'HeapClosedError' } });
      }
      expect(await api.identity(5)).toBe(5);
      await worker.terminate();
    },
  );

  test('a result is refused whose heap was closed meanwhile', async () => {
    const { heap, worker, api } = await startWorker();
    const signal = signalled();
    const call = api.makeAndSay(1, signal.buffer as SharedArrayBuffer);
    expect(Atomics.wait(signal, 0, 0, 20_000)).not.toBe('timed-out');
    const closed = heap.close();
    await expect(call).rejects.toBeInstanceOf(HeapClosedError);
    await closed;
    await worker.terminate();
  });

  test('a call fails whose receiver finds no place in the heap, and gives back', async () => {
    await withWorker(async ({ heap, api }) => {
      await api.detach();
      using map = nMap(heap, 1);
      const { buffer } = heap.share();
      const mem = new Memory(buffer, 1 as ThreadId);
      const taken: ThreadId[] = [];
      while (heap.stats().threads.length < MAX_THREADS) taken.push(claimThread(buffer));
      await expect(api.size(map)).rejects.toMatchObject({ name: 'TooManyThreadsError' });
      await until(() => heap.stats().inTransit === 0);
      for (const id of taken) releaseThread(mem, id);
      expect(await api.size(map)).toBe(1);
      expect(heap.stats().inTransit).toBe(0);
    });
  });

  test('in an atomic section a call with handles is refused before it is sent', async () => {
    await withWorker(async ({ heap, api }) => {
      using map = nMap(heap, 1);
      const call = () => heap.run(() => void api.keep(map), { atomic: true });
      expect(call).toThrow(AtomicSectionError);
      expect(heap.stats().inTransit).toBe(0);
      expect(await api.take(map)).toBe(1); // had the other been sent, it would have come before
      expect(heap.refcount(map)).toBe(1);
    });
  });
});

test('forgotten handles are released by and by', async () => {
  await withWorker(async ({ heap, api }) => {
    for (let n = 0; n < 100; n++) await api.make(n);
    expect(heap.stats().objectsByKind.map).toBeGreaterThan(2); // some, at least
    await until(() => {
      globalThis.gc?.();
      return mortalObjects(heap) === 0;
    }, 50);
  });
});

test('a process ends when it is done, whatever was sent', async () => {
  const [comlink, adapter] = BUILDS.esm;
  const script = fileURLToPath(new URL('./support/comlink-exits.mjs', import.meta.url));
  const child = spawn(process.execPath, [script, LIBRARY, comlink, adapter]);
  let output = '';
  child.stdout.on('data', (chunk) => {
    output += chunk;
  });
  child.stderr.on('data', (chunk) => {
    output += chunk;
  });
  const code = await new Promise((ended) => child.once('close', ended));
  expect({ code, output }).toEqual({ code: 0, output: '1' });
});
