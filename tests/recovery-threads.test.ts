/** Real threads that are killed: the collector thread in its stops, and others by all means. */
import { setImmediate } from 'node:timers/promises';
import type { Worker } from 'node:worker_threads';
import { expect, test } from 'vitest';
import { ensureCollectorThread, startedCollector } from '../src/collector-thread.ts';
import { wantBackground } from '../src/gc/background-state.ts';
import { readDeaths } from '../src/gc/deaths.ts';
import { hasCollector, isCollectorServing } from '../src/gc/requests.ts';
import { findUnreachable } from '../src/gc/trace.ts';
import { type Heap, sessionOf } from '../src/heap.ts';
import { COLLECTOR_THREAD } from '../src/memory/layout.ts';
import { gilOwner } from '../src/sync/gil.ts';
import { canDieBy, sleep, startThread, type Thread, until, withStage } from './support/threads.ts';
import { withHeapAsync } from './support/with-heap.ts';

const MIB = 2 ** 20;
const SURVIVES = { tasks: 'tasks-lock', mayEndBroken: true, seconds: 60 };

// biome-ignore lint/suspicious/noExplicitAny: what stands in the roots is known to each test.
type Any = any;

function makeRings(heap: Heap): void {
  heap.run(() => {
    for (let i = 0; i < 10_000; i++) {
      const list = heap.array();
      list.push(heap.map([['list', list]] as Any) as Any);
    }
  });
}

test.runIf(process.platform === 'linux')(
  'the collector thread is killed when it stops the world, and nothing is lost or left',
  async () => {
    await withHeapAsync({ maxBytes: 64 * MIB, pauseBudgetMs: 200 }, async (heap) => {
      const { mem } = sessionOf(heap);
      heap.gc.disable();
      heap.root.set('kept', heap.array(Array.from({ length: 500 }, (_, i) => `text ${i}`)) as Any);
      for (let round = 0; round < 8; round++) {
        makeRings(heap);
        await until(() => ensureCollectorThread(mem) && isCollectorServing(mem), 20);
        heap.run(() => wantBackground(mem, 2));
        const end = performance.now() + 200;
        while (gilOwner(mem) !== COLLECTOR_THREAD && performance.now() < end);
        if (round % 3 === 1) await setImmediate();
        await (startedCollector(mem) as Worker).terminate();
        await until(() => !hasCollector(mem));
        expect(heap.verify()).toEqual([]);
        heap.gc.collect();
        expect(heap.run(() => findUnreachable(mem, []))).toEqual([]);
      }
      const deaths = heap.run(() => readDeaths(mem, 0)); // by chance in its stop or behind it
      expect(new Set(deaths.map(({ thread }) => thread))).toEqual(new Set([COLLECTOR_THREAD]));
      expect((heap.root.get('kept') as Any).length).toBe(500);
      heap.root.clear();
    });
  },
);

test.runIf(process.platform === 'linux')(
  'several threads work and are killed by turns; what is committed stays',
  async () => {
    await withStage(SURVIVES, async ({ heap, start }) => {
      heap.root.set('work', heap.map() as Any);
      heap.root.set(
        'pair',
        heap.map([
          ['left', 0],
          ['right', 0],
        ] as Any) as Any,
      );
      for (let round = 0; round < 8; round++) {
        const threads = (await start(3)) as Thread[];
        for (const [i, thread] of threads.entries()) {
          const task = i === 2 ? ['increment', 'pair', 1e9] : ['churn', 'work', round + i];
          thread.call(task[0] as string, ...task.slice(1)).catch(() => {});
        }
        await sleep(30);
        for (const thread of threads) {
          await thread.kill();
          expect(heap.verify()).toEqual([]);
        }
        heap.gc.collect();
        const { mem } = sessionOf(heap);
        expect(heap.run(() => findUnreachable(mem, []))).toEqual([]);
        const pair = heap.root.get('pair') as Any;
        // A section may end between its two stores, but none of them is lost or half done.
        expect(Math.abs(pair.get('left') + pair.get('right'))).toBeLessThanOrEqual(1 + round);
      }
    });
  },
);

test.runIf(canDieBy('memory'))(
  'a thread that runs out of memory of its own in a section costs the others nothing',
  async () => {
    await withStage(SURVIVES, async ({ heap }) => {
      heap.root.set('work', heap.map() as Any);
      const resourceLimits = { maxOldGenerationSizeMb: 32 };
      const token = heap.share();
      const thread = await startThread({ tasks: 'tasks-lock', token, resourceLimits });
      thread.call('gorge', 'work').catch(() => {});
      expect(await thread.ended).toBe(1);
      expect(heap.verify()).toEqual([]);
      expect((thread.crash() as Error & { code: string }).code).toBe('ERR_WORKER_OUT_OF_MEMORY');
      const deaths = heap.run(() => readDeaths(sessionOf(heap).mem, 0));
      expect(deaths).toMatchObject([{ where: 'holding' }]);
      const work = heap.root.get('work') as Any;
      for (const [key, list] of work) expect(work.get(key)).toBe(list);
    });
  },
);
