/**
 * Signals that end waits. All that wait with one signal share one listener: programs may give one
 * signal to any number of waits, and Node.js warns of more than ten listeners.
 */

import { show } from './struct-fields.ts';

type Callback = () => void;

/** What is called when a signal aborts, in order. */
const callbacks = new WeakMap<AbortSignal, Set<Callback>>();

/** A signal in the options of a wait. @throws TypeError; the reason of one that has aborted */
export function checkSignal(signal: unknown): AbortSignal | undefined {
  if (signal === undefined) return undefined;
  const { addEventListener, throwIfAborted } = (signal ?? {}) as Partial<AbortSignal>;
  if (typeof addEventListener !== 'function' || typeof throwIfAborted !== 'function') {
    throw new TypeError(`signal must be an AbortSignal, not ${show(signal)}`);
  }
  (signal as AbortSignal).throwIfAborted();
  return signal as AbortSignal;
}

/** Calls `callback` once, when `signal` aborts: at once if it has. Returns what takes it back. */
export function onAbort(signal: AbortSignal, callback: Callback): () => void {
  if (signal.aborted) {
    callback();
    return () => {};
  }
  let known = callbacks.get(signal);
  if (known === undefined) {
    known = new Set();
    callbacks.set(signal, known);
  }
  const all = known;
  if (all.size === 0) signal.addEventListener('abort', callAll, { once: true });
  all.add(callback);
  return () => {
    if (all.delete(callback) && all.size === 0) signal.removeEventListener('abort', callAll);
  };
}

function callAll(this: AbortSignal): void {
  const all = callbacks.get(this);
  for (const callback of all ?? []) {
    all?.delete(callback);
    callback();
  }
}
