/** Timers of any length. Those of Node.js end at once when they are set for 2^31 ms or more. */

const TIMER_MAX = 2 ** 31 - 1;

/**
 * Calls `onEnd` after `ms` milliseconds; never when that is Infinity. Keeps the process alive
 * meanwhile. Returns what stops it.
 */
export function startTimer(onEnd: () => void, ms: number): () => void {
  if (ms === Number.POSITIVE_INFINITY) return () => {};
  let timer: NodeJS.Timeout;
  const wait = (leftMs: number) => {
    const next = leftMs > TIMER_MAX ? () => wait(leftMs - TIMER_MAX) : onEnd;
    timer = setTimeout(next, Math.min(leftMs, TIMER_MAX));
  };
  wait(ms);
  return () => clearTimeout(timer);
}
