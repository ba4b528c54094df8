/** A watchdog: notices that something does not get on any more. */

/** How often it looks, in milliseconds. */
const LOOK_MS = 250;

/** What is watched, and for how long nothing may happen. */
export interface Watched {
  /** Something that changes while it gets on. */
  readonly progress: () => number;
  /** How long it may stay as it is, in milliseconds. Asked at every look. */
  readonly patienceMs: () => number;
  /** Called once, when it has stayed so for longer. */
  readonly onHang: () => void;
}

/**
 * Watches until the returned function is called. It counts its looks, not the time: while the
 * process was stopped nothing could get on, and nobody has looked either.
 */
export function watch({ progress, patienceMs, onHang }: Watched): () => void {
  let seen = progress();
  let looks = 0;
  const timer = setInterval(() => {
    const now = progress();
    looks = now === seen ? looks + 1 : 0;
    seen = now;
    if (looks * LOOK_MS <= patienceMs()) return;
    clearInterval(timer);
    onHang();
  }, LOOK_MS);
  return () => clearInterval(timer);
}
