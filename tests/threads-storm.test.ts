/** Threads killed at random moments: the heap goes on for all others, and is sound. */
import { expect, test } from 'vitest';
import { Heap } from '../src/index.ts';
import { type Random, withRandom } from './support/random.ts';
import { heapOptions, sleep, startThread, type Thread } from './support/threads.ts';
import { startWatchdog } from './support/watchdog.ts';

const STOP = 4;

interface Outcome {
  readonly sections: number;
  readonly broken: boolean;
}

/** Four threads at work, of which some are killed. */
async function runStorm(random: Random, sectionUs: number): Promise<void> {
  const heap = Heap.create(heapOptions({ maxBytes: 2 ** 20, switchIntervalMs: 0.5 }));
  const shared = new SharedArrayBuffer(1024);
  const signals = new Int32Array(shared);
  const token = heap.share();
  const watchdog = startWatchdog(token.buffer, 20);
  heap.root.set('count', 0);
  const options = { tasks: 'tasks-lock', token, signals: shared };
  const threads = await Promise.all(Array.from({ length: 4 }, () => startThread(options)));
  try {
    const results = threads.map((t) => t.call<Outcome>('storm', STOP, sectionUs));
    for (const result of results) result.catch(() => {});
    const victims = threads.slice(0, random.between(1, 3));
    for (const victim of victims) {
      await sleep(random.next() * 20);
      await victim.kill();
    }
    await sleep(30);
    Atomics.store(signals, STOP, 1);
    const survivors = results.slice(victims.length);
    const outcomes = await Promise.race([Promise.all(survivors), watchdog.bark]);
    expect(outcomes.map(({ broken }) => broken)).toEqual(survivors.map(() => false));
    expect(await askAll(threads.slice(victims.length))).toEqual(survivors.map(() => 'ran'));
    // Every section counts, once, the last of a killed thread perhaps not to its end.
    const sections = outcomes.reduce((sum, outcome) => sum + outcome.sections, 0);
    expect(heap.root.get('count')).toBeGreaterThanOrEqual(sections);
    expect(heap.verify()).toEqual([]);
  } finally {
    await Promise.all(threads.map((thread) => thread.kill()));
    await watchdog.stop();
    await heap.close().catch(() => {});
  }
}

const askAll = (threads: Thread[]) =>
  Promise.all(threads.map((t) => t.call<string>('run').catch((error: Error) => error.name)));

test('threads killed at random moments of much waiting and much work', async () => {
  await withRandom(async (random) => {
    for (let round = 0; round < 25; round++) await runStorm(random, random.pick([0, 0, 20, 1000]));
  });
});
