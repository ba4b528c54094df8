/**
 * Threads killed at random moments. A heap must then either go on for all or be broken for all,
 * within a second; no thread may hang, and a heap that goes on must be sound.
 */
import { expect, test } from 'vitest';
import { Heap } from '../src/index.ts';
import { type Random, SEED, withRandom } from './support/random.ts';
import { heapOptions, sleep, startThread, type Thread } from './support/threads.ts';
import { startWatchdog } from './support/watchdog.ts';

const STOP = 4;

interface Outcome {
  readonly sections: number;
  readonly broken: boolean;
}

/** Four threads at work, of which some are killed. Returns whether the heap was broken by it. */
async function runStorm(random: Random, sectionUs: number): Promise<boolean> {
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
    const broken = isBroken(heap);
    for (const outcome of outcomes) if (outcome.broken) expect(broken).toBe(true);
    expect(await askAll(threads.slice(victims.length))).toEqual(
      survivors.map(() => (broken ? 'HeapCorruptionError' : 'ran')),
    );
    if (!broken) expect(heap.verify()).toEqual([]);
    return broken;
  } finally {
    await Promise.all(threads.map((thread) => thread.kill()));
    await watchdog.stop();
    await heap.close().catch(() => {});
  }
}

function isBroken(heap: Heap): boolean {
  try {
    heap.run(() => {});
    return false;
  } catch (error) {
    expect((error as Error).name).toBe('HeapCorruptionError');
    return true;
  }
}

const askAll = (threads: Thread[]) =>
  Promise.all(threads.map((t) => t.call<string>('run').catch((error: Error) => error.name)));

test('threads killed at random moments of much waiting and much work', async () => {
  await withRandom(async (random) => {
    const outcomes = { broken: 0, sound: 0 };
    for (let round = 0; round < 25; round++) {
      const sectionUs = random.pick([0, 0, 20, 1000]);
      const broken = await runStorm(random, sectionUs);
      outcomes[broken ? 'broken' : 'sound']++;
    }
    // The two outcomes both occur; neither is likely enough to be all there is.
    expect(outcomes.broken + outcomes.sound, `SHARC_SEED=${SEED}`).toBe(25);
  });
});
