/**
 * Every way in which a thread can end, in every state it can be in: by `terminate()`, by an error
 * that nobody catches, by `process.exit()`, by running out of its own memory. Each time a waiter
 * goes on, a section elsewhere is not disturbed, and what the thread had is released, whole.
 *
 * One that is terminated, or out of memory, is a death, of which is told where it was. One that
 * ends by an error or by `process.exit()` runs its exit handlers, even in the middle of an
 * operation, and so leaves the heap by itself, as `detach` would: there is nothing to tell.
 *
 * Scanners and the collector thread: `threads-deaths-collector`. What cannot happen:
 *
 * - A thread that waits for the lock blocking is only ended from outside. Nothing of the program
 *   runs in it: it can neither throw nor exit nor allocate. (One that waits without blocking can,
 *   in its event loop.)
 * - While a thread attaches or recovers, and at most stores of an operation, no code of the program
 *   runs either. Here it stands in place of functions that the library calls there, so that the
 *   moments are had which only `terminate()` and the end of memory can hit otherwise. That these
 *   may come at any store is for `recovery-*`.
 */
import { expect, test } from 'vitest';
import { readDeaths } from '../src/gc/deaths.ts';
import { sessionOf } from '../src/heap.ts';
import type { DeathRecord, Heap } from '../src/index.ts';
import { THREAD_PARK, THREAD_STATE } from '../src/memory/layout.ts';
import { threadRecordOf } from '../src/memory/memory.ts';
import { canDieBy, type Thread, until, withStage } from './support/threads.ts';

const TASKS = { tasks: 'tasks-deaths', mayEndBroken: true, seconds: 50 };

const THERE = 0;
const GO = 1;
const SURVIVED = 2;
const WAITING = 3;
const BEGUN = 4;
const STOP = 5;
const PARKED = 1;

type Way = 'terminate' | 'exception' | 'exit' | 'memory';
type Place = DeathRecord['where'];

/** How the thread is ended, its exit code, and whether it is one that leaves by itself. */
const WAYS: Record<Way, { readonly by: string; readonly code: number; readonly leaves: boolean }> =
  {
    terminate: { by: 'terminate()', code: 1, leaves: false },
    memory: { by: 'running out of its own memory', code: 1, leaves: false },
    exception: { by: 'an error that nobody catches', code: 1, leaves: true },
    exit: { by: 'process.exit()', code: 3, leaves: true },
  };
const ALL = Object.keys(WAYS) as Way[];

/** Objects that the thread keeps, and the rows for them, for `shared` and for the roots. */
const KEPT = 5;
const ROWS = KEPT + 2;
const SMALL = { maxOldGenerationSizeMb: 24 };

interface Case {
  readonly task: string;
  readonly args?: readonly unknown[];
  /** Where it dies, if it does not leave by itself. */
  readonly where: Place;
  /** Rows besides those of what it keeps. */
  readonly rows?: number;
  /** What another thread does meanwhile, and what is to come of it. */
  readonly elsewhere: 'hold' | 'long' | 'longReading';
}

const ELSEWHERE = {
  hold: 'mine',
  long: ['mine', 'a,b'],
  longReading: [2, 'a,b'],
} as const;

function raise(signals: Int32Array, at: number): void {
  Atomics.store(signals, at, 1);
  Atomics.notify(signals, at);
}

const untilRaised = (signals: Int32Array, at: number) =>
  until(() => Atomics.load(signals, at) === 1, 30);

/** A heap with something in it, and a list of the deaths that are told. */
function prepare(heap: Heap): DeathRecord[] {
  // What is declared once, with its names, stays.
  heap.struct('Late', { name: 'string', next: 'ref' });
  for (const shape of [{ first: 1, late: 2 }, { a: 1 }]) heap.from(shape).release();
  heap.run(() => {
    heap.root.set(
      'shared',
      heap.map([
        ['a', heap.array()],
        ['b', heap.array()],
      ]) as never,
    );
  });
  const deaths: DeathRecord[] = [];
  heap.on('threaddeath', (death) => void deaths.push(death));
  return deaths;
}

/** The heap's number of a thread, and the system's. */
async function identify(heap: Heap, thread: Thread): Promise<{ thread: number; osThread: number }> {
  const osThread = await thread.call<number>('osThread');
  const { id } = heap.stats().threads.find((one) => one.osThread === osThread)!;
  return { thread: id, osThread };
}

/** Lets the victim die where it is, and waits for its end. */
async function end(victim: Thread, way: Way, signals: Int32Array): Promise<void> {
  raise(signals, GO);
  if (way === 'terminate') await victim.kill();
  expect(await victim.ended).toBe(WAYS[way].code);
  const { code, message } = (victim.crash() ?? {}) as { code?: string; message?: string };
  if (way === 'memory') expect(code).toBe('ERR_WORKER_OUT_OF_MEMORY');
  else expect(message).toBe(way === 'exception' ? 'on purpose' : undefined);
}

