/**
 * Caches in a heap. `lru`: a map from keys to entries, and a ring of the entries in the order of
 * their use; each request is an exclusive section, which moves the entry to the front. In
 * `lru-second-chance` a hit only reads, in a read section, and sets the byte of its entry, in bytes
 * that need no section at all.
 */

import {
  type Handle,
  Heap,
  type HeapArray,
  type HeapBytes,
  type HeapMap,
  type HeapToken,
} from '../../src/index.ts';
import type { Bench, Cell } from '../harness/types.ts';
import { type Cache, type CacheTask, cacheBench, cacheMember } from './cache.ts';
import type { Member } from './crew.ts';

const HEAP_BYTES = 1 << 29;

interface Entry {
  key: string;
  text: string;
  newer: Entry | null;
  older: Entry | null;
}

interface Ring {
  entries: HeapMap<string, Entry>;
  /** Stands between the newest entry, which is its `older`, and the oldest. */
  ends: Entry;
}

function declareRing(heap: Heap) {
  const Entry = heap.struct<Entry>('Entry', {
    key: 'string',
    text: 'string',
    newer: 'ref',
    older: 'ref',
  });
  return { Entry, Ring: heap.struct<Ring>('Ring', { entries: 'ref', ends: 'ref' }) };
}

function createRing(heap: Heap): void {
  const { Entry, Ring } = declareRing(heap);
  heap.run(() => {
    const ends = new Entry();
    ends.newer = ends;
    ends.older = ends;
    heap.root.set('cache', new Ring({ entries: heap.map(), ends }));
  });
}

function attachRing(heap: Heap, capacity: number): Cache {
  const { Entry } = declareRing(heap);
  const ring = heap.root.get('cache') as unknown as Ring & Handle;
  const { entries, ends } = ring;
  const unlink = (entry: Entry) => {
    const newer = entry.newer!;
    const older = entry.older!;
    newer.older = older;
    older.newer = newer;
  };
  const linkFirst = (entry: Entry) => {
    const second = ends.older!;
    entry.newer = ends;
    entry.older = second;
    second.newer = entry;
    ends.older = entry;
  };
  const dropLast = () => {
    const last = ends.newer!;
    unlink(last);
    last.newer = null;
    last.older = null;
    entries.delete(last.key);
  };
  let key = '';
  let text: string | undefined;
  const look = () => {
    const entry = entries.get(key);
    text = entry?.text;
    if (entry === undefined) return;
    unlink(entry);
    linkFirst(entry);
  };
  const add = () => {
    if (entries.has(key)) return;
    const entry = new Entry({ key, text: text! });
    entries.set(key, entry);
    linkFirst(entry);
    if (entries.size > capacity) dropLast();
  };
  return {
    get: (asked) => {
      key = asked;
      heap.run(look);
      return text;
    },
    put: (made, itsText) => {
      key = made;
      text = itsText;
      heap.run(add);
    },
    size: () => entries.size,
  };
}

interface Page {
  key: string;
  text: string;
  place: number;
}

interface Clock {
  pages: HeapMap<string, Page>;
  places: HeapArray<Page>;
  /** A byte for each place: 1 when its page was used since the hand has passed. */
  used: HeapBytes;
  hand: number;
}

function declareClock(heap: Heap) {
  const Page = heap.struct<Page>('Page', { key: 'string', text: 'string', place: 'int32' });
  const Clock = heap.struct<Clock>('Clock', {
    pages: 'ref',
    places: 'ref',
    used: 'ref',
    hand: 'int32',
  });
  return { Page, Clock };
}

function createClock(heap: Heap, capacity: number): void {
  const { Clock } = declareClock(heap);
  heap.run(() => {
    const parts = { pages: heap.map(), places: heap.array(), used: heap.bytes(capacity) };
    heap.root.set('cache', new Clock(parts as Partial<Clock>));
  });
}

function attachClock(heap: Heap, capacity: number): Cache {
  const { Page } = declareClock(heap);
  const clock = heap.root.get('cache') as unknown as Clock & Handle;
  const { pages, places } = clock;
  const used = clock.used.view(Uint8Array);
  let key = '';
  let text: string | undefined;
  const look = () => {
    const page = pages.get(key);
    text = page?.text;
    if (page !== undefined) used[page.place] = 1;
  };
  const freePlace = () => {
    let place = clock.hand;
    for (; used[place] !== 0; place = (place + 1) % capacity) used[place] = 0;
    clock.hand = (place + 1) % capacity;
    pages.delete(places.at(place)!.key);
    return place;
  };
  const add = () => {
    if (pages.has(key)) return;
    const page = new Page({ key, text: text! });
    if (places.length < capacity) {
      page.place = places.length;
      places.push(page);
    } else {
      page.place = freePlace();
      places.set(page.place, page);
    }
    pages.set(key, page);
  };
  return {
    get: (asked) => {
      key = asked;
      heap.read(look);
      return text;
    },
    put: (made, itsText) => {
      key = made;
      text = itsText;
      heap.run(add);
    },
    size: () => pages.size,
  };
}

export function memberOf(workload: string, shared: unknown, index: number): Member {
  const task = shared as CacheTask<HeapToken>;
  const heap = Heap.attach(task.shared);
  const attachCache = workload === 'lru' ? attachRing : attachClock;
  return cacheMember(attachCache(heap, task.capacity), task, { index, isFiller: index === 0 });
}

export function cacheIn(workload: string, cell: Cell): Bench {
  const heap = Heap.create({ maxBytes: HEAP_BYTES });
  if (workload === 'lru') createRing(heap);
  else createClock(heap, cell.size!);
  return cacheBench(cell, {
    module: import.meta.url,
    workload,
    shared: heap.share(),
    waitedMs: () => heap.stats().lock.waitMs,
    outsideBytes: () => heap.stats().committedBytes,
    verify: () => {
      const [finding] = heap.verify();
      if (finding !== undefined) throw new Error(`the heap is unsound: ${finding.message}`);
    },
    close: () => heap.close(),
  });
}
