/**
 * Collections at times of the program's own choosing: by a clock, at an event, when the event loop
 * is idle. Thin helpers around `collect`, which run whether automatic collections are enabled or
 * not: programs that disable those are who needs them.
 */

import { performance } from 'node:perf_hooks';
import { HeapClosedError } from './base/errors.ts';
import { warn } from './gc-events.ts';
import { GC_COUNTS, THREAD_SECTIONS } from './memory/layout.ts';
import type { Mutator } from './object/mutator.ts';
import { show } from './struct-fields.ts';

/** A running schedule. It ends by `stop()`, by `using`, or when this thread leaves the heap. */
export interface GcSchedule extends Disposable {
  /** Ends it. Calling it again does nothing. */
  stop(): void;
}

/** What `on` accepts: an EventEmitter or an EventTarget. */
export type EventSource =
  | {
      on(event: string | symbol, listener: () => void): unknown;
      off(event: string | symbol, listener: () => void): unknown;
    }
  | {
      addEventListener(event: string, listener: () => void): void;
      removeEventListener(event: string, listener: () => void): void;
    };

/** How often `onIdle` looks, in milliseconds. */
const IDLE_PERIOD_MS = 50;
/** Largest part of that time for which an idle event loop has worked. */
const IDLE_UTILIZATION = 0.1;

/** The schedules of one thread for one heap. */
export class Schedules {
  readonly #running = new Set<GcSchedule>();

  /** Ends all of them. */
  stopAll(): void {
    for (const schedule of [...this.#running]) schedule.stop();
  }

  /** Calls `collect` every `ms` milliseconds. Does not keep the process alive. */
  every(ms: number, collect: () => void): GcSchedule {
    const timer = setInterval(() => this.#attempt(schedule, collect), ms).unref();
    const schedule = this.#add(() => clearInterval(timer));
    return schedule;
  }

  /** Calls `collect` at every `event` of `source`. */
  on(source: EventSource, event: string | symbol, collect: () => void): GcSchedule {
    const listener = () => this.#attempt(schedule, collect);
    const schedule = this.#add(listen(source, event, listener));
    return schedule;
  }

  /**
   * Calls `collect` when the event loop has been idle for a moment, if there was work in the heap
   * since the last time: sections of this thread, or net allocations of any.
   */
  onIdle(mem: Mutator, collect: () => void): GcSchedule {
    const workDone = () =>
      mem.i32[mem.thread + THREAD_SECTIONS] + Math.max(0, mem.i32[GC_COUNTS]) / 2 ** 31;
    let last = performance.eventLoopUtilization();
    let done = -1;
    const look = () => {
      const { utilization } = performance.eventLoopUtilization(last);
      last = performance.eventLoopUtilization();
      if (utilization > IDLE_UTILIZATION || workDone() === done) return;
      collect();
      done = workDone();
    };
    const timer = setInterval(() => this.#attempt(schedule, look), IDLE_PERIOD_MS).unref();
    const schedule = this.#add(() => clearInterval(timer));
    return schedule;
  }

  #add(end: () => void): GcSchedule {
    const stop = () => {
      if (this.#running.delete(schedule)) end();
    };
    const schedule: GcSchedule = { stop, [Symbol.dispose]: stop };
    this.#running.add(schedule);
    return schedule;
  }

  /** A schedule whose heap is closed ends by itself; one that fails ends and says so. */
  #attempt(schedule: GcSchedule, body: () => void): void {
    try {
      body();
    } catch (error) {
      schedule.stop();
      if (!(error instanceof HeapClosedError)) warn(error, 'a scheduled collection has failed');
    }
  }
}

/** Adds a listener. Returns what removes it. @throws TypeError for what is no event */
function listen(source: EventSource, event: string | symbol, listener: () => void): () => void {
  if (typeof source === 'object' && source !== null) {
    if ('on' in source && 'off' in source) {
      if (typeof event !== 'symbol') checkName(event, 'a string or a symbol');
      source.on(event, listener);
      return () => source.off(event, listener);
    }
    if ('addEventListener' in source) {
      const type = checkName(event, 'a string, as it is that of an EventTarget');
      source.addEventListener(type, listener);
      return () => source.removeEventListener(type, listener);
    }
  }
  throw new TypeError(`on() takes an EventEmitter or an EventTarget, not ${show(source)}`);
}

function checkName(event: unknown, allowed: string): string {
  if (typeof event === 'string') return event;
  throw new TypeError(`the event of on() must be ${allowed}, not ${show(event)}`);
}