/** Nothing is left of the dead, nothing of the living is lost, and all deaths have been told. */
async function expectRecovered(
  heap: Heap,
  before: object,
  told: readonly DeathRecord[],
  expected: readonly Partial<DeathRecord>[],
): Promise<void> {
  await until(() => told.length >= expected.length);
  expect(told).toMatchObject(expected);
  for (const { durationMs } of told) expect(durationMs).toBeGreaterThanOrEqual(0);
  expect(heap.verify()).toEqual([]);
  heap.gc.collect();
  expect(heap.verify()).toEqual([]);
  expect(heap.run(() => readDeaths(sessionOf(heap).mem, 0))).toEqual(told);
  expect(heap.stats().objectsByKind).toEqual(before);
  expect(
    heap.run(() => [...(heap.root.get('shared') as unknown as Map<string, object>).keys()]),
  ).toEqual(['a', 'b']);
}

/** Ends a thread in its task, beside one that waits and one that is in a section. */
async function expectDeath(way: Way, { task, args = [], where, ...rest }: Case): Promise<void> {
  const { rows = 0, elsewhere } = rest;
  await withStage(TASKS, async ({ heap, signals, start }) => {
    const told = prepare(heap);
    const before = heap.stats().objectsByKind;
    const [waiter, other] = (await start(2)) as [Thread, Thread];
    const [victim] = (await start(1, SMALL)) as [Thread];
    const who = await identify(heap, victim);
    await victim.call('keep', KEPT);
    await waiter.call('keep', 2);
    const section = other.call(elsewhere, BEGUN, STOP);
    await untilRaised(signals, BEGUN);
    victim.call(task, way, ...args).catch(() => {});
    await untilRaised(signals, THERE);
    const waiting = waiter.call('wait', WAITING);
    await untilRaised(signals, WAITING);
    // To leave the heap it takes the lock: the others' sections come first.
    const isInTheWay = elsewhere !== 'long';
    if (WAYS[way].leaves && isInTheWay) raise(signals, STOP);
    await end(victim, way, signals);
    if (isInTheWay) raise(signals, STOP);
    expect(await waiting).toBe('ran');
    raise(signals, STOP);
    expect(await section).toEqual(ELSEWHERE[elsewhere]);
    expect(signals[SURVIVED]).toBe(0);
    expect(await waiter.call('kept')).toEqual([
      ['text 0 of a thread', 1],
      ['text 1 of a thread', 1],
    ]);
    await Promise.all([waiter.finish(), other.finish()]);
    const death = { number: 1, ...who, where, rows: ROWS + rows };
    await expectRecovered(heap, before, told, WAYS[way].leaves ? [] : [death]);
    expect(heap.stats().threads.length).toBe(1);
  });
}

/** What a thread that ends in these ways is, in titles. */
const outcomeOf = (way: Way, where: Place) =>
  WAYS[way].leaves ? 'leaves the heap by itself' : `died ${where}`;

const CASES: Record<string, { readonly ways: readonly Way[]; readonly one: Case }> = {
  'waits for the lock, blocking,': {
    ways: ['terminate'],
    one: { task: 'waiting', where: 'waiting', elsewhere: 'hold' },
  },
  'waits for the lock in its event loop': {
    ways: ALL,
    one: { task: 'waitingAsync', args: ['runAsync'], where: 'waiting', elsewhere: 'hold' },
  },
  'waits to read in its event loop': {
    ways: ALL,
    one: { task: 'waitingAsync', args: ['readAsync'], where: 'waiting', elsewhere: 'hold' },
  },
  'holds the lock': {
    ways: ALL,
    one: { task: 'holding', where: 'holding', elsewhere: 'long' },
  },
  'is in a read section': {
    ways: ALL,
    one: { task: 'reading', where: 'reading', rows: 1, elsewhere: 'longReading' },
  },
};

for (const [state, { ways, one }] of Object.entries(CASES)) {
  for (const way of ways) {
    const title = `a thread that ${state} and ends by ${WAYS[way].by}`;
    test.runIf(canDieBy(way))(`${title} ${outcomeOf(way, one.where)}`, () => expectDeath(way, one));
  }
}

/**
 * Callbacks of operations: whether the lock is held in them, and the rows of the operation. An
 * open iterator has one, and so has a copy half made, and what an atomic section has removed.
 */
const OPERATIONS: Record<string, readonly [where: Place, rows: number]> = {
  'array.sort': ['holding', 1],
  'array.map': ['holding', 1],
  'array.splice in a section': ['holding', 0],
  'map.forEach': ['holding', 3],
  'an open iterator': ['outside', 1],
  'set.union': ['outside', 1],
  'heap.from': ['outside', 2],
  'a new struct': ['outside', 0],
  'heap.scope': ['outside', 2],
  'gc.collect': ['collecting', 0],
  'an atomic section': ['holding', 1],
};

