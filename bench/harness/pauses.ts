/**
 * When a mutator was kept from its next operation, and for how long. A log lies in a Float64Array,
 * so that a thread can fill it in shared memory and another one read it.
 *
 *   LOG_PREVIOUS   end of the operation before
 *   LOG_LONGEST    longest time between two ends, logged or not
 *   LOG_COUNT      pauses logged, at most LOG_CAPACITY
 *   LOG_PAUSES     a pair per pause: when it began, how long it was
 */

const LOG_PREVIOUS = 0;
const LOG_LONGEST = 1;
const LOG_COUNT = 2;
const LOG_PAUSES = 3;
const LOG_CAPACITY = 100_000;
const LOG_LENGTH = LOG_PAUSES + 2 * LOG_CAPACITY;

/** Shorter gaps are operations, not pauses: they take around a microsecond. */
export const PAUSE_MIN_MS = 0.05;

/** Memory for a log. */
export const createLogMemory = (): Float64Array =>
  new Float64Array(new SharedArrayBuffer(LOG_LENGTH * Float64Array.BYTES_PER_ELEMENT));

export interface Pause {
  readonly start: number;
  readonly length: number;
}

/** Maximum and percentiles of pauses, in milliseconds. */
export interface PauseFigures {
  readonly max: number;
  readonly p99: number;
  readonly p50: number;
}

export class PauseLog {
  readonly #log: Float64Array;

  constructor(log: Float64Array) {
    this.#log = log;
  }

  /** Forgets everything; the first operation begins now. */
  start(now: number): void {
    this.#log.fill(0, 0, LOG_PAUSES);
    this.#log[LOG_PREVIOUS] = now;
  }

  /** An operation has ended. */
  tick(now: number): void {
    const gap = now - this.#log[LOG_PREVIOUS];
    if (gap > this.#log[LOG_LONGEST]) this.#log[LOG_LONGEST] = gap;
    if (gap >= PAUSE_MIN_MS) this.#append(gap);
    this.#log[LOG_PREVIOUS] = now;
  }

  #append(length: number): void {
    const count = this.#log[LOG_COUNT];
    if (count === LOG_CAPACITY) return;
    this.#log[LOG_PAUSES + 2 * count] = this.#log[LOG_PREVIOUS];
    this.#log[LOG_PAUSES + 2 * count + 1] = length;
    this.#log[LOG_COUNT] = count + 1;
  }

  get longest(): number {
    return this.#log[LOG_LONGEST];
  }

  get pauses(): Pause[] {
    return Array.from({ length: this.#log[LOG_COUNT] }, (_, i) => ({
      start: this.#log[LOG_PAUSES + 2 * i],
      length: this.#log[LOG_PAUSES + 2 * i + 1],
    }));
  }

  get figures(): PauseFigures {
    return summaryOf(this.pauses, this.longest);
  }
}

/** Figures of what was logged; of the longest gap where none was a pause. */
export function summaryOf(pauses: readonly Pause[], longest: number): PauseFigures {
  return pauseFigures(pauses.length === 0 ? [longest] : pauses.map(({ length }) => length));
}

/** The smallest of `sorted` that at least `share` of them do not exceed. */
function percentile(sorted: Float64Array, share: number): number {
  return sorted[Math.max(0, Math.ceil(share * sorted.length) - 1)];
}

export function pauseFigures(lengths: ArrayLike<number>): PauseFigures {
  const sorted = Float64Array.from(lengths).sort();
  const max = sorted.at(-1) ?? 0;
  return { max, p99: percentile(sorted, 0.99) ?? 0, p50: percentile(sorted, 0.5) ?? 0 };
}

/**
 * Minimum mutator utilisation (Cheng and Blelloch, PLDI 2001): the least share of any window of
 * `window` milliseconds inside [begin, end] that pauses leave to the mutator, in per cent. The
 * worst window begins with a pause or ends with one.
 */
export function minimumUtilisation(
  pauses: readonly Pause[],
  [begin, end]: readonly [begin: number, end: number],
  window: number,
): number {
  // kept[i]: the time of all pauses before pause i, so that a window is a difference.
  const kept = new Float64Array(pauses.length + 1);
  for (const [i, { length }] of pauses.entries()) kept[i + 1] = kept[i] + length;
  const keptUntil = (time: number): number => {
    let low = 0;
    let high = pauses.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (pauses[middle]!.start < time) low = middle + 1;
      else high = middle;
    }
    if (low === 0) return 0;
    const { start, length } = pauses[low - 1]!;
    return kept[low - 1] + Math.min(length, time - start);
  };
  const last = Math.max(begin, end - window);
  const size = Math.min(window, end - begin);
  let worst = 0;
  for (const { start, length } of pauses) {
    for (const at of [start, start + length - size]) {
      const from = Math.min(Math.max(at, begin), last);
      worst = Math.max(worst, keptUntil(from + size) - keptUntil(from));
    }
  }
  return size === 0 ? 100 : 100 * (1 - worst / size);
}
