/** A crowd: as many threads as a heap takes, all real and all at work. */
import { expect, test } from 'vitest';
import { MAX_THREADS } from '../src/memory/layout.ts';
import { rootMap, type Thread, until, withStage } from './support/threads.ts';

/** Threads started at a time. */
const BATCH = 16;
const START = 3;
const STOP = 4;
/** The first of 127 signals in which the threads count their sections. */
const FIRST_COUNT = 100;

test('127 workers and this thread share a heap: none is lost, all get on', async () => {
  await withStage({ tasks: 'tasks-lock', seconds: 60 }, async ({ heap, signals, start }) => {
    using pair = rootMap<number>(heap, 'pair').set('left', 0).set('right', 0);
    const threads: Thread[] = [];
    while (threads.length < MAX_THREADS - 1) {
      threads.push(...(await start(Math.min(BATCH, MAX_THREADS - 1 - threads.length))));
    }
    expect(heap.stats().threads.map(({ id }) => id)).toEqual(
      Array.from({ length: MAX_THREADS }, (_, i) => i + 1),
    );
    const broken = await Promise.all(threads.map((t) => t.call<number>('increment', 'pair', 50)));
    expect(Math.max(...broken)).toBe(0);
    expect(pair.get('left')).toBe(50 * (MAX_THREADS - 1));
    const results = threads.map((t, i) => t.call('contend', START, STOP, 0, FIRST_COUNT + i));
    Atomics.store(signals, START, 1);
    Atomics.notify(signals, START);
    // Nobody stops before everybody had a section.
    await until(() => threads.every((_, i) => Atomics.load(signals, FIRST_COUNT + i) > 0), 50);
    Atomics.store(signals, STOP, 1);
    await Promise.all(results);
  });
});
