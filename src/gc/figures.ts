/**
 * What collections have done so far, per generation, in shared memory: every thread reads the
 * same. Written under the GIL when a collection ends (gh-151646 was a race here).
 */

import { assert } from '../base/assert.ts';
import { SCANNERS_MAX } from '../base/options.ts';
import {
  BACKGROUND_RECORDS,
  GC_BACKGROUND_FIGURES,
  GC_BACKGROUND_NO,
  GC_BACKGROUND_SERIAL,
  GC_LOST_SCANNERS,
  GC_LOST_UNBOOKED,
  GC_PAUSES,
  GC_STATS,
  GC_STATS_WORDS,
  GC_STOPS,
  GC_UNBOOKED,
} from '../memory/layout.ts';
import type { Memory } from '../memory/memory.ts';
import { record } from './histogram.ts';

/** What one collection did. */
export interface Collection {
  /** 0, 1 or 2. */
  readonly generation: number;
  /** Objects found unreachable: freed, or left in `gc.garbage` under DEBUG_SAVEALL. */
  collected: number;
  /** Objects found unreachable that could not be freed. */
  uncollectable: number;
  /** Objects examined. */
  candidates: number;
  /** Time from its begin to its end. */
  durationMs: number;
  /** Of these, the time for which it kept the mutators from running. */
  pauseMs: number;
  /** The longest of its pauses. */
  pauseMaxMs: number;
  /** Time it waited for the lock, at the longest. */
  timeToStopMs: number;
  /** Processor time of all threads that took part, as far as the system tells. */
  cpuMs: number;
  /** Most bytes of side tables in use. */
  sideBytes: number;
  /** Objects examined by each scanner. */
  scanned: number[];
}

/** Sums over all collections of one generation, or the maximum where it says so. */
export interface GenerationStats {
  readonly collections: number;
  readonly collected: number;
  readonly uncollectable: number;
  readonly candidates: number;
  readonly durationMs: number;
  readonly pauseMs: number;
  /** The longest pause. */
  readonly pauseMaxMs: number;
  /** The longest wait for the lock. */
  readonly timeToStopMs: number;
  readonly cpuMs: number;
  /** Bytes of side tables in use, at the most. */
  readonly sideBytes: number;
  /** Objects examined, by scanner: the collecting thread first. */
  readonly scanned: readonly number[];
  /** Threads that have ended or failed in a scan, which was then done without them. */
  readonly lostScanners: number;
}

const COLLECTIONS = 0;
const COLLECTED = 1;
const UNCOLLECTABLE = 2;
const CANDIDATES = 3;
const DURATION = 4;
const PAUSE = 5;
const PAUSE_MAX = 6;
const TIME_TO_STOP = 7;
const CPU = 8;
const SIDE_BYTES = 9;
const SCANNED = 10;
const LOST_SCANNERS = SCANNED + SCANNERS_MAX;
/** In the figures of a collection in the background: its number. */
const SERIAL = LOST_SCANNERS;
assert(LOST_SCANNERS < GC_STATS_WORDS / 2, 'figures: those of a generation fit its words');

/** An empty record for a collection that begins. */
export function beginCollection(generation: number): Collection {
  return {
    generation,
    collected: 0,
    uncollectable: 0,
    candidates: 0,
    durationMs: 0,
    pauseMs: 0,
    pauseMaxMs: 0,
    timeToStopMs: 0,
    cpuMs: 0,
    sideBytes: 0,
    scanned: [],
  };
}

/** Notes a pause of a collection: `durationMs` for which it kept the lock. */
export function notePause(mem: Memory, collection: Collection, durationMs: number): void {
  collection.pauseMs += durationMs;
  collection.pauseMaxMs = Math.max(collection.pauseMaxMs, durationMs);
  record(mem, GC_PAUSES, durationMs);
}

/** Notes how long a collection has waited for the lock. */
export function noteStop(mem: Memory, collection: Collection, durationMs: number): void {
  collection.timeToStopMs = Math.max(collection.timeToStopMs, durationMs);
  record(mem, GC_STOPS, durationMs);
}

/** Adds a collection that has ended to the sums of its generation. */
export function book(mem: Memory, collection: Collection): void {
  const { f64 } = mem;
  const at = statsAt(collection.generation);
  f64[at + COLLECTIONS]++;
  f64[at + LOST_SCANNERS] += Atomics.exchange(mem.i32, GC_LOST_UNBOOKED, 0);
  addFigures(f64, at, collection);
}

/**
 * Threads have died in a scan of a collection. The next collection that is booked takes them over:
 * the one that repeats the scan. Needs no lock.
 */
