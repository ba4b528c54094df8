/**
 * Waiting in a line without blocking the event loop. The async waiters of one thread in one line
 * are served in the order in which they came, by one loop: it attempts for the first of them, and
 * sleeps for all. What one gets it gets in its own async context.
 *
 * In an atomic section none can begin: its end is not known yet, and what it waits for would go on
 * when the section is undone.
 */

import { AsyncResource } from 'node:async_hooks';
import { checkSignal, onAbort } from './abort-signals.ts';
import { refuseInAtomic } from './atomic-sections.ts';
import { HeapClosedError, StaleHandleError } from './base/errors.ts';
import { startTimer } from './base/timer.ts';
import { WaitTimeoutError } from './base/wait-errors.ts';
import { refOfWhat } from './coordinator.ts';
import { type Handle, refOf } from './handle.ts';
import { Held } from './held.ts';
import type { ObjectRef } from './memory/layout.ts';
import { runSoon } from './run-soon.ts';
import type { Session } from './session.ts';
import { sequenceAt, sliceAfter } from './sync/line.ts';
import { type AsyncWait, awaitChange } from './sync/wait-async.ts';
import {
  type AsyncWaitOptions,
  checkOptions,
  type Find,
  NOT_YET,
  type NotYet,
  Waiter,
  type Way,
} from './waiting.ts';

/** What an async wait has to hold until it ends. */
export interface Argument {
  /** Takes hold of it: the program may let go of its handles. The lock is held. */
  hold?(session: Session): void;
  /** Lets go of it, if it has it still. The lock is held. */
  letGo?(session: Session): void;
}

type AnyWay = Way<Argument, unknown>;

/** One async wait. */
class Call {
  readonly find: Find;
  readonly way: AnyWay;
  readonly argument: Argument;
  isHeld = false;
  isSettled = false;
  /** Why it is given up, if that is to be decided under the lock. */
  failure: { readonly reason: unknown } | null = null;
  readonly #context = new AsyncResource('SharcWait');
  /** Called when it is settled. */
  onSettled: () => void = () => {};
  #resolve: (value: unknown) => void = () => {};
  #reject: (reason: unknown) => void = () => {};
  readonly promise: Promise<unknown>;

  constructor(find: Find, way: AnyWay, argument: Argument) {
    this.find = find;
    this.way = way;
    this.argument = argument;
    this.promise = new Promise((resolve, reject) => {
      this.#resolve = resolve;
      this.#reject = reject;
    });
  }

  /** Runs an attempt as a part of what has made the call. */
  attempt<R>(body: () => R): R {
    return this.#context.runInAsyncScope(body);
  }

  /** The wait has failed. If others may have reckoned with it, that is decided under the lock. */
  fail(reason: unknown): void {
    if (this.way.withdraw === undefined) this.reject(reason);
    else this.failure ??= { reason };
  }

  resolve(value: unknown): void {
    this.#settle();
    this.#resolve(value);
  }

  reject(reason: unknown): void {
    if (this.isSettled) return;
    this.#settle();
    this.#reject(reason);
  }

  #settle(): void {
    this.isSettled = true;
    this.onSettled();
  }
}

/** The async waiters of this thread in one line. */
export class AsyncLine {
  readonly #session: Session;
  readonly #key: number;
  #calls: Call[] = [];
  /** Of these, those that came since the last attempt. */
  #added: Call[] = [];
  /** Whether some of the calls were given up. */
  #hasDismissed = false;
  #waiter = new Waiter(true);
  /** The object, once it is held. */
  #object: Held | null = null;
  #sleep: AsyncWait | null = null;
  readonly #onLeave = () => this.#rejectAll(new HeapClosedError('this thread has left the heap'));

  constructor(session: Session, key: number) {
    this.#session = session;
    this.#key = key;
  }