for (const [name, [where, rows]] of Object.entries(OPERATIONS)) {
  for (const way of ALL) {
    if (name === 'gc.collect' && way === 'exception') continue; // reported, and the thread goes on
    const title = `a thread in the middle of ${name} that ends by ${WAYS[way].by}`;
    test.runIf(canDieBy(way))(`${title} ${outcomeOf(way, where)}`, () =>
      expectDeath(way, { task: 'operating', args: [name], where, rows, elsewhere: 'long' }),
    );
  }
}

/** Dies while it attaches: before its record is complete, or before it has joined with it. */
async function expectDeathAttaching(way: Way, moment: 'before' | 'after'): Promise<void> {
  await withStage(TASKS, async ({ heap, signals, start, startDetached }) => {
    const told = prepare(heap);
    const before = heap.stats().objectsByKind;
    const [waiter, other] = (await start(2)) as [Thread, Thread];
    const victim = await startDetached(SMALL);
    const osThread = await victim.call<number>('osThread');
    const section = other.call('hold', BEGUN, STOP);
    await untilRaised(signals, BEGUN);
    victim.call('attaching', way, moment).catch(() => {});
    await untilRaised(signals, THERE);
    const waiting = waiter.call('wait', WAITING);
    await untilRaised(signals, WAITING);
    await end(victim, way, signals);
    raise(signals, STOP);
    expect([await section, await waiting]).toEqual(['mine', 'ran']);
    // An error that is thrown out of `attach` gives the place back; else it is found empty.
    const isDeath = moment === 'after' && way !== 'exception';
    await until(() => placeOf(heap, 4) === 0);
    const next = await startDetached();
    await next.call('attach');
    expect((await identify(heap, next)).thread).toBe(4);
    await Promise.all([waiter, other, next].map((thread) => thread.finish()));
    const death = { number: 1, thread: 4, osThread, where: 'outside', rows: 0 } as const;
    await expectRecovered(heap, before, told, isDeath ? [death] : []);
    expect(heap.stats().threads.length).toBe(1);
  });
}

/** The state of the place that a thread has, or is about to have. */
function placeOf(heap: Heap, id: number): number {
  const { mem } = sessionOf(heap);
  return Atomics.load(mem.i32, threadRecordOf(mem, id) + THREAD_STATE);
}

for (const [moment, state] of [
  ['before', 'is about to attach'],
  ['after', 'has attached and knows nothing of it yet'],
] as const) {
  for (const way of ALL) {
    const title = `a thread that ${state} and ends by ${WAYS[way].by} leaves its place to others`;
    test.runIf(canDieBy(way))(title, () => expectDeathAttaching(way, moment));
  }
}

/** One dies with the lock, and who takes it over dies in the `nth` step of its recovery. */
async function expectDeathRecovering(way: Way, nth: number): Promise<void> {
  await withStage(TASKS, async ({ heap, signals, start }) => {
    const told = prepare(heap);
    const before = heap.stats().objectsByKind;
    const [first, waiter] = (await start(2)) as [Thread, Thread];
    const [victim] = (await start(1, SMALL)) as [Thread];
    const [who, whoNext] = [await identify(heap, first), await identify(heap, victim)];
    for (const thread of [first, victim, waiter]) await thread.call('keep', KEPT);
    first.call('hold', BEGUN, STOP).catch(() => {});
    await untilRaised(signals, BEGUN);
    victim.call('recovering', way, nth, whoNext.thread).catch(() => {});
    await until(() => waitsForLock(heap, whoNext.thread));
    void first.kill();
    Atomics.wait(signals, THERE, 0, 20_000); // this thread must not be the one that recovers
    expect(signals[THERE]).toBe(1);
    const waiting = waiter.call('wait', WAITING);
    await untilRaised(signals, WAITING);
    await end(victim, way, signals);
    expect(await waiting).toBe('ran');
    expect((await waiter.call<unknown[]>('kept')).length).toBe(KEPT);
    await waiter.finish();
    const deaths: Partial<DeathRecord>[] = [{ ...who, where: 'holding', rows: ROWS }];
    if (!WAYS[way].leaves) deaths.push({ ...whoNext, where: 'recovering', rows: ROWS });
    await expectRecovered(heap, before, told, deaths);
    expect(heap.stats().threads.length).toBe(1);
  });
}

function waitsForLock(heap: Heap, id: number): boolean {
  const { mem } = sessionOf(heap);
  return Atomics.load(mem.i32, threadRecordOf(mem, id) + THREAD_PARK) === PARKED;
}

for (const nth of [1, 5, 40]) {
  for (const way of ALL) {
    const title = `a thread in step ${nth} of recovering another that ends by ${WAYS[way].by}`;
    test.runIf(canDieBy(way))(`${title} ${outcomeOf(way, 'recovering')}`, () =>
      expectDeathRecovering(way, nth),
    );
  }
}
