/**
 * Readers: threads in read sections, as many as like. After the big-reader locks of Linux: each
 * announces itself in a cache line of its own, so that readers share no line that is written.
 *
 * A thread's word (THREAD_READING, atomic)
 *
 *   OUT --enters (own store)-->              IN
 *   IN --leaves, withdraws (own store)-->    OUT
 *   IN --its thread has died (CAS by the owner of the lock)--> OUT
 *
 * A reader announces itself and then looks at the lock word; a writer takes the lock and then looks
 * at the readers. Both orders are total (Dekker's), so one of them sees the other:
 *
 *   reader: READING := IN; has the lock an owner, or an heir? Then READING := OUT, and wait for it
 *   writer: owner := self; for each reader: while READING = IN: wait
 *
 * So a writer waits only for readers that were in before it, and a reader waits for the lock in the
 * queue of all who do, takes it, announces itself and gives it up: neither starves.
 *
 * A thread's bit in CONTROL_READER_THREADS is set before its first announcement, and READERS in the
 * lock word after the bit. Whoever takes the lock later sees both, whoever has it before is seen.
 */

import { LockTimeoutError } from '../base/errors.ts';
import {
  ABANDONED,
  CONTROL_GIL,
  CONTROL_READER_THREADS,
  CONTROL_ROWS_LOCK,
  CONTROL_STATE,
  CONTROL_SUSPECT,
  DIED_READING,
  HEAP_OPEN,
  HEAP_RECOVERING,
  THREAD_DIED,
  THREAD_READING,
  WAITER_WORDS,
} from '../memory/layout.ts';
import { type Memory, threadRecordOf } from '../memory/memory.ts';
import { READERS } from './lock-word.ts';
import { isDead } from './thread-table.ts';
import { setThreadBit } from './waiters.ts';

export const OUT = 0;
export const IN = 1;

/** Looks of a writer at a reader before it goes to sleep: a read section may be very short. */
const SPINS = 100;
/** Longest sleep of a writer, in milliseconds, after which it looks whether the reader lives. */
const SLICE_MS = 10;

/** The calling thread is about to begin read sections: writers are to look at its word. */
export function becomeReader(mem: Memory): void {
  setThreadBit(mem, CONTROL_READER_THREADS, mem.threadId, true);
  Atomics.or(mem.i32, CONTROL_GIL, READERS);
  mem.isReader = true;
}

/** Announces the calling thread. It has to look at the lock word then. */
export function announce(mem: Memory): void {
  Atomics.store(mem.i32, mem.thread + THREAD_READING, IN);
}

/** The calling thread reads no more, or not yet. */
export function retract(mem: Memory): void {
  Atomics.store(mem.i32, mem.thread + THREAD_READING, OUT);
}

/** Wakes the owner of the lock, should it wait for the calling thread. */
export function wakeWriter(mem: Memory): void {
  Atomics.notify(mem.i32, mem.thread + THREAD_READING);
}

/** Whether a thread is in a read section. */
export const isReading = (mem: Memory, id: number): boolean =>
  Atomics.load(mem.i32, threadRecordOf(mem, id) + THREAD_READING) === IN;

/** The lowest thread that is in a read section; 0 when there is none. */
export function findReader(mem: Memory): number {
  const { i32 } = mem;
  for (let group = 0; group < WAITER_WORDS; group++) {
    // Plain: the lock word was changed behind the bit, and read by the caller before this.
    for (let bits = i32[CONTROL_READER_THREADS + group]; bits !== 0; bits &= bits - 1) {
      const id = group * 32 + 32 - Math.clz32(bits & -bits);
      if (isReading(mem, id)) return id;
    }
  }
  return 0;
}

/**
 * Waits until no thread reads. The caller owns the lock, so none begins to.
 *
 * @throws LockTimeoutError when that is not so `timeoutMs` after `start`.
 */
export function awaitReaders(mem: Memory, start: number, timeoutMs: number): void {
  for (let id = findReader(mem); id !== 0; id = findReader(mem)) {
    awaitReader(mem, id, start, timeoutMs);
  }
}

function awaitReader(mem: Memory, id: number, start: number, timeoutMs: number): void {
  const { i32 } = mem;
  const at = threadRecordOf(mem, id) + THREAD_READING;
  for (let spin = 0; spin < SPINS; spin++) if (Atomics.load(i32, at) === OUT) return;
  for (let slices = 0; Atomics.load(i32, at) === IN; slices++) {
    if (slices > 0 && isDead(mem, id)) {
      dismissReader(mem, id);
      return;
    }
    const left = timeoutMs - (performance.now() - start);
    if (left <= 0) throw new LockTimeoutError(timeoutMs, id);
    Atomics.wait(i32, at, IN, Math.min(SLICE_MS, left));
  }
}

/** Dismisses all readers that have died. By the owner of the lock. Microseconds for each reader. */
export function dismissDeadReaders(mem: Memory): void {
  for (let id = 1; id < ABANDONED; id++) {
    if (isReading(mem, id) && isDead(mem, id)) dismissReader(mem, id);
  }
}

/**
 * A thread has died in a read section: counts may be too high, and if it was alone among readers,
 * anything may be half done. By the owner of the lock.
 */
export function dismissReader(mem: Memory, id: number): void {
  const { i32 } = mem;
  const record = threadRecordOf(mem, id);
  i32[record + THREAD_DIED] = DIED_READING;
  i32[CONTROL_SUSPECT] = 1;
  if (Atomics.load(i32, CONTROL_ROWS_LOCK) === id) {
    Atomics.compareExchange(i32, CONTROL_STATE, HEAP_OPEN, HEAP_RECOVERING);
    Atomics.store(i32, CONTROL_ROWS_LOCK, 0);
  }
  Atomics.compareExchange(i32, record + THREAD_READING, IN, OUT);
}

/**
 * Runs `body` alone among readers, for rows: it may change what else is under the GIL, which nobody
 * holds as long as anybody reads. The word (CONTROL_ROWS_LOCK, atomic) names its owner, 0: free.
 *
 * @throws LockTimeoutError when its owner has died: that is recovered when all have left
 */
export function aloneAmongReaders(mem: Memory, body: () => void): void {
  const { i32 } = mem;
  for (;;) {
    const owner = Atomics.compareExchange(i32, CONTROL_ROWS_LOCK, 0, mem.threadId);
    if (owner === 0) break;
    const end = Atomics.wait(i32, CONTROL_ROWS_LOCK, owner, SLICE_MS);
    if (end === 'timed-out' && isDead(mem, owner)) throw new LockTimeoutError(SLICE_MS, owner);
  }
  try {
    // Its dead owner was dismissed while others read on: nothing is rebuilt before they leave.
    if (i32[CONTROL_STATE] === HEAP_RECOVERING) throw new LockTimeoutError(0, 0);
    body();
  } finally {
    Atomics.store(i32, CONTROL_ROWS_LOCK, 0);
    Atomics.notify(i32, CONTROL_ROWS_LOCK);
  }
}
