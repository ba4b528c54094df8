/** How threads join and leave a heap: tokens, detaching, closing, and the limit of 128. */
import { expect, test } from 'vitest';
import { Heap, HeapClosedError, InvalidTokenError, TooManyThreadsError } from '../src/index.ts';
import { MAX_THREADS } from '../src/memory/layout.ts';
import { Memory } from '../src/memory/memory.ts';
import { claimThread, releaseThread } from '../src/sync/thread-table.ts';
import { heapOptions, startThread, type Thread, until, withStage } from './support/threads.ts';

const TASKS = { tasks: 'tasks-attach' };

test('a token works through workerData and through postMessage', async () => {
  await withStage(TASKS, async ({ heap, start, startDetached }) => {
    heap.root.set('greeting', 'hello');
    const [first] = (await start(1)) as [Thread];
    expect(await first.call('read', 'greeting')).toBe('hello');
    const second = await startDetached();
    await second.call('attach', heap.share());
    expect(await second.call('read', 'greeting')).toBe('hello');
    await second.call('write', 'answer', 42);
    expect(heap.root.get('answer')).toBe(42);
    expect(heap.stats().threads.map(({ id }) => id)).toEqual([1, 2, 3]);
  });
});

test('attaching twice in one thread gives the same heap', async () => {
  await withStage(TASKS, async ({ heap, start }) => {
    expect(Heap.attach(heap.share())).toBe(heap);
    expect(Heap.attach(structuredClone(heap.share()))).toBe(heap);
    const [thread] = (await start(1)) as [Thread];
    expect(await thread.call('attachTwice')).toBe(true);
    expect(heap.stats().threads.length).toBe(2);
  });
});

test('a thread that left may come back; what it held is stale', async () => {
  await withStage(TASKS, async ({ heap, start }) => {
    heap.root.set('n', 1);
    const [thread] = (await start(1)) as [Thread];
    const { codes, ...rest } = await thread.call<{ codes: string[] }>('leaveAndReturn');
    expect(rest).toEqual({ isNew: true, size: 1 });
    expect(codes).toEqual(Array(4).fill('ERR_SHARC_HEAP_CLOSED'));
  });
});

test('a heap goes on for others when the thread that made it has ended', async () => {
  const creator = await startThread(TASKS);
  const token = await creator.call<ReturnType<Heap['share']>>('create', heapOptions());
  const heap = Heap.attach(token);
  expect(await creator.finish()).toBe(0);
  expect(heap.root.get('from')).toBe('creator');
  heap.root.set('after', 1);
  const thread = await startThread({ ...TASKS, token });
  expect(await thread.call('read', 'after')).toBe(1);
  await thread.call('close'); // no creator: only leaves
  expect(heap.root.get('after')).toBe(1);
  await thread.finish();
  expect(heap.verify()).toEqual([]);
  expect(heap.stats().threads.length).toBe(1);
  await heap.close();
  expect(() => heap.root).toThrow(HeapClosedError);
});

test('a new thread with the number of a creator that has left cannot close the heap', async () => {
  const creator = await startThread(TASKS);
  const token = await creator.call<ReturnType<Heap['share']>>('create', heapOptions());
  const heap = Heap.attach(token);
  await creator.call('detach');
  const second = await startThread({ ...TASKS, token });
  expect(heap.stats().threads.map(({ id }) => id)).toEqual([1, 2]);
  await second.call('close');
  expect(heap.run(() => 'open')).toBe('open');
  await Promise.all([creator.finish(), second.finish()]);
  expect(heap.verify()).toEqual([]);
  heap.detach();
});

test('close by the creator refuses sections everywhere, attaching included', async () => {
  const heap = Heap.create(heapOptions());
  const token = heap.share();
  const thread = await startThread({ ...TASKS, token });
  const other = await startThread({ ...TASKS, token });
  await heap.close();
  await heap.close();
  expect((await thread.fail('run')).name).toBe('HeapClosedError');
  expect((await thread.fail('read', 'x')).name).toBe('HeapClosedError');
  await other.call('close');
  await thread.call('detach');
  expect(() => heap.run(() => {})).toThrow(HeapClosedError);
  for (let i = 0; i < MAX_THREADS + 10; i++) {
    expect(() => Heap.attach(token)).toThrow(HeapClosedError);
  }
  expect(await thread.finish()).toBe(0);
  expect(await other.finish()).toBe(0);
});

