/**
 * Cells: places in the heap that hold what the ledger knows. The cell's number says what kind of
 * place it is, its value what kind of value stands there; 0 stands for nothing.
 */

import type { Heap, HeapArray, HeapMap, HeapObject, Shareable } from '../../src/index.ts';
import { CELLS, COUNTS } from './ledger.ts';

/** The struct of the storm: some places, and some values. */
export const declareRecord = (heap: Heap) =>
  heap.struct('StormRecord', { n: 'int32', mark: 'string', any: 'any', next: 'ref' });
export type StormRecord = InstanceType<ReturnType<typeof declareRecord>>;

/** Kinds of places. */
const PLACES = 5;
/** Kinds of values. */
const KINDS = 9;
const LONG = 'a text that is too long to be stored once for all that hold it, number ';

/** The cells of all slots, as one thread sees them. */
export class Cells {
  readonly #heap: Heap;
  readonly #Record: ReturnType<typeof declareRecord>;
  readonly #map: HeapMap<string, Shareable>;
  readonly #array: HeapArray<Shareable>;
  readonly #records: HeapArray<StormRecord>;
  readonly #objects: HeapArray<HeapObject>;
  readonly #maps: HeapArray<HeapMap<number, Shareable>>;
  readonly #counts: HeapArray<number>;

  /** Their places are made by the main thread. */
  static create(heap: Heap, slots: number): void {
    const Record = declareRecord(heap);
    const each = <T>(make: (slot: number) => T) => Array.from({ length: slots }, (_, i) => make(i));
    heap.run(() => {
      heap.root.set('cells', heap.map());
      heap.root.set('elements', heap.array(new Array(slots * CELLS).fill(null)));
      const count = slots * CELLS;
      const records = Array.from({ length: count }, () => new Record({ any: null }));
      heap.root.set('records', heap.array(records));
      heap.root.set('objects', heap.array(each((slot) => heap.from({ slot }))));
      heap.root.set('maps', heap.array(each(() => heap.map())));
      heap.root.set('counts', heap.array(new Array(slots * COUNTS).fill(0)));
    });
  }

  constructor(heap: Heap) {
    this.#heap = heap;
    this.#Record = declareRecord(heap);
    const { root } = heap;
    this.#map = root.get('cells') as HeapMap<string, Shareable>;
    this.#array = root.get('elements') as HeapArray<Shareable>;
    this.#records = root.get('records') as HeapArray<StormRecord>;
    this.#objects = root.get('objects') as HeapArray<HeapObject>;
    this.#maps = root.get('maps') as HeapArray<HeapMap<number, Shareable>>;
    this.#counts = root.get('counts') as HeapArray<number>;
  }

  /** Puts a value into a cell of a slot: in a section, or as one operation. */
  write(slot: number, cell: number, value: number): void {
    if (cell >= CELLS) {
      this.#counts.set(slot * COUNTS + cell - CELLS, value);
      return;
    }
    const index = slot * CELLS + cell;
    const stored = value === 0 ? null : this.valueOf(value);
    switch (cell % PLACES) {
      case 0:
        if (stored === null) this.#map.delete(`${slot}:${cell}`);
        else this.#map.set(`${slot}:${cell}`, stored);
        return;
      case 1:
        this.#array.set(index, stored);
        return;
      case 2:
        (this.#records.at(index) as StormRecord).any = stored;
        return;
      case 3: {
        const object = this.#objects.at(slot) as HeapObject;
        if (stored === null) object.delete(`c${cell}`);
        else object.set(`c${cell}`, stored);
        return;
      }
      default: {
        const map = this.#maps.at(slot) as HeapMap<number, Shareable>;
        if (stored === null) map.delete(cell);
        else map.set(cell, stored);
      }
    }
  }

  /** What a cell of a slot holds; NaN: something that nobody has put there. In a section. */
  read(slot: number, cell: number): number {
    if (cell >= CELLS) return this.#counts.at(slot * COUNTS + cell - CELLS) as number;
    return this.numberOf(this.#stored(slot, cell));
  }

  #stored(slot: number, cell: number): unknown {
    const index = slot * CELLS + cell;
    switch (cell % PLACES) {
      case 0:
        return this.#map.get(`${slot}:${cell}`);
      case 1:
        return this.#array.at(index);
      case 2:
        return (this.#records.at(index) as StormRecord).any;
      case 3:
        return (this.#objects.at(slot) as HeapObject).get(`c${cell}`);
      default:
        return (this.#maps.at(slot) as HeapMap<number, Shareable>).get(cell);
    }
  }

  /** The value of the heap that stands for a number above 0. */
  valueOf(value: number): Shareable {
    switch (value % KINDS) {
      case 0:
        return value;
      case 1:
        return value + 0.5;
      case 2:
        return `text ${value}`;
      case 3:
        return LONG + value;
      case 4:
        return BigInt(value);
      case 5:
        return new Date(value);
      case 6:
        return this.#heap.array<Shareable>([value, 'more']);
      case 7: {
        const record = new this.#Record({ n: value, mark: `text ${value}` });
        record.next = record; // a cycle, when it is cut off
        return record;
      }
      default:
        return this.#heap.map<string, Shareable>([['value', value]]);
    }
  }

  /** The number that a value of the heap stands for; NaN: none. In a section. */
  numberOf(stored: unknown): number {
    if (stored === null || stored === undefined) return 0;
    const value = numberIn(stored);
    return isSame(stored, value) ? value : Number.NaN;
  }
}

/** The number in a value, if it is whole. */
function numberIn(stored: unknown): number {
  if (typeof stored === 'number') return Math.trunc(stored);
  if (typeof stored === 'string') return Number(stored.split(' ').at(-1));
  if (typeof stored === 'bigint' || stored instanceof Date) return Number(stored);
  const object = stored as Partial<HeapArray<unknown> & HeapMap<string, unknown> & StormRecord>;
  return Number(object.n ?? object.get?.('value') ?? object.at?.(0));
}

/** Whether a value is just what stands for a number. */
function isSame(stored: unknown, value: number): boolean {
  switch (value % KINDS) {
    case 0:
      return stored === value;
    case 1:
      return stored === value + 0.5;
    case 2:
      return stored === `text ${value}`;
    case 3:
      return stored === LONG + value;
    case 4:
      return stored === BigInt(value);
    case 5:
      return stored instanceof Date && stored.getTime() === value;
    case 6: {
      const array = stored as HeapArray<unknown>;
      return array.length === 2 && array.at(1) === 'more';
    }
    case 7: {
      const record = stored as StormRecord;
      return record.mark === `text ${value}` && record.next === record;
    }
    case 8:
      return (stored as HeapMap<string, unknown>).size === 1;
    default:
      return false;
  }
}
