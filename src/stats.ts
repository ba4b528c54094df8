/** What `heap.stats()` returns. */

import { lostScanners } from './gc/figures.ts';
import { isCollectorServing, readyScanners } from './gc/requests.ts';
import type { ObjectStats } from './gc/stats.ts';
import { COLLECTOR_THREAD } from './memory/layout.ts';
import type { Mutator } from './object/mutator.ts';
import { countTransit } from './object/transit.ts';
import {
  type LockCounters,
  readLeft,
  readThread,
  readThreads,
  type ThreadStats,
} from './sync/thread-table.ts';

/** How the lock was used, by all threads so far. Counters of a thread wrap at 2^32. */
export interface LockStats {
  /** Times it was taken: outermost sections and single operations. */
  readonly acquisitions: number;
  /** Times a thread had to wait for it. */
  readonly waits: number;
  /** Milliseconds waited, over all threads. */
  readonly waitMs: number;
  /** Times it was handed over to a thread that had asked for it. */
  readonly handovers: number;
}

/** The collector thread, and the pool it owns. */
export interface CollectorStats extends Omit<ThreadStats, 'id'> {
  /** Workers of the pool that are ready to share a scan. */
  readonly scanners: number;
  /** Threads that have ended in the middle of a scan so far: of the pool, or collector threads. */
  readonly lostScanners: number;
}

/** A snapshot of a heap. */
export interface HeapStats extends Omit<ObjectStats, 'byKind'> {
  /** Size of the heap, in bytes. */
  readonly maxBytes: number;
  /** Objects by kind: 'string', 'bigint', 'array', 'map', 'object', or the name of a struct. */
  readonly objectsByKind: Readonly<Record<string, number>>;
  /** References that were sent and not received yet. */
  readonly inTransit: number;
  readonly lock: LockStats;
  /** The attached threads, but for the collector thread. */
  readonly threads: readonly ThreadStats[];
  /** The collector thread; null while there is none. */
  readonly collector: CollectorStats | null;
}

/** Puts the parts together. The caller holds the GIL. */
export function readStats(
  mem: Mutator,
  objects: ObjectStats,
  kindName: (kind: number) => string,
): HeapStats {
  const { byKind, ...rest } = objects;
  const objectsByKind: Record<string, number> = Object.create(null);
  for (const [kind, count] of byKind) {
    const name = kindName(kind); // plain objects have many kinds, and one name
    objectsByKind[name] = (objectsByKind[name] ?? 0) + count;
  }
  const threads = readThreads(mem);
  const collector = readCollector(mem);
  const all: LockCounters[] = [
    ...threads,
    ...(collector === null ? [] : [collector]),
    readLeft(mem),
  ];
  const sum = (of: (counters: LockCounters) => number) => all.reduce((n, c) => n + of(c), 0);
  return {
    ...rest,
    maxBytes: mem.buffer.byteLength,
    objectsByKind,
    inTransit: countTransit(mem),
    lock: {
      acquisitions: sum((thread) => thread.sections),
      waits: sum((thread) => thread.waits),
      waitMs: sum((thread) => thread.waitMs),
      handovers: sum((thread) => thread.handovers),
    },
    threads,
    collector,
  };
}

function readCollector(mem: Mutator): CollectorStats | null {
  if (!isCollectorServing(mem)) return null;
  const { id: _, ...stats } = readThread(mem, COLLECTOR_THREAD);
  return { ...stats, scanners: readyScanners(mem), lostScanners: lostScanners(mem) };
}
