/** Caches of ordinary maps: each thread has one of its own, with all that it was asked for. */

import type { Bench, Cell } from '../harness/types.ts';
import { type Cache, type CacheTask, cacheBench, cacheMember } from './cache.ts';
import type { Member } from './crew.ts';

/** The order of a map is that of insertion: what was used is inserted again, the first goes. */
function cacheOf(capacity: number): Cache {
  const texts = new Map<string, string>();
  return {
    get: (key) => {
      const text = texts.get(key);
      if (text === undefined) return undefined;
      texts.delete(key);
      texts.set(key, text);
      return text;
    },
    put: (key, text) => {
      texts.set(key, text);
      if (texts.size > capacity) texts.delete(texts.keys().next().value!);
    },
    size: () => texts.size,
  };
}

export function memberOf(_workload: string, shared: unknown, index: number): Member {
  const task = shared as CacheTask<null>;
  return cacheMember(cacheOf(task.capacity), task, { index, isFiller: true });
}

export const lru = (cell: Cell): Bench =>
  cacheBench(cell, { module: import.meta.url, workload: 'lru', shared: null });
