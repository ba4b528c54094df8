/** The end of a thread that nobody killed, and the end of the process. */
import { spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import type { Heap } from '../src/index.ts';
import { contentsOf, LIBRARY, rootMap, type Thread, withStage } from './support/threads.ts';

const TASKS = { tasks: 'tasks-attach' };

/** Runs `end` in a thread that holds much, and expects nothing of it to be left. */
async function expectNothingLeft(end: (thread: Thread) => Promise<unknown>): Promise<void> {
  await withStage(TASKS, async ({ heap, start }) => {
    using shared = rootMap(heap, 'shared').set('a', 1).set('b', 2);
    let before: object | undefined; // taken after a round: the table of short strings stays grown
    for (let round = 0; round < 4; round++) {
      const [thread] = (await start(1)) as [Thread];
      await thread.call('fill');
      expect(heap.stats().threads.length).toBe(2);
      expect(heap.stats().liveObjects).toBeGreaterThan(300);
      await end(thread);
      await thread.ended;
      before ??= contentsOf(heap);
      expect(contentsOf(heap)).toEqual(before);
      expect(heap.stats().threads.length).toBe(1);
      expect(heap.verify()).toEqual([]);
    }
    shared.delete('a'); // no iterator of an ended thread keeps the place
    shared.set('c', 3);
    expect([...shared]).toEqual([
      ['b', 2],
      ['c', 3],
    ]);
    expectPagesFree(heap);
  });
}

/** What threads have left behind can be allocated again: the whole heap can be filled. */
function expectPagesFree(heap: Heap): void {
  const { freeBytes } = heap.stats();
  using array = heap.array<string>();
  let count = 0;
  const bytes = 60_000;
  try {
    for (; ; count++) array.push(String(count).padStart(bytes, 'x'));
  } catch (error) {
    expect((error as Error).name).toBe('HeapExhaustedError');
  }
  expect(count * bytes).toBeGreaterThan(freeBytes * 0.85);
}

test('a thread whose code has ended releases everything it held', async () => {
  await expectNothingLeft(async (thread) => expect(await thread.finish()).toBe(0));
});

test('a thread that calls process.exit() releases everything it held', async () => {
  await expectNothingLeft(async (thread) => {
    await thread.call('exit', 7);
    expect(await thread.ended).toBe(7);
  });
});

test('a thread that ends by an uncaught error releases everything it held', async () => {
  await expectNothingLeft(async (thread) => {
    await thread.call('crash');
    expect(await thread.ended).toBe(1);
    expect(thread.crash()?.message).toBe('on purpose');
  });
});

test('a thread that detaches releases everything it held', async () => {
  await expectNothingLeft(async (thread) => {
    await thread.call('detach');
    await thread.finish();
  });
});

test('a worker that calls process.exit() in a section died in it, or ended cleanly', async () => {
  await withStage({ ...TASKS, mayEndBroken: true }, async ({ heap, start }) => {
    const [thread] = (await start(1)) as [Thread];
    await thread.call('exitInSection');
    expect(await thread.ended).toBe(3);
    expect(thread.crash()).toBeUndefined();
    expect(heap.run(() => 'ran')).toBe('ran');
  });
});

interface Exit {
  readonly code: number | null;
  readonly output: string;
  readonly ms: number;
}

const SCRIPT = fileURLToPath(new URL('./support/exits.mjs', import.meta.url));

/** Runs a case of `exits.mjs`; a process that hangs is killed and has code null. */
function runCase(name: string): Promise<Exit> {
  const start = performance.now();
  const child = spawn(process.execPath, [SCRIPT, LIBRARY, name], { timeout: 8000 });
  let output = '';
  const collect = (chunk: Buffer) => {
    output += chunk;
  };
  child.stdout.on('data', collect);
  child.stderr.on('data', collect);
  return new Promise((resolve) => {
    child.on('close', (code) => resolve({ code, output, ms: performance.now() - start }));
  });
}

for (const name of [
  'heap not closed',
  'kept handles and open iterators',
  'worker still attached, unreferenced',
  'process.exit while a worker holds the lock',
  'end while an unreferenced worker holds the lock',
  'process.exit in a section',
  'end with a death unnoticed',
  'many heaps',
  'many heaps closed again',
]) {
  test(`a process ends by itself, at once and in peace: ${name}`, async () => {
    const { code, output, ms } = await runCase(name);
    expect({ code, output }).toEqual({ code: 0, output: '' });
    expect(ms).toBeLessThan(5000);
  });
}

test('a process whose heap was recovered ends by itself', async () => {
  const { code, output } = await runCase('end with a recovered heap');
  expect({ code, output }).toEqual({ code: 0, output: 'recovered\n' });
});

test('a process that ends by an uncaught error says so, whatever its threads do', async () => {
  const { code, output } = await runCase('uncaught error with heaps open');
  expect(code).toBe(1);
  expect(output).toContain('on purpose');
  expect(output).not.toContain('sharc');
});
