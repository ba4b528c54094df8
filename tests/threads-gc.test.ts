/** `heap.gc` with several threads: one flag, one claim, one array of garbage (semantics B1, B2). */
import { expect, test } from 'vitest';
import { sessionOf } from '../src/heap.ts';
import { DEBUG_SAVEALL, Heap } from '../src/index.ts';
import { GC_BACKGROUND_MIN, GC_COLLECTING } from '../src/memory/layout.ts';
import { ring } from './support/shapes.ts';
import { heapOptions, type Stage, sleep, until, withStage } from './support/threads.ts';

const MANUAL = { tasks: 'tasks-gc', thresholds: [0, 0, 0] as const };
const GO = 0;
const ARRIVED = 1;

function go({ signals }: Stage): void {
  Atomics.store(signals, GO, 1);
  Atomics.notify(signals, GO);
}

/** Waits until a thread waits for another's collection: a notification then finds somebody. */
async function untilJoined(heap: Heap): Promise<void> {
  const { i32 } = sessionOf(heap).mem;
  await until(() => Atomics.notify(i32, GC_COLLECTING) === 1);
}

const arrived = ({ signals }: Stage) => Atomics.load(signals, ARRIVED);

test('B1 flags, thresholds and counts are those of the heap, for all threads', async () => {
  await withStage(MANUAL, async ({ heap, start }) => {
    const [thread] = await start(1);
    await thread.call('setThreshold', 123, 4);
    expect(heap.gc.getThreshold()).toEqual([123, 4, 0]);
    await thread.call('disable');
    expect(heap.gc.isEnabled()).toBe(false);
    heap.gc.enable();
    expect(await thread.call('isEnabled')).toBe(true);
    heap.gc.disable();
    await thread.call('dropRing', 5);
    ring(heap, 7).release();
    expect(heap.gc.getCount()).toEqual([12, 0, 0]);
    expect(await thread.call('getCount')).toEqual([12, 0, 0]);
    expect(await thread.call('collect')).toBe(12); // also what another thread has made
    expect(await thread.call('collections')).toEqual([0, 0, 1]);
    expect(heap.gc.getStats()[2].collected).toBe(12);
  });
});

test('B2 collect returns 0 at once while another thread is in an explicit collection', async () => {
  await withStage(MANUAL, async (stage) => {
    const { heap } = stage;
    const [thread] = await stage.start(1);
    ring(heap, 3).release();
    const other = thread.call('collectAndWait');
    await until(() => arrived(stage) === 1);
    expect(heap.gc.collect()).toBe(0);
    expect(heap.gc.collect({ maxMs: 1000 })).toBe(0);
    expect(heap.run(() => heap.gc.collect())).toBe(0);
    expect(heap.gc.getStats()[2].collections).toBe(0);
    go(stage);
    expect(await other).toBe(3);
    expect(heap.gc.collect()).toBe(0);
    expect(heap.gc.getStats()[2].collections).toBe(2);
  });
});

test('B2 with wait, collect joins the other thread and returns its number', async () => {
  await withStage(MANUAL, async (stage) => {
    const { heap } = stage;
    const [collecting, waiting] = await stage.start(2);
    ring(heap, 30).release();
    const first = collecting.call('collectAndWait');
    await until(() => arrived(stage) === 1);
    const joined = waiting.call('collect', { wait: true });
    await untilJoined(heap);
    expect(heap.gc.getStats()[2].collections).toBe(0);
    go(stage);
    expect(await first).toBe(30);
    expect(await joined).toBe(30);
    expect(heap.gc.getStats()[2].collections).toBe(1);
  });
});

test('B2 with wait in a section, collect does not wait but collects', async () => {
  await withStage(MANUAL, async (stage) => {
    const { heap } = stage;
    const [thread] = await stage.start(1);
    ring(heap, 3).release();
    const other = thread.call('collectAndWait');
    await until(() => arrived(stage) === 1);
    expect(heap.run(() => heap.gc.collect({ wait: true }))).toBe(3);
    go(stage);
    expect(await other).toBe(0);
  });
});

