/**
 * The open map iterators of one thread.
 *
 * An open iterator holds its map by a row of the root table and is counted in the map, which keeps
 * its entries in place meanwhile; in a read section nothing moves anyway, and the iterator ends
 * with it. It closes at its end or when its loop is left. Iterators that outlive their section are
 * watched by a `Watcher`; leaving the heap closes all.
 */

import { Watcher } from './base/watcher.ts';
import { NULL_REF, type ObjectRef } from './memory/layout.ts';
import { decref } from './object/dealloc.ts';
import { closeIterator, openIterator } from './object/map-chunks.ts';
import type { Mutator } from './object/mutator.ts';
import { incref } from './object/refcount.ts';
import { addIteratorRow, removeRow } from './object/rows.ts';

/** Where an iterator stands. */
export interface Place {
  /** The map; NULL_REF while the iterator is not open. */
  map: ObjectRef;
  /** What holds it; 0 in a read section, where nothing can change. */
  row: number;
  /** The entry returned last; 0 at the beginning. */
  entry: number;
  done: boolean;
  /** The task of a pool that has opened it, if any. */
  task: unknown;
  /** It was opened in a read section that has ended. */
  isStale: boolean;
}

/** An iterator at its beginning. */
export const createPlace = (): Place => ({
  map: NULL_REF,
  row: 0,
  entry: 0,
  done: false,
  task: null,
  isStale: false,
});

/** The open iterators of a thread. */
export class MapIterators {
  readonly #mem: Mutator;
  readonly #open = new Set<Place>();
  /** Iterators opened in the running section, with their places. */
  #fresh: [object, Place][] = [];
  /** Iterators opened in the running read section. */
  readonly #borrowed: Place[] = [];
  readonly #forgotten: Place[] = [];
  readonly #watcher: Watcher<Place>;
  /** Finds the running task of a pool. */
  findTask: (() => unknown) | null = null;

  constructor(mem: Mutator, onForgotten: () => void) {
    this.#mem = mem;
    this.#watcher = new Watcher((place) => {
      this.#forgotten.push(place);
      onForgotten();
    });
  }

  /** Whether `endReading` has something to do. */
  get hasBorrowed(): boolean {
    return this.#borrowed.length !== 0;
  }

  /** Whether `endSection` has something to do. */
  get needsAttention(): boolean {
    return this.#fresh.length !== 0 || this.#forgotten.length !== 0;
  }

  /** Opens an iterator over `map`. @throws HeapExhaustedError */
  open(iterator: object, place: Place, map: ObjectRef): void {
    if (this.#mem.depth < 0) {
      place.map = map;
      this.#borrowed.push(place);
      return;
    }
    incref(this.#mem, map);
    try {
      place.row = addIteratorRow(this.#mem, map);
    } catch (error) {
      decref(this.#mem, map);
      throw error;
    }
    openIterator(this.#mem, map);
    place.map = map;
    place.task = this.findTask?.() ?? null;
    this.#open.add(place);
    this.#fresh.push([iterator, place]);
  }

  /** Closes an iterator. In a read section, one from before is closed afterwards. */
  close(place: Place): void {
    const { map, row } = place;
    if (map === NULL_REF) return;
    if (row === 0) {
      place.map = NULL_REF;
      return;
    }
    if (this.#mem.depth < 0) {
      this.#forgotten.push(place);
      return;
    }
    this.#open.delete(place);
    place.map = NULL_REF;
    closeIterator(this.#mem, map);
    removeRow(this.#mem, row);
    decref(this.#mem, map);
  }

  /** Ends a read section: iterators that were opened in it end with it. */
  endReading(): void {
    for (const place of this.#borrowed.splice(0)) {
      place.isStale = place.map !== NULL_REF;
      place.map = NULL_REF;
    }
  }

  /** Watches what is still open, and closes what was forgotten. The caller holds the GIL. */
  endSection(): void {
    for (const [iterator, place] of this.#fresh) {
      if (place.map !== NULL_REF) this.#watcher.register(iterator, place);
    }
    this.#fresh = [];
    for (const place of this.#forgotten.splice(0)) this.close(place);
  }

  /** Ends the iterators that a task has opened and left open. The caller holds the GIL. */
  closeOfTask(task: object): void {
    for (const place of [...this.#open]) {
      if (place.task !== task) continue;
      place.done = true;
      this.close(place);
    }
  }

  /** Closes all: the thread leaves the heap. The caller holds the GIL. */
  closeAll(): void {
    for (const place of [...this.#open]) this.close(place);
  }
}