test('a thread that has not noticed that its heap was closed ends in peace', async () => {
  const heap = Heap.create(heapOptions());
  const thread = await startThread({ ...TASKS, token: heap.share() });
  heap.root.set('shared', heap.map().set('a', 1));
  await thread.call('fill');
  await heap.close();
  expect(await thread.finish()).toBe(0);
  expect(thread.crash()).toBeUndefined();
});

test('eight threads attach and detach at the same time', async () => {
  await withStage(TASKS, async ({ heap, startDetached }) => {
    heap.root.set('n', 0);
    const threads = await Promise.all(Array.from({ length: 8 }, () => startDetached()));
    const { buffer } = heap.share();
    await Promise.all(threads.map((thread) => thread.call('attach', heap.share())));
    const numbers = heap.stats().threads.map(({ id }) => id);
    expect(numbers).toEqual([1, 2, 3, 4, 5, 6, 7, 8, 9]);
    expect(heap.share().buffer).toBe(buffer);
    await Promise.all(threads.map((thread) => thread.call('detach')));
    expect(heap.stats().threads.length).toBe(1);
  });
});

test('threads attach and leave many times at once, and none is lost', async () => {
  await withStage(TASKS, async ({ heap, start }) => {
    heap.root.set('n', 0);
    const threads = await start(4);
    await Promise.all(threads.map((thread) => thread.call('detach')));
    await Promise.all(threads.map((thread) => thread.call('attachAndDetach', 50)));
    expect(heap.root.get('n')).toBe(200);
  });
});

test('128 threads may be attached; the next one may when another has left', async () => {
  await withStage(TASKS, async ({ heap, start, startDetached }) => {
    const { buffer } = heap.share();
    const real = await start(8);
    // The rest exist in the thread table only: as far as the limit goes they are threads.
    const claimed: Memory[] = [];
    while (claimed.length < MAX_THREADS - 9) claimed.push(new Memory(buffer, claimThread(buffer)));
    expect(heap.stats().threads.length).toBe(MAX_THREADS);
    expect(() => claimThread(buffer)).toThrow(TooManyThreadsError);
    const late = await startDetached();
    const error = await late.fail('attach', heap.share());
    expect(error).toMatchObject({
      name: 'TooManyThreadsError',
      code: 'ERR_SHARC_TOO_MANY_THREADS',
    });
    expect(error.message).toContain('128');
    await real[0]!.call('detach');
    await late.call('attach', heap.share());
    expect(await late.call('run')).toBe('ran');
    expect((await real[0]!.fail('attach')).name).toBe('TooManyThreadsError');
    for (const mem of claimed) releaseThread(mem, mem.threadId);
    await real[0]!.call('attach');
    expect(heap.stats().threads.length).toBe(10);
  });
});

test('a detached or closed heap cannot be shared, and damaged tokens are refused', async () => {
  const heap = Heap.create(heapOptions({ maxBytes: 2 ** 20 }));
  const token = heap.share();
  const damaged = new SharedArrayBuffer(2 ** 20);
  new Int32Array(damaged).set(new Int32Array(token.buffer));
  const cases: unknown[] = [
    ...[undefined, null, 1, 'token', {}, { type: 'sharc.heap' }, () => {}],
    { type: 'sharc.heap', buffer: new ArrayBuffer(2 ** 20) },
    { type: 'sharc.heap', buffer: new SharedArrayBuffer(0) },
    { type: 'sharc.heap', buffer: new SharedArrayBuffer(100) },
    { type: 'sharc.heap', buffer: new SharedArrayBuffer(2 ** 20) },
    { type: 'other', buffer: token.buffer },
    { buffer: token.buffer },
  ];
  for (const bad of cases) expect(() => Heap.attach(bad as never)).toThrow(InvalidTokenError);
  for (const word of [46, 1, 2, 3]) {
    const i32 = new Int32Array(damaged);
    const before = i32[word]!;
    i32[word] = before + 1;
    expect(() => Heap.attach({ type: 'sharc.heap', buffer: damaged })).toThrow(InvalidTokenError);
    i32[word] = before;
  }
  await heap.close();
  expect(() => heap.share()).toThrow(HeapClosedError);
  await until(() => true);
});
