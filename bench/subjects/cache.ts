/**
 * A cache of texts, used by several threads: which texts it answers with, how fast, and what memory
 * it takes. The loop over the requests is the same for every subject; a subject is a `Cache`.
 *
 * Before the first lap the cache is filled with the most popular keys, the most popular last. The
 * first laps are not counted. Memory is what has come to live in the V8 heaps of the threads since
 * they were ready, and what the cache takes outside of them; at the peak, the process's growth.
 */

import type { Cell, Figure, FiguresBench } from '../harness/types.ts';
import { keyCountOf, keyOfRank, LAPS, probeOf, requestsOf, textOf, WARM_UP_LAPS } from '../lru.ts';
import { keysOf } from '../shapes.ts';
import { Crew, type CrewTask, type Lap, type Member, type Turn } from './crew.ts';

/** One thread's view of a cache. */
export interface Cache {
  /** The text of `key`, used just now; undefined when it is not there. */
  get(key: string): string | undefined;
  /** Adds a text if it is not there; the one that was not used for longest makes room for it. */
  put(key: string, text: string): void;
  /** Entries. */
  size(): number;
}

/** What the threads of a cache bench get, besides what their subject gives them. */
export interface CacheTask<Shared> {
  readonly shared: Shared;
  readonly capacity: number;
  /** Requests of each thread in a lap. */
  readonly perLap: number;
}

/** Of a turn: the popular keys are put into the cache. Others are numbers of laps. */
const FILL = -1;

/** The other thread's part. `isFiller`: fills the cache, alone or, if it is private, as all do. */
export function cacheMember(
  cache: Cache,
  { capacity, perLap }: CacheTask<unknown>,
  { index, isFiller }: { index: number; isFiller: boolean },
): Member {
  const keys = keysOf(keyCountOf(capacity));
  const requests = requestsOf(index, perLap, capacity);
  const fill = (): Turn => {
    for (let rank = isFiller ? capacity - 1 : -1; rank >= 0; rank--) {
      const key = keyOfRank(rank, capacity);
      cache.put(keys[key]!, textOf(key, keys[key]!));
    }
    return { checksum: 0, count: 0 };
  };
  const turn = (lap: number): Turn => {
    if (lap === FILL) return fill();
    let checksum = 0;
    let misses = 0;
    for (let i = lap * perLap; i < (lap + 1) * perLap; i++) {
      const asked = requests[i]!;
      const key = keys[asked]!;
      let text = cache.get(key);
      if (text === undefined) {
        misses++;
        text = textOf(asked, key);
        cache.put(key, text);
      }
      checksum = (checksum + probeOf(text)) | 0;
    }
    if (cache.size() !== capacity) throw new Error(`${cache.size()} entries`);
    return { checksum, count: misses };
  };
  return { turn };
}

export interface CacheBench<Shared> {
  readonly module: string;
  readonly workload: string;
  readonly shared: Shared;
  /** Milliseconds that all threads have waited for the lock so far, where somebody knows. */
  waitedMs?(): number;
  /** Bytes outside of V8's heaps. */
  outsideBytes?(): number;
  /** Finds faults in what the threads leave behind. */
  verify?(): void;
  close?(): void | Promise<void>;
}

const sumOf = (lap: Lap, of: (turn: Turn) => number): number =>
  lap.turns.reduce((sum, turn) => sum + of(turn), 0);

/** Requests are answered by `threads` threads, `operations` in a lap, from `size` entries. */
export function cacheBench<Shared>(cell: Cell, bench: CacheBench<Shared>): FiguresBench {
  const { operations, threads } = cell;
  const capacity = cell.size!;
  const shared: CacheTask<Shared> = {
    shared: bench.shared,
    capacity,
    perLap: operations / threads,
  };
  const task: Omit<CrewTask, 'index'> = {
    module: bench.module,
    workload: bench.workload,
    shared,
  };
  const measureAll = async () => {
    const crew = await Crew.start(task, threads);
    try {
      const heapBefore = await crew.settle();
      const residentBefore = process.memoryUsage.rss();
      await crew.lap(threads, FILL);
      const laps: Lap[] = [];
      for (let lap = 0; lap < WARM_UP_LAPS; lap++) laps.push(await crew.lap(threads, lap));
      const waitedBefore = bench.waitedMs?.() ?? 0;
      while (laps.length < WARM_UP_LAPS + LAPS) laps.push(await crew.lap(threads, laps.length));
      const waited = bench.waitedMs && bench.waitedMs() - waitedBefore;
      const peak = process.resourceUsage().maxRSS * 1024 - residentBefore;
      const bytes = (await crew.settle()) - heapBefore + (bench.outsideBytes?.() ?? 0);
      bench.verify?.();
      const checksum = laps.reduce(
        (sum, lap) => (sum + sumOf(lap, (turn) => turn.checksum)) | 0,
        0,
      );
      const figures = figuresOf(cell, laps.slice(WARM_UP_LAPS), waited);
      figures.push({ metric: 'bytes-per-object', unit: 'bytes', samples: [bytes / capacity] });
      figures.push({ metric: 'rss-peak', unit: 'bytes peak', samples: [peak] });
      return { figures, checksum };
    } finally {
      await crew.close();
      await bench.close?.();
    }
  };
  return { measureAll };
}

function figuresOf({ operations, threads }: Cell, laps: readonly Lap[], waited?: number): Figure[] {
  const walls = laps.map((lap) => lap.milliseconds);
  const figures: Figure[] = [
    {
      metric: 'throughput',
      unit: 'requests/s',
      samples: walls.map((wall) => (operations / wall) * 1000),
    },
  ];
  const cpu = laps.map(({ turns }) => turns.reduce((sum, turn) => sum + (turn.cpu ?? NaN), 0));
  if (!cpu.some(Number.isNaN)) {
    const samples = cpu.map((milliseconds) => (milliseconds * 1e6) / operations);
    figures.push({ metric: 'cpu', unit: 'ns cpu', samples });
  }
  const hits = laps.map((lap) => 100 * (1 - sumOf(lap, (turn) => turn.count) / operations));
  figures.push({ metric: 'hits', unit: '% hits', samples: hits });
  if (waited !== undefined) {
    const all = threads * walls.reduce((sum, wall) => sum + wall, 0);
    figures.push({ metric: 'lock-wait', unit: '% waiting', samples: [(100 * waited) / all] });
  }
  return figures;
}