export function noteLostInCollection(mem: Memory, lost: number): void {
  if (lost === 0) return;
  Atomics.add(mem.i32, GC_LOST_UNBOOKED, lost);
  noteLostScanners(mem, lost);
}

/** Threads have died in a scan of any kind. Needs no lock. */
export function noteLostScanners(mem: Memory, lost: number): void {
  Atomics.add(mem.i32, GC_LOST_SCANNERS, lost);
}

/** How many threads have died in scans so far. */
export const lostScanners = (mem: Memory): number => Atomics.load(mem.i32, GC_LOST_SCANNERS);

function addFigures(f64: Float64Array, at: number, collection: Collection): void {
  f64[at + COLLECTED] += collection.collected;
  f64[at + UNCOLLECTABLE] += collection.uncollectable;
  f64[at + CANDIDATES] += collection.candidates;
  f64[at + DURATION] += collection.durationMs;
  f64[at + PAUSE] += collection.pauseMs;
  f64[at + PAUSE_MAX] = Math.max(f64[at + PAUSE_MAX], collection.pauseMaxMs);
  f64[at + TIME_TO_STOP] = Math.max(f64[at + TIME_TO_STOP], collection.timeToStopMs);
  f64[at + CPU] += collection.cpuMs;
  f64[at + SIDE_BYTES] = Math.max(f64[at + SIDE_BYTES], collection.sideBytes);
  collection.scanned.forEach((objects, scanner) => {
    f64[at + SCANNED + scanner] += objects;
  });
}

/**
 * Notes what the collection in the background did, for the thread that has started it. The last few
 * are remembered.
 */
export function noteBackground(mem: Memory, collection: Collection): void {
  const { i32, f64 } = mem;
  const serial = i32[GC_BACKGROUND_SERIAL];
  const at = backgroundAt(serial);
  f64.fill(0, at, at + GC_STATS_WORDS / 2);
  f64[at + COLLECTIONS] = collection.generation;
  f64[at + SERIAL] = serial;
  addFigures(f64, at, collection);
  i32[GC_BACKGROUND_NO]++;
}

/**
 * What collection `serial` in the background did; null when it has not ended, was given up, or when
 * too many have ended since.
 */
export function readBackground(mem: Memory, serial: number): Collection | null {
  const at = backgroundAt(serial);
  if (mem.f64[at + SERIAL] !== serial) return null;
  const { scanned, collections, lostScanners: _, ...rest } = readFigures(mem, at);
  return { generation: collections, ...rest, scanned: [...scanned] };
}

/** The index of a collection's figures, in 8-byte units. */
function backgroundAt(serial: number): number {
  const record = (serial >>> 0) % BACKGROUND_RECORDS;
  return (GC_BACKGROUND_FIGURES + record * GC_STATS_WORDS) >>> 1;
}

/** Objects are condemned by a collection in the background. */
export function noteCondemned(mem: Memory, objects: number): void {
  mem.i32[GC_UNBOOKED] += objects;
}

/**
 * How many objects the collection in the background has condemned. It is over: they are counted by
 * whoever has ended it, once.
 */
export function takeCondemned(mem: Memory): number {
  const objects = mem.i32[GC_UNBOOKED];
  mem.i32[GC_UNBOOKED] = 0;
  return objects;
}

/** The sums of a generation. */
export function readGenerationStats(mem: Memory, generation: number): GenerationStats {
  return readFigures(mem, statsAt(generation));
}

function readFigures(mem: Memory, at: number): GenerationStats {
  const figure = (offset: number) => mem.f64[at + offset];
  const scanned: number[] = [];
  for (let scanner = 0; scanner < SCANNERS_MAX; scanner++) scanned.push(figure(SCANNED + scanner));
  while (scanned.length > 1 && scanned[scanned.length - 1] === 0) scanned.pop();
  return {
    collections: figure(COLLECTIONS),
    collected: figure(COLLECTED),
    uncollectable: figure(UNCOLLECTABLE),
    candidates: figure(CANDIDATES),
    durationMs: figure(DURATION),
    pauseMs: figure(PAUSE),
    pauseMaxMs: figure(PAUSE_MAX),
    timeToStopMs: figure(TIME_TO_STOP),
    cpuMs: figure(CPU),
    sideBytes: figure(SIDE_BYTES),
    scanned,
    lostScanners: figure(LOST_SCANNERS),
  };
}

/** The index of a generation's first figure, in 8-byte units. */
const statsAt = (generation: number): number => (GC_STATS + generation * GC_STATS_WORDS) >>> 1;
