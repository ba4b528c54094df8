/**
 * Who hears of collections: `gc.callbacks`, the channels of `node:diagnostics_channel` and, where
 * asked for, the timeline of `node:perf_hooks`. All of it is user code, so it runs without any
 * internal lock, in the thread that collects. It costs nothing while nobody listens.
 */

import { channel } from 'node:diagnostics_channel';
import { performance } from 'node:perf_hooks';
import { inspect } from 'node:util';
import type { Collection } from './gc/figures.ts';

/** What has made a collection begin: the program, a safepoint, or a full heap. */
export type CollectionReason = 'explicit' | 'automatic' | 'exhaustion';

/** What callbacks are told of a collection. At its start the figures are 0. */
export interface CollectionInfo {
  /**
   * A number of its own among those that this thread is told of, in both phases: while a collection
   * runs beside the program, others begin and end. 0 when nobody listened at its start.
   */
  readonly id: number;
  /** 0, 1 or 2. */
  readonly generation: number;
  /** Objects found unreachable: freed, or left in `gc.garbage` under DEBUG_SAVEALL. */
  readonly collected: number;
  /** Objects found unreachable that could not be freed. */
  readonly uncollectable: number;
  /** Objects examined. */
  readonly candidates: number;
  readonly durationMs: number;
}

/** A function in `gc.callbacks`. */
export type CollectionCallback = (phase: 'start' | 'stop', info: CollectionInfo) => void;

/** What is published on the channel `sharc:gc:start`. */
export interface CollectionStart {
  /**
   * Tells heaps apart, and nothing else: an opaque string, the same in all threads that share the
   * heap. Compare it with that of other messages.
   */
  readonly heap: string;
  /** The same at its start and at its end: see `CollectionInfo`. */
  readonly id: number;
  readonly generation: number;
  readonly reason: CollectionReason;
}

/** What is published on the channel `sharc:gc:stop`: all figures of the collection. */
export interface CollectionStop extends CollectionStart, Readonly<Collection> {
  readonly generation: number;
}

/** The name of the entries on the timeline of `perf_hooks`. */
export const ENTRY_NAME = 'sharc:gc';

const startChannel = channel('sharc:gc:start');
const stopChannel = channel('sharc:gc:stop');

/** The listeners of one thread. */
export class GcEvents {
  readonly callbacks: CollectionCallback[] = [];
  /** Whether collections become entries of the performance timeline. */
  isMeasured = false;
  readonly #heap: string;
  #lastId = 0;

  constructor(heap: string) {
    this.#heap = heap;
  }

  /** Whether anybody is to hear of a collection. */
  get isHeard(): boolean {
    return (
      this.callbacks.length !== 0 ||
      this.isMeasured ||
      startChannel.hasSubscribers ||
      stopChannel.hasSubscribers
    );
  }

  /** A collection is about to begin. Returns its number. */
  start(generation: number, reason: CollectionReason): number {
    const id = ++this.#lastId;
    if (this.callbacks.length !== 0) this.#call('start', noFigures(id, generation));
    if (!startChannel.hasSubscribers) return id;
    const message: CollectionStart = { heap: this.#heap, id, generation, reason };
    startChannel.publish(message);
    return id;
  }

  /** Collection `id` has ended; it began at `startMs` of the performance clock. */
  stop(id: number, collection: Collection, reason: CollectionReason, startMs: number): void {
    const { generation, collected, uncollectable, candidates, durationMs } = collection;
    this.#call('stop', { id, generation, collected, uncollectable, candidates, durationMs });
    if (!stopChannel.hasSubscribers && !this.isMeasured) return;
    const message: CollectionStop = { heap: this.#heap, id, reason, ...collection };
    if (stopChannel.hasSubscribers) stopChannel.publish(message);
    if (this.isMeasured) measure(message, startMs);
  }

  /** Calls the callbacks in order. As in CPython, one that is removed meanwhile shifts the list. */
  #call(phase: 'start' | 'stop', info: CollectionInfo): void {
    const { callbacks } = this;
    for (let i = 0; i < callbacks.length; i++) {
      try {
        callbacks[i](phase, info);
      } catch (error) {
        warn(error, `a callback in heap.gc.callbacks has failed (phase ${phase})`);
      }
    }
  }
}

const noFigures = (id: number, generation: number): CollectionInfo => ({
  id,
  generation,
  collected: 0,
  uncollectable: 0,
  candidates: 0,
  durationMs: 0,
});

/** Observers get an entry. It is cleared at once: the timeline keeps what nobody clears. */
function measure(detail: CollectionStop, start: number): void {
  performance.measure(ENTRY_NAME, { start, duration: detail.durationMs, detail });
  performance.clearMeasures(ENTRY_NAME);
}

/** Reports an error of user code that nobody can catch, as a warning of the process. */
export function warn(error: unknown, what: string): void {
  const text = error instanceof Error ? (error.stack ?? String(error)) : inspect(error);
  process.emitWarning(what, { type: 'SharcWarning', code: 'ERR_SHARC_CALLBACK', detail: text });
}
