/**
 * Lines: threads that wait for the same thing. Five words of the object that they wait for. All of
 * them change under the GIL.
 *
 *   LINE_SEQUENCE    changes when it is worth looking again; waiters sleep on it
 *   LINE_WAITERS     how many wait: nobody is told when it is 0
 *   LINE_ASYNC       of these, lines of async waiters, one for each thread
 *   LINE_HEIR        whose turn is next: the number of a thread; 0: whoever comes
 *   LINE_HEIR_SERIAL its attachment
 *
 * What becomes free goes to whoever comes first, which is fast, and unfair: one that wakes up comes
 * too late, time and again, if others take it in a loop. One that has been woken in vain for
 * PATIENCE_MS makes itself the heir: others then wait until it has had its turn. Only a thread that
 * sleeps does so, and it stays asleep until then.
 *
 * No wake-up is relied upon: sleepers look again after each slice. So a thread that is killed
 * leaves nothing behind but numbers of waiters that are too high, which cost others a few needless
 * calls, and perhaps itself as the heir, which the others find out.
 */

import { NULL_REF } from '../memory/layout.ts';
import type { Memory } from '../memory/memory.ts';
import { hasLeft, isGone, isOwn, ownSerial } from './attachments.ts';

const LINE_SEQUENCE = 0;
const LINE_WAITERS = 1;
const LINE_ASYNC = 2;
const LINE_HEIR = 3;
const LINE_HEIR_SERIAL = 4;
/** The fields of a line, in order. */
export const LINE_FIELDS = ['sequence', 'waiters', 'async', 'heir', 'heirSerial'] as const;

/** How long one that is woken lets others go first, in milliseconds. */
export const PATIENCE_MS = 5;
/** The first slice of a sleep and the longest, in milliseconds. */
const FIRST_SLICE_MS = 20;
const LAST_SLICE_MS = 100;
const SLICE_GROWTH = 1.5;

/** The slice that follows a number of others. */
export const sliceAfter = (slices: number): number =>
  Math.min(FIRST_SLICE_MS * SLICE_GROWTH ** slices, LAST_SLICE_MS);

const EVERYBODY = Number.POSITIVE_INFINITY;

/** Sleepers to be woken when the lock is free: woken earlier, they would only wait for it. */
export class WakeUps {
  /** Words and how many of those that sleep on each, in turn. */
  readonly #pending: number[] = [];
  readonly #mem: Memory;

  constructor(mem: Memory) {
    this.#mem = mem;
  }

  /** Whether somebody is to be woken. */
  get isPending(): boolean {
    return this.#pending.length !== 0;
  }

  add(at: number, count: number): void {
    this.#pending.push(at, count);
  }

  /** Wakes them. The lock is free. */
  flush(): void {
    const pending = this.#pending;
    for (let i = 0; i < pending.length; i += 2) {
      Atomics.notify(this.#mem.i32, pending[i], pending[i + 1]);
    }
    pending.length = 0;
  }
}

/** Where a line's waiters sleep. */
export const sequenceAt = (line: number): number => line + LINE_SEQUENCE;

/** What a waiter has seen, and waits to change. */
export const sequenceOf = (mem: Memory, line: number): number => mem.i32[sequenceAt(line)];

/** A thread, or the async waiters of one, begin to wait. Under the GIL, as all that follows. */
export function joinLine(mem: Memory, line: number, isAsync: boolean): void {
  mem.i32[line + LINE_WAITERS]++;
  if (isAsync) mem.i32[line + LINE_ASYNC]++;
}

/** They wait no more. If they were the heir, the others can go on. */
export function leaveLine(mem: Memory, wakeUps: WakeUps, line: number, isAsync: boolean): void {
  const { i32 } = mem;
  i32[line + LINE_WAITERS]--;
  if (isAsync) i32[line + LINE_ASYNC]--;
  if (isOwn(mem, i32[line + LINE_HEIR], i32[line + LINE_HEIR_SERIAL])) {
    i32[line + LINE_HEIR] = NULL_REF;
    wakeLine(mem, wakeUps, line, EVERYBODY);
  }
}

/** So many of those that wait may go on: they are woken once the lock is free. */
export function wakeLine(mem: Memory, wakeUps: WakeUps, line: number, count: number): void {
  const { i32 } = mem;
  if (i32[line + LINE_WAITERS] === 0) return;
  i32[line + LINE_SEQUENCE]++;
  // The event loop of an async waiter may be busy, and the heir may sleep behind others.
  const isOneEnough = i32[line + LINE_ASYNC] === 0 && i32[line + LINE_HEIR] === NULL_REF;
  wakeUps.add(sequenceAt(line), isOneEnough ? count : EVERYBODY);
}

/** As `wakeLine`, all of them. */
export function wakeWholeLine(mem: Memory, wakeUps: WakeUps, line: number): void {
  wakeLine(mem, wakeUps, line, EVERYBODY);
}

/**
 * Whether the calling thread may go on, as far as turns are concerned.
 *
 * @param asksSystem whether to look if the heir's thread still lives; else if it is still attached
 */
export function hasTurn(mem: Memory, line: number, asksSystem: boolean): boolean {
  const { i32 } = mem;
  const heir = i32[line + LINE_HEIR];
  if (heir === NULL_REF) return true;
  const serial = i32[line + LINE_HEIR_SERIAL];
  if (isOwn(mem, heir, serial)) return true;
  if (asksSystem ? !isGone(mem, heir, serial) : !hasLeft(mem, heir, serial)) return false;
  i32[line + LINE_HEIR] = NULL_REF;
  return true;
}

/** The calling thread has waited long enough: it is next, unless another one is. */
export function claimTurn(mem: Memory, line: number): void {
  if (mem.i32[line + LINE_HEIR] !== NULL_REF) return;
  mem.i32[line + LINE_HEIR_SERIAL] = ownSerial(mem);
  mem.i32[line + LINE_HEIR] = mem.threadId;
}

/** Looks at a word before a first sleep, some 15 us: falling asleep and waking up takes longer. */
const SPINS = 2000;

/** Whether the word at `at` is soon no longer `value`. */
export function changesSoon({ i32 }: Memory, at: number, value: number): boolean {
  for (let i = 0; i < SPINS; i++) if (Atomics.load(i32, at) !== value) return true;
  return false;
}

/** Sleeps until the word at `at` is no longer `value`, or the slice is over. */
export function sleepOn(mem: Memory, at: number, value: number, sliceMs: number): void {
  Atomics.wait(mem.i32, at, value, sliceMs);
}