test('B2 an automatic collection of another thread never makes collect return 0', async () => {
  await withStage(MANUAL, async (stage) => {
    const { heap } = stage;
    const [thread] = await stage.start(1);
    const other = thread.call('allocateAndWait'); // a ring of 20 makes one due
    await until(() => arrived(stage) === 1);
    ring(heap, 5).release();
    expect(heap.gc.collect()).toBe(25); // takes the claim over
    go(stage);
    expect(await other).toBe(0); // and the other's collection is due no more
    expect(heap.gc.getStats().map((stats) => stats.collections)).toEqual([0, 0, 1]);
  });
});

test('B2 no automatic collection begins while another thread is in an explicit one', async () => {
  await withStage({ ...MANUAL, thresholds: [10, 100, 100] }, async (stage) => {
    const { heap } = stage;
    const [thread] = await stage.start(1);
    const other = thread.call('collectAndWait');
    await until(() => arrived(stage) === 1);
    for (let i = 0; i < 100; i++) ring(heap, 3).release();
    expect(heap.gc.getStats().map((stats) => stats.collections)).toEqual([0, 0, 0]);
    go(stage);
    expect(await other).toBe(300);
  });
});

test('B2 a thread that is killed in a collection stands in nobody’s way', async () => {
  await withStage({ ...MANUAL, mayEndBroken: true }, async (stage) => {
    const { heap } = stage;
    const [thread] = await stage.start(1);
    ring(heap, 3).release();
    thread.call('collectAndWait').catch(() => {});
    await until(() => arrived(stage) === 1);
    await thread.kill();
    await until(() => heap.gc.collect() === 3); // its end may take the system a moment
    expect(heap.verify()).toEqual([]);
  });
});

test('B2 nor does it stand in the way of automatic collections', async () => {
  await withStage({ ...MANUAL, mayEndBroken: true, thresholds: [10, 1e6, 1e6] }, async (stage) => {
    const { heap } = stage;
    const [thread] = await stage.start(1);
    thread.call('collectAndWait').catch(() => {});
    await until(() => arrived(stage) === 1);
    await thread.kill();
    await until(() => {
      ring(heap, 11).release();
      return heap.gc.getStats()[0].collections > 0;
    });
    expect(heap.verify()).toEqual([]);
  });
});

test('B2 whoever waits for a thread that is killed waits no longer', async () => {
  await withStage({ ...MANUAL, mayEndBroken: true }, async (stage) => {
    const { heap } = stage;
    const [collecting, waiting] = await stage.start(2);
    collecting.call('collectAndWait').catch(() => {});
    await until(() => arrived(stage) === 1);
    const joined = waiting.call<number>('collect', { wait: true });
    await untilJoined(heap);
    await collecting.kill();
    expect(await joined).toBe(0);
  });
});

test('B18 callbacks are those of the thread that collects', async () => {
  await withStage(MANUAL, async ({ heap, start }) => {
    const [thread] = await start(1);
    await thread.call('listen');
    const mine: string[] = [];
    heap.gc.callbacks.push((phase) => mine.push(phase));
    heap.gc.collect();
    expect(await thread.call('heard')).toEqual([]);
    await thread.call('collect');
    expect(await thread.call('heard')).toEqual(['start', 'stop']);
    expect(mine).toEqual(['start', 'stop']);
  });
});

test('B18 what runs in the background begins and ends for the thread that started it', async () => {
  await withStage({ ...MANUAL, thresholds: [10, 0, 0] }, async ({ heap, start }) => {
    const [thread] = await start(1);
    await thread.call('listen');
    heap.run(() => {
      sessionOf(heap).mem.i32[GC_BACKGROUND_MIN] = 100;
    });
    const heard: string[] = [];
    heap.gc.callbacks.push((phase, { generation, collected }) => {
      heard.push(`${phase} ${generation} ${collected}`);
    });
    const kept = ring(heap, 1000); // large enough to go to the collector thread
    expect(heard).toEqual(['start 0 0']);
    await until(() => {
      heap.array().release(); // a safepoint
      return heard.length > 1;
    });
    expect(heard).toEqual(['start 0 0', 'stop 0 0']);
    kept.release();
    expect(heap.gc.collect()).toBe(1000);
    expect(heard.slice(2)).toEqual(['start 2 0', 'stop 2 1000']);
    expect(await thread.call('heard')).toEqual([]);
  });
});