  /** One call more. In a section, where handles are local, its objects are held at once. */
  add(call: Call): void {
    if (this.#session.mem.depth !== 0) this.#tryHold(call);
    this.#calls.push(call);
    this.#added.push(call);
    if (this.#calls.length === 1) void this.#run();
  }

  /** A call has failed. */
  wake(): void {
    this.#hasDismissed = true;
    this.#sleep?.cancel();
  }

  /** Serves the calls until there are none. */
  async #run(): Promise<void> {
    const session = this.#session;
    session.onLeave.add(this.#onLeave);
    try {
      await undefined; // the section that the call was made in has ended then
      while (this.#calls.length !== 0) {
        const isWaiting = await runSoon(session, () => session.single(serveOperation, this));
        if (isWaiting) await this.#sleepOnce();
      }
    } catch (error) {
      this.#rejectAll(error);
    } finally {
      session.onLeave.delete(this.#onLeave);
    }
  }

  async #sleepOnce(): Promise<void> {
    const { line, seen } = this.#waiter;
    if (line === 0) return;
    const sliceMs = sliceAfter(this.#waiter.slices++);
    this.#sleep = awaitChange(this.#session.mem, sequenceAt(line), seen, sliceMs);
    // Aborted while the attempt was made: nobody has cancelled this sleep.
    if (this.#hasDismissed) this.#sleep.cancel();
    await this.#sleep.ended;
    this.#sleep = null;
  }

  /** Holds what a call needs. The lock is held. */
  hold(call: Call): void {
    const session = this.#session;
    if (call.isHeld) return;
    const ref = call.find();
    if (ref + call.way.line !== this.#key) throw new StaleHandleError();
    this.#object ??= new Held(session, ref);
    call.argument.hold?.(session);
    call.isHeld = true;
  }

  /** Serves as many calls as can be served. Returns whether others wait. The lock is held. */
  serve(): boolean {
    const session = this.#session;
    for (const call of this.#added.splice(0)) this.#tryHold(call);
    if (this.#hasDismissed) {
      this.#hasDismissed = false;
      this.#calls = this.#calls.filter((call) => !this.#isDismissed(call));
    }
    while (this.#serveSome());
    if (this.#calls.length !== 0) return true;
    this.#waiter.giveUp(session);
    this.#object?.release();
    this.#object = null;
    session.coordinator.lines.delete(this.#key);
    return false;
  }

  /** Attempts for the first call, or for all in turn. Returns whether one is over. */
  #serveSome(): boolean {
    for (const [i, call] of this.#calls.entries()) {
      if (this.#attempt(call)) {
        call.argument.letGo?.(this.#session);
        this.#calls.splice(i, 1);
        return true;
      }
      if (call.way.isUnordered !== true) return false;
    }
    return false;
  }

  #tryHold(call: Call): void {
    if (call.isSettled || call.failure !== null) return;
    try {
      this.#session.look(holdOperation, this as AsyncLine, call);
    } catch (error) {
      call.fail(error);
      this.#hasDismissed = true;
    }
  }

  /** Whether a call has failed; then it is over, as a success if it was served before. */
  #isDismissed(call: Call): boolean {
    if (!call.isSettled && call.failure === null) return false;
    try {
      const { way, argument } = call;
      const ref = (this.#key - way.line) as ObjectRef;
      const result =
        way.withdraw === undefined ? NOT_YET : way.withdraw(this.#session, ref, argument);
      if (result === NOT_YET) call.reject(call.failure?.reason);
      else call.resolve(result);
    } catch (error) {
      call.reject(error);
    }
    call.argument.letGo?.(this.#session);
    return true;
  }

  /** One attempt. The lock is held. */
  look(call: Call): unknown | NotYet {
    const { ref } = this.#object as Held;
    return this.#waiter.look(this.#session, ref, call.way, call.argument);
  }

  /** Whether the call is over. */
  #attempt(call: Call): boolean {
    try {
      const [result] = call.attempt(() => this.#session.single(lookOperation, this, call));
      if (result === NOT_YET) return false;
      call.resolve(result);
    } catch (error) {
      call.reject(error);
    }
    return true;
  }

  /** The heap is closed, or this thread leaves it: nothing comes any more. */
  #rejectAll(error: unknown): void {
    this.#session.coordinator.lines.delete(this.#key);
    if (this.#session.mem.depth > 0) this.#waiter.giveUp(this.#session);
    for (const call of this.#calls.splice(0)) call.reject(error);
    this.wake();
  }
}

function holdOperation(_: Session, line: AsyncLine, call?: Call): void {
  line.hold(call as Call);
}

/** In an array: not everything that it may return is to be kept. */
const lookOperation = (_: Session, line: AsyncLine, call?: Call): [unknown | NotYet] => [
  line.look(call as Call),
];

const serveOperation = (_: Session, line: AsyncLine): boolean => line.serve();

/** What ends a call before its turn: a time limit, and perhaps a signal. */
export interface Limits {
  readonly timeoutMs: number;
  readonly signal?: AbortSignal | undefined;
}

const NO_LIMITS: Limits = { timeoutMs: Number.POSITIVE_INFINITY };

/** The limits in options of a wait. @throws TypeError, RangeError; the reason of the signal */
export function checkAsyncOptions(options: AsyncWaitOptions): Limits {
  const timeoutMs = checkOptions(options, ['timeoutMs', 'signal']);
  return { timeoutMs, signal: checkSignal(options.signal) };
}

/** What waits cannot do where one by `way` may not begin. @throws AtomicSectionError */
export const assertMayBegin = ({ mem }: Session, { call }: { call: string }): void =>
  refuseInAtomic(mem, `${call.replace('()', 'Async()')} cannot begin`);

/** As `waitFor`, without blocking. The promise is rejected with what that would throw. */
export async function waitForAsync<A extends Argument, R>(
  handle: Handle,
  way: Way<A, R>,
  argument: A,
  options: AsyncWaitOptions,
): Promise<R> {
  const { $session: session } = handle;
  const limits = checkAsyncOptions(options);
  session.assertOpen();
  assertMayBegin(session, way);
  const find = () => refOfWhat(session, handle, way.what);
  const key = refOf(handle) + way.line;
  return begin(session, new Call(find, way as AnyWay, argument), key, limits) as Promise<R>;
}

/** As `waitOn`, without blocking. */
export const waitOnAsync = <A extends Argument, R>(
  held: Held,
  way: Way<A, R>,
  argument: A,
  limits: Limits = NO_LIMITS,
): Promise<R> => {
  const call = new Call(() => held.ref, way as AnyWay, argument);
  return begin(held.session, call, held.ref + way.line, limits) as Promise<R>;
};

function begin(session: Session, call: Call, key: number, limits: Limits): Promise<unknown> {
  const { lines } = session.coordinator;
  const known = lines.get(key);
  const line = known ?? new AsyncLine(session, key);
  if (known === undefined) lines.set(key, line);
  settleEarly(call, line, limits);
  line.add(call);
  return call.promise;
}

/** Gives a call up when its time is over, or when its signal says so. */
function settleEarly(call: Call, line: AsyncLine, { timeoutMs, signal }: Limits): void {
  const giveUp = (reason: unknown) => {
    call.fail(reason);
    line.wake();
  };
  const onTimeout = () => giveUp(new WaitTimeoutError(call.way.call, timeoutMs));
  const stopTimer = startTimer(onTimeout, timeoutMs);
  let forget = () => {};
  call.onSettled = () => {
    stopTimer();
    forget();
  };
  if (signal !== undefined) forget = onAbort(signal, () => giveUp(signal.reason));
}
