/** `sharc/piscina`: what goes to tasks and comes back, and what they leave behind: nothing. */

import { spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { Piscina } from 'piscina';
import { describe, expect, test } from 'vitest';
import {
  AtomicSectionError,
  type Handle,
  Heap,
  type HeapArray,
  type HeapMap,
} from '../src/index.ts';
import { createPool, type HeapPool, type PoolOptions, task, workerHeap } from '../src/piscina.ts';
import { heapOptions, LIBRARY, until } from './support/threads.ts';
import { mortalObjects } from './support/with-heap.ts';

const FILE = new URL('./support/pool-worker.mjs', import.meta.url).href;

type NMap = HeapMap<string, number>;

interface Stage {
  readonly heap: Heap;
  readonly pool: HeapPool;
  /** Mortal objects when the body began; the handles of the workers are in it. */
  mortal(): number;
}

/**
 * Runs `body` with a pool. Afterwards nothing may be left that the tasks have acquired, while the
 * workers still are in the heap.
 */
async function withPool(options: PoolOptions, body: (stage: Stage) => unknown): Promise<void> {
  const heap = Heap.create(heapOptions());
  const env = { ...process.env, SHARC_LIBRARY: LIBRARY };
  const pool = createPool(heap, { filename: FILE, minThreads: 1, maxThreads: 1, env, ...options });
  try {
    await body({ heap, pool, mortal: () => mortalObjects(heap) });
    expect(heap.stats().inTransit).toBe(0);
    heap.gc.collect();
    expect(heap.verify()).toEqual([]);
    expect(mortalObjects(heap)).toBe(0);
  } finally {
    await pool.destroy();
    await heap.close().catch(() => {});
  }
}

const nMap = (heap: Heap, n: number): NMap => heap.map<string, number>().set('n', n);
const release = (...handles: readonly Handle[]) => {
  for (const handle of handles) handle.release();
};

describe('inputs and results', () => {
  test('in an atomic section a task is refused before it is given to a worker', async () => {
    await withPool({}, async ({ heap, pool }) => {
      using map = nMap(heap, 1);
      const given = { promise: Promise.resolve() };
      const give = () => {
        given.promise = pool.run(map, { name: 'size' });
      };
      heap.run(give, { atomic: true });
      await expect(given.promise).rejects.toBeInstanceOf(AtomicSectionError);
      expect(pool.completed).toBe(0);
      heap.run(give);
      expect(await given.promise).toBe(1);
    });
  });

  test('handles pass as references', async () => {
    await withPool({}, async ({ heap, pool }) => {
      const map = nMap(heap, 1);
      expect(await pool.run(map, { name: 'size' })).toBe(1);
      expect(await pool.run(map, { name: 'echo' })).toBe(map);
      release(map, map);
      expect(await pool.run(null, { name: 'heapId' })).toBe(true);
    });
  });

  test('also in plain objects and arrays, shared parts and cycles included', async () => {
    await withPool({}, async ({ heap, pool }) => {
      const map = nMap(heap, 1);
      const shared: Record<string, unknown> = { map };
      shared.self = shared;
      const input = {
        shared,
        again: Object.assign(new Array(4), { 0: shared, 2: map }),
        date: new Date(5),
        ['__proto__']: { map },
        set: new Set([1]),
        none: undefined,
      };
      const result = await pool.run(input, { name: 'echo' });
      expect(result).toEqual(input);
      expect(result.again[0]).toBe(result.shared);
      expect(result.shared.self).toBe(result.shared);
      expect(Object.getOwnPropertyDescriptor(result, '__proto__')?.value).toEqual({ map });
      expect(result.set).toBeInstanceOf(Set);
      for (let i = 0; i < 4; i++) release(map);
    });
  });

  test('many at once, and those that tasks make', async () => {
    await withPool({}, async ({ heap, pool }) => {
      const maps = Array.from({ length: 5000 }, (_, n) => nMap(heap, n));
      expect(await pool.run(maps, { name: 'echo' })).toEqual(maps);
      release(...maps, ...maps);
      const made = await pool.run(5000, { name: 'make' });
      expect(made.maps.map((map: NMap) => map.get('n'))).toEqual(maps.map((_, n) => n));
      release(...made.maps);
    });
  });

  test('proxies of heap.proxy arrive as such', async () => {
    await withPool({}, async ({ heap, pool }) => {
      const map = nMap(heap, 1);
      const view = heap.proxy(map);
      const [first, second] = await pool.run([view, map], { name: 'echo' });
      expect(first).toBe(view);
      expect(second).toBe(map);
      release(map, map, map);
    });
  });

  test('what has no handles passes as with Piscina', async () => {
    await withPool({}, async ({ pool }) => {
      for (const value of [undefined, null, 'text', { a: [1] }, new Map([[1, 2]])]) {
        expect(await pool.run(value, { name: 'echo' })).toEqual(value);
      }
      const buffer = new ArrayBuffer(8);
      const moved = Piscina.move(buffer) as never;
      const result = await pool.run(moved, { name: 'moved' });
      expect(result.byteLength).toBe(4);
      expect(buffer.byteLength).toBe(0);
      const other = new ArrayBuffer(8);
      await pool.run({ other }, { name: 'echo', transferList: [other] });
      expect(other.byteLength).toBe(0);
    });
  });

  test.each([
    ['none', undefined],
    ['an object', { mine: 1 }],
  ])("the program's workerData is there: %s", async (_what, workerData) => {
    await withPool({ workerData }, async ({ pool }) => {
      expect(await pool.run(null, { name: 'data' })).toMatchObject(workerData ?? {});
    });
  });

  test('workerData that is no plain object stays what it is', async () => {
    await withPool({ workerData: 'mine' }, async ({ pool }) => {
      expect(await pool.run(null, { name: 'data' })).toBe('mine');
      await expect(pool.run(null, { name: 'heapId' })).rejects.toThrow('no worker of a pool');
    });
  });
});

/** A map with a child, and some more maps. */
function family(heap: Heap): { map: HeapMap; maps: HeapArray[]; end(): void } {
  const map = heap.map();
  heap.run(() => map.set('child', heap.array()));
  const maps = [1, 2].map((n) => heap.array([n]));
  const children = maps.map((_, i) => heap.map().set('i', i));
  return { map, maps: children as never, end: () => release(map, ...maps, ...children) };
}

describe('what a task forgets is released when it ends', () => {
  test('whatever way it was acquired', async () => {
    await withPool({}, async ({ heap, pool, mortal }) => {
      const { map, maps, end } = family(heap);
      await pool.run({ map, maps }, { name: 'forget' });
      const before = mortal();
      const counts = [map, ...maps].map((one) => heap.refcount(one));
      for (let i = 0; i < 300; i++) {
        expect(await pool.run({ map, maps }, { name: 'forget' })).toBe(2);
      }
      expect(mortal()).toBe(before);
      expect([map, ...maps].map((one) => heap.refcount(one))).toEqual(counts);
      expect(counts).toEqual([1, 1, 1]);
      end();
    });
  });

  test.each(['fail', 'failAsync'])('when it throws: %s', async (name) => {
    await withPool({}, async ({ heap, pool }) => {
      const { map, maps, end } = family(heap);
      for (let i = 0; i < 5; i++) {
        await expect(pool.run({ map, maps }, { name })).rejects.toThrow(RangeError);
        expect(heap.refcount(map)).toBe(1);
      }
      end();
    });
  });

  test('when several run in a worker at a time', async () => {
    await withPool({ concurrentTasksPerWorker: 8 }, async ({ heap, pool }) => {
      const { map, end } = family(heap);
      const runs = Array.from({ length: 40 }, (_, i) =>
        pool.run({ map, ms: i % 5 }, { name: 'forgetAsync' }),
      );
      const results = (await Promise.all(runs)) as HeapMap[];
      expect(heap.refcount(map)).toBe(1);
      expect(new Set(results).size).toBe(40);
      release(...results);
      end();
    });
  });

  test('in read sections, and in sections that wait without blocking', async () => {
    await withPool({ concurrentTasksPerWorker: 4 }, async ({ heap, pool }) => {
      const { map, end } = family(heap);
      const name = 'forgetInSections';
      const results = await Promise.all(
        Array.from({ length: 50 }, () => pool.run({ map }, { name }) as Promise<HeapMap>),
      );
      expect(heap.refcount(map)).toBe(1);
      release(...results);
      end();
    });
  });

  test.each(['sync', 'async', 'disabled'] as const)('with atomics: %s', async (atomics) => {
    await withPool({ atomics }, async ({ heap, pool }) => {
      const { map, maps, end } = family(heap);
      for (let i = 0; i < 5; i++) await pool.run({ map, maps }, { name: 'forget' });
      expect(heap.refcount(map)).toBe(1);
      end();
    });
  });

  test('views of bytes by and by, in spite of `atomics: sync`', async () => {
    await withPool({}, async ({ heap, pool }) => {
      for (let i = 0; i < 100; i++) await pool.run(1000, { name: 'forgetView' });
      expect(heap.stats().objectsByKind.bytes).toBe(100);
      for (let i = 0; i < 1000 && heap.stats().objectsByKind.bytes !== undefined; i++) {
        await pool.run(null, { name: i % 64 === 0 ? 'collectViews' : 'id' });
      }
      expect(heap.stats().objectsByKind.bytes).toBeUndefined();
    });
  });

  test('but not what it retains', async () => {
    await withPool({}, async ({ heap, pool }) => {
      const map = nMap(heap, 5);
      await pool.run(map, { name: 'retainIt' });
      expect(heap.refcount(map)).toBe(2);
      map.release();
      for (let i = 0; i < 3; i++) expect(await pool.run(null, { name: 'readRetained' })).toBe(5);
      expect(await pool.run(null, { name: 'unretainIt' })).toBe('this handle was not retained');
    });
  });
});

describe('what goes wrong', () => {
  test('what cannot be sent', async () => {
    await withPool({}, async ({ heap, pool }) => {
      const map = nMap(heap, 1);
      const stale = heap.map();
      stale.release();
      using other = Heap.create();
      using stranger = other.map();
      for (const [input, why] of [
        [[map, stale], 'no longer protects'],
        [[map, stranger], 'another heap'],
        [{ map, f: () => {} }, 'could not be cloned'],
        [{ map, inside: new Map([[1, map]]) }, 'a handle of a shared heap'],
      ] as const) {
        await expect(pool.run(input, { name: 'echo' })).rejects.toThrow(why);
        expect(heap.stats().inTransit).toBe(0);
        expect(heap.refcount(map)).toBe(1);
      }
      release(map);
    });
  });

  test('a function that was not made by task(), and one that is called by itself', async () => {
    await withPool({}, async ({ heap, pool }) => {
      const map = nMap(heap, 1);
      const wrong = pool.run(map, { name: 'notMadeByTask' });
      await expect(wrong).rejects.toThrow('was not made by task()');
      await expect(pool.run(map, { name: 'nowhere' })).rejects.toThrow();
      release(map);
    });
    await expect(task(() => 1)(5)).rejects.toThrow('a pool that createPool() has made');
    expect(() => workerHeap()).toThrow('no worker of a pool');
  });

  test('options that Piscina refuses', async () => {
    await withPool({}, async ({ heap, pool }) => {
      const map = nMap(heap, 1);
      await expect(pool.run(map, null as never)).rejects.toThrow('options must be an object');
      await expect(pool.run(map, { name: 5 as never })).rejects.toThrow('name argument');
      release(map);
      expect(() => createPool(heap, { maxThreads: 0 })).toThrow('options.maxThreads');
    });
  });

  test('a full queue', async () => {
    const signals = new Int32Array(new SharedArrayBuffer(16));
    await withPool({ maxQueue: 1 }, async ({ heap, pool }) => {
      const map = nMap(heap, 1);
      const runs = Array.from({ length: 5 }, () =>
        pool.run({ signals, map }, { name: 'waitFor' }).catch((error) => error.message),
      );
      await until(() => Atomics.load(signals, 1) > 0);
      Atomics.store(signals, 0, 1);
      const results = await Promise.all(runs);
      expect(results).toContain(1);
      expect(results).toContain('Task queue is at limit');
      expect(heap.refcount(map)).toBe(1);
      release(map);
    });
  });

  test('a pool that is destroyed with tasks running and waiting', async () => {
    const heap = Heap.create(heapOptions());
    const pool = createPool(heap, { filename: FILE, maxThreads: 1 });
    const signals = new Int32Array(new SharedArrayBuffer(16));
    const map = nMap(heap, 1);
    const runs = Array.from({ length: 5 }, () => pool.run({ signals }, { name: 'block' }));
    const queued = pool.run(map, { name: 'echo' });
    const settled = Promise.allSettled([...runs, queued]);
    await until(() => Atomics.load(signals, 1) > 0);
    await pool.destroy();
    expect((await settled).every(({ status }) => status === 'rejected')).toBe(true);
    expect(heap.refcount(map)).toBe(1);
    expect(heap.stats().inTransit).toBe(0);
    release(map);
    expect(heap.verify()).toEqual([]);
    await heap.close();
  });
});

interface Exit {
  readonly code: number | null;
  readonly output: string;
}

test('a process ends when its pool has nothing to do', async () => {
  const script = fileURLToPath(new URL('./support/pool-exits.mjs', import.meta.url));
  const child = spawn(process.execPath, [script, LIBRARY]);
  let output = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream.on('data', (chunk) => {
      output += chunk;
    });
  }
  const exit = await new Promise<Exit>((ended) =>
    child.once('close', (code) => ended({ code, output })),
  );
  expect(exit).toEqual({ code: 0, output: '1\n' });
});