test('B2 collect gives up what runs in the background, whose stop is told', async () => {
  await withStage({ ...MANUAL, thresholds: [10, 0, 0] }, async ({ heap }) => {
    heap.run(() => {
      sessionOf(heap).mem.i32[GC_BACKGROUND_MIN] = 100;
    });
    const heard: string[] = [];
    heap.gc.callbacks.push((phase, { generation, collected }) => {
      heard.push(`${phase} ${generation} ${collected}`);
    });
    ring(heap, 1000).release(); // it has only just been asked for, and is garbage by now
    expect(heap.gc.collect()).toBe(1000);
    heap.array().release();
    expect(heard).toEqual(['start 0 0', 'start 2 0', 'stop 2 1000', 'stop 0 0']);
  });
});

test('B17 garbage is one array for all threads', async () => {
  await withStage(MANUAL, async ({ heap, start }) => {
    const [thread] = await start(1);
    heap.gc.setDebug(DEBUG_SAVEALL);
    await thread.call('dropRing', 4);
    expect(await thread.call('collect')).toBe(4);
    expect(heap.gc.garbage.length).toBe(4);
    expect(await thread.call('garbageLength')).toBe(4);
    heap.gc.setDebug(0);
    heap.gc.garbage.length = 0;
    expect(heap.gc.collect()).toBe(4);
  });
});

test('C8 a guard in one thread stops automatic collections in all', async () => {
  await withStage({ ...MANUAL, thresholds: [10, 100, 100] }, async ({ heap, start }) => {
    const [thread] = await start(1);
    await thread.call('guard');
    for (let i = 0; i < 50; i++) ring(heap, 1).release();
    expect(heap.gc.getStats()[0].collections).toBe(0);
    await thread.call('detach'); // closes its guards
    heap.array().release();
    for (let i = 0; i < 2; i++) ring(heap, 1).release();
    expect(heap.gc.getStats()[0].collections).toBe(1);
    heap.gc.collect();
  });
});

test('B5 B6 readers, collectors and allocators together see whole figures', async () => {
  await withStage({ ...MANUAL, thresholds: [50, 5, 5] }, async ({ heap, start }) => {
    const threads = await start(4);
    const [found] = await Promise.all([
      threads[0].call<number>('churn', 600, 10),
      threads[1].call('churn', 600, 1000),
      threads[2].call('read', 300),
      threads[3].call('toggle', 600),
    ]);
    expect(found).toBeLessThanOrEqual(3600);
    heap.gc.collect();
    const collected = heap.gc.getStats().reduce((sum, stats) => sum + stats.collected, 0);
    expect(collected).toBe(3600);
    expect(heap.gc.countObjects()).toBe(0);
  });
});

test('a heap whose collections are told to callbacks in every thread runs them all', async () => {
  await withStage({ ...MANUAL, thresholds: [20, 5, 5] }, async ({ heap, start }) => {
    const threads = await start(3);
    for (const thread of threads) await thread.call('listen');
    await Promise.all(threads.map((thread) => thread.call('churn', 500, 50)));
    const heard = await Promise.all(threads.map((thread) => thread.call<string[]>('heard')));
    for (const phases of heard) {
      const starts = phases.filter((phase) => phase === 'start').length;
      expect(phases.length).toBe(2 * starts);
      expect(starts).toBeGreaterThan(0);
      expect(phases.every((phase, i) => phase === (i % 2 === 0 ? 'start' : 'stop'))).toBe(true);
    }
    heap.gc.collect();
    const collected = heap.gc.getStats().reduce((sum, stats) => sum + stats.collected, 0);
    expect(collected).toBe(4500);
  });
});

test('an open schedule does not keep a heap from being closed', async () => {
  const heap = Heap.create(heapOptions());
  heap.gc.every({ ms: 1 });
  await sleep(10);
  await heap.close();
  expect(() => heap.gc.collect()).toThrow(/heap/);
});
