/**
 * What the threads of a round share besides the heap: a barrier, and words that say how far they
 * are. Threads wait by blocking; whoever fails first, or is found dead, lets all others go.
 *
 *   word 0         phase: how often all have come together
 *   word 1         how many have arrived
 *   word 2         0; or 1 + the number of the thread that has failed first
 *   from word 3    by thread, counters that grow while it gets on
 */

const PHASE = 0;
const ARRIVED = 1;
const FAILED = 2;
const PROGRESS = 3;

/** Longest slice of a wait, in milliseconds. */
const SLICE_MS = 1000;

/** Thrown in the threads of a round when another one has failed. */
class RoundStopped extends Error {
  override readonly name = 'RoundStopped';
}

/** The memory of a barrier for `threads` threads. */
export const createBarrier = (threads: number): SharedArrayBuffer =>
  new SharedArrayBuffer((PROGRESS + threads) * Int32Array.BYTES_PER_ELEMENT);

/** A barrier as one thread sees it. */
export class Barrier {
  readonly #words: Int32Array;

  constructor(memory: SharedArrayBuffer) {
    this.#words = new Int32Array(memory);
  }

  /** Waits until all threads of the round have come. @throws RoundStopped */
  wait(threads: number): void {
    const words = this.#words;
    const phase = Atomics.load(words, PHASE);
    if (Atomics.add(words, ARRIVED, 1) + 1 === threads) {
      Atomics.store(words, ARRIVED, 0);
      Atomics.add(words, PHASE, 1);
      Atomics.notify(words, PHASE);
    }
    while (Atomics.load(words, PHASE) === phase) {
      this.throwIfStopped();
      Atomics.wait(words, PHASE, phase, SLICE_MS);
    }
    this.throwIfStopped();
  }

  /** @throws RoundStopped when a thread has failed */
  throwIfStopped(): void {
    if (this.hasFailed) throw new RoundStopped('another thread has failed');
  }

  /** A thread has failed. Returns whether it was the first. */
  stop(thread: number): boolean {
    const isFirst = Atomics.compareExchange(this.#words, FAILED, 0, thread + 1) === 0;
    Atomics.notify(this.#words, PHASE);
    return isFirst;
  }

  /** Whether a thread has failed. */
  get hasFailed(): boolean {
    return Atomics.load(this.#words, FAILED) !== 0;
  }

  /** Whether all threads have come together once. */
  get hasBegun(): boolean {
    return Atomics.load(this.#words, PHASE) > 0;
  }

  /** A thread gets on. */
  advance(thread: number): void {
    this.#words[PROGRESS + thread]++;
  }

  /** How far all threads have got: grows while any of them gets on, and when one fails. */
  get progress(): number {
    const words = this.#words;
    const start = (words[PHASE] as number) + (words[FAILED] as number);
    return words.subarray(PROGRESS).reduce((sum, n) => sum + n, start);
  }
}
