/**
 * The undo log of an atomic section: what stood where before the section changed it.
 *
 * The log is an array in the heap, held by a row of its thread; what it holds says `undo-entry.ts`.
 * THREAD_UNDO names it while the section may be undone. An entry is noted before the change it
 * belongs to, and part of the log from the store of the array's length on; its values are absolute,
 * so applying it twice does no harm. The section is committed by one store, of 0 to THREAD_UNDO;
 * then the log is dropped, and what only it still held dies.
 *
 * What stood in a slot is counted by its entry; where the slot is overwritten, the entry takes over
 * the count that the slot had. The object with the slot is not counted: it is marked UNDO_NOTED,
 * for ever, and when one that is so marked loses its last reference in an atomic section, the log
 * takes that over, until the section ends. Undoing does not bring such an object back: whatever it
 * puts back is counted, and so not dead. But its entries name its words, which nobody else may get
 * meanwhile. In a full heap, where the log cannot take one more, they become void, and the object
 * dies at once. A collection, which a full heap may need, counts all objects that entries tell of.
 * When a thread dies, `gc/rebuild.ts` hands over to the log what it finds dead and so marked.
 *
 * While a log is open, vectors keep leaves and maps keep chunks that become empty, and no entry
 * moves: an address stays what it is. What only the section itself has made, and has not changed
 * since, may die in it as always.
 */

import { blockContaining } from '../memory/blocks.ts';
import {
  ARRAY_HEIGHT,
  ARRAY_ROOT,
  ENTRY_KEY,
  ENTRY_VALUE,
  HEADER_INFO,
  HEADER_WORDS,
  KIND_MAP,
  KIND_OBJECT_WORDS,
  KIND_REFERENCES,
  KIND_VALUES,
  KIND_VALUES_AT,
  LEAF_WORDS,
  type ObjectRef,
  SIMPLE_NULL,
  TAG_SIMPLE,
  UNDO_NOTED,
  VALUE_HIGH,
  VALUE_LOW,
  VALUE_WORDS,
} from '../memory/layout.ts';
import type { Undo } from '../memory/memory.ts';
import { arrayLength, elementAt } from './array.ts';
import { kindOf } from './header.ts';
import { kindRecordOf } from './kinds.ts';
import type { Mutator } from './mutator.ts';
import {
  UNDO_ADDED,
  UNDO_ELEMENT,
  UNDO_ELEMENTS,
  UNDO_RECORD,
  UNDO_REFERENCE,
  UNDO_REMOVED,
  UNDO_TRAILER,
  UNDO_VALUE,
} from './undo-entry.ts';
import { storeWords, UndoSpace } from './undo-space.ts';
import { nodeSlots } from './vector.ts';

/** Addresses that are remembered as noted. */
const NOTED = 512;
const NOTED_MASK = NOTED - 1;

/** The log of one thread. */
export class UndoLog extends UndoSpace implements Undo {
  /** Addresses whose contents were noted since the section, or the one inside it, began. */
  declare private readonly noted: Int32Array;
  /** Where an array stands there: the index of its element. */
  declare private readonly notedIndex: Int32Array;
  /** Arrays whose elements were noted since then, too, and from which one on. */
  declare private readonly notedFrom: Map<number, number>;
  /** Chunks of maps that may have become sparse, and their maps. */
  declare private readonly chunks: Map<number, ObjectRef>;
  /** Maps whose tables may have become sparse, and how many entries they have lost. */
  declare private readonly lost: Map<ObjectRef, number>;
  /** What was noted last in the two; of the second, a count that is not in it yet. */
  declare private lastChunk: number;
  declare private lastMap: ObjectRef;
  declare private lostCount: number;

  constructor(mem: Mutator, log = 0 as ObjectRef) {
    super(mem, log);
    this.noted = new Int32Array(NOTED);
    this.notedIndex = new Int32Array(NOTED);
    this.notedFrom = new Map();
    this.chunks = new Map();
    this.lost = new Map();
    this.lastChunk = 0;
    this.lastMap = 0 as ObjectRef;
    this.lostCount = 0;
  }

  /** Elements noted so far. What comes later can be undone by itself. */
  mark(): number {
    this.forgetNoted();
    return this.log === 0 ? 0 : arrayLength(this.mem, this.log);
  }

  private forgetNoted(): void {
    if (this.wasPlaced) this.noted.fill(0);
    this.wasPlaced = false;
    this.seek();
    if (this.notedFrom.size !== 0) this.notedFrom.clear();
  }

  protected override voidEntriesOf(object: number): void {
    this.forgetNoted(); // others may come to stand at its addresses
    super.voidEntriesOf(object);
  }

  /** Notes a word that is no reference. */
  saveWord(object: number, at: number): void {
    const { noted } = this;
    const { i32 } = this.mem;
    if (noted[at & NOTED_MASK] === at) return;
    let to = this.cursor;
    const isReady = (i32[object + HEADER_INFO] & UNDO_NOTED) !== 0;
    if (to === this.end || !isReady) to = this.begin(object, 1);
    noted[at & NOTED_MASK] = at;
    storeWords(i32, to, i32[at], at);
    this.finish(to + VALUE_WORDS);
  }

  /** Notes two words that are no value: a float64, a bigint. */
  savePair(object: number, at: number): void {
    const { noted } = this;
    const { i32 } = this.mem;
    if (noted[at & NOTED_MASK] === at) return;
    let to = this.cursor;
    const isReady = (i32[object + HEADER_INFO] & UNDO_NOTED) !== 0;
    if (to + VALUE_WORDS >= this.end || !isReady) to = this.begin(object, 2);
    noted[at & NOTED_MASK] = at;
    storeWords(i32, to, i32[at + VALUE_LOW], at);
    storeWords(i32, to + VALUE_WORDS, i32[at + VALUE_HIGH], at + VALUE_HIGH);
    this.finish(to + 2 * VALUE_WORDS);
  }

  /**
   * Notes a reference slot that is about to be overwritten. Returns whether the log has taken over
   * the count of what stands there; else that was noted before, and the caller drops this one.
   */
  takeReference(object: number, at: number): boolean {
    const { noted } = this;
    const { i32 } = this.mem;
    if (noted[at & NOTED_MASK] === at) return false;
    const to = this.begin(object, 2);
    noted[at & NOTED_MASK] = at;
    const referent = i32[at];
    if (referent === 0) storeWords(i32, to, SIMPLE_NULL, TAG_SIMPLE);
    else this.storeTaken(to, referent);
    this.finishSlot(to + VALUE_WORDS, at, UNDO_REFERENCE);
    return true;
  }

  /** As `takeReference`, for the value at `at`. */
  takeValue(object: number, at: number): boolean {
    const { noted } = this;
    if (noted[at & NOTED_MASK] === at) return false;
    const to = this.begin(object, 2);
    noted[at & NOTED_MASK] = at;
    this.move(at, to);
    this.finishSlot(to + VALUE_WORDS, at, UNDO_VALUE);
    return true;
  }

  /** As `takeReference`, for the element of an array that stands at `at`. */
  takeElement(array: number, index: number, at: number): boolean {
    const { i32 } = this.mem;
    if (this.notedFrom.size !== 0 && this.hasElements(array, index)) return false;
    const isFixed =
      i32[array + ARRAY_HEIGHT] > 1 || nodeSlots(this.mem, i32[array + ARRAY_ROOT]) === LEAF_WORDS;
    // A leaf that is smaller than others may become larger, and stand elsewhere.
    return isFixed ? this.takeValue(array, at) : this.takeMovable(array, index, at);
  }

  private takeMovable(array: number, index: number, at: number): boolean {
    const place = (array + index) & NOTED_MASK;
    if (this.noted[place] === array && this.notedIndex[place] === index) return false;
    const to = this.begin(array, 1 + UNDO_TRAILER);
    this.noted[place] = array; // no slot stands there: it is where the header is
    this.notedIndex[place] = index;
    this.move(at, to);
    this.finishEntry(to + VALUE_WORDS, UNDO_ELEMENT, 1, array, index);
    return true;
  }

  /** Notes the length of an array, and its elements from `from` on. @throws HeapExhaustedError */
  saveElements(array: number, from: number): void {
    if (this.isApplying || this.hasElements(array, from)) return;
    const { mem } = this;
    const count = arrayLength(mem, array as ObjectRef) - from;
    const start = this.beginLong(count);
    for (let i = 0; i < count; i++) {
      this.copy(elementAt(mem, array as ObjectRef, from + i), elementAt(mem, this.log, start + i));
    }
    this.finishLong(start, UNDO_ELEMENTS, count, array, from);
    this.notedFrom.set(array, from);
  }

  /** Whether the elements of an array were noted, from this one on. */
  private hasElements(array: number, from: number): boolean {
    const noted = this.notedFrom.get(array);
    return noted !== undefined && noted <= from;
  }

  /** Notes that a map is about to get an entry. */
  saveAdded(map: number, entry: number): void {
    if (this.isApplying) return;
    const to = this.begin(map, UNDO_TRAILER);
    this.finishEntry(to, UNDO_ADDED, 0, map, entry);
  }

  /** As `takeReference`, for an entry that a map is about to lose: its key and its value. */
  takeRemoved(map: number, entry: number): boolean {
    if (this.isApplying) return false;
    let to = this.begin(map, 2 + UNDO_TRAILER);
    const isMap = kindOf(this.mem, map) === KIND_MAP;
    this.move(entry + ENTRY_KEY, to);
    to += VALUE_WORDS;
    if (isMap) {
      this.move(entry + ENTRY_VALUE, to);
      to += VALUE_WORDS;
    }
    this.finishEntry(to, UNDO_REMOVED, isMap ? 2 : 1, map, entry);
    this.noteHole(map, entry);
    return true;
  }

  /** A map has lost this entry, or will have. */
  noteHole(map: number, entry: number): void {
    const chunk = blockContaining(this.mem, entry);
    if (chunk !== this.lastChunk) this.chunks.set(chunk, map as ObjectRef);
    this.lastChunk = chunk;
    if (map !== this.lastMap) this.countLost();
    this.lastMap = map as ObjectRef;
    this.lostCount++;
  }

  /** A map has appended a chunk behind one that is empty, which can go when the section is over. */
  noteEmpty(map: number, chunk: number): void {
    this.chunks.set(chunk, map as ObjectRef);
  }

  private countLost(): void {
    const { lost, lastMap, lostCount } = this;
    if (lostCount !== 0) lost.set(lastMap, (lost.get(lastMap) ?? 0) + lostCount);
    this.lostCount = 0;
  }

  /** Calls `tidy` with what may have become sparse, and forgets it. */
  takeHoles(
    tidyChunk: (chunk: number, map: ObjectRef) => void,
    tidyTable: (map: ObjectRef, lost: number) => void,
  ): void {
    if (this.chunks.size === 0) return;
    this.countLost();
    for (const [chunk, map] of this.chunks) tidyChunk(chunk, map);
    for (const [map, lost] of this.lost) tidyTable(map, lost);
    this.chunks.clear();
    this.lost.clear();
    this.lastChunk = 0;
    this.lastMap = 0 as ObjectRef;
  }

  /** Notes all of a plain object, which is about to change its shape. @throws HeapExhaustedError */
  saveRecord(object: number): void {
    if (this.isApplying) return;
    const { mem } = this;
    const record = kindRecordOf(mem, kindOf(mem, object));
    const count = mem.i32[record + KIND_VALUES];
    const start = this.beginLong(count);
    const at = object + mem.i32[record + KIND_VALUES_AT];
    for (let i = 0; i < count; i++) {
      this.copy(at + i * VALUE_WORDS, elementAt(mem, this.log, start + i));
    }
    this.finishLong(start, UNDO_RECORD, count, object, mem.i32[object + HEADER_INFO]);
  }

  /** Notes all scalar fields of a struct, which has no untyped ones. */
  saveScalars(object: number): void {
    const { i32 } = this.mem;
    const record = kindRecordOf(this.mem, kindOf(this.mem, object));
    const end = object + i32[record + KIND_OBJECT_WORDS];
    let at = object + HEADER_WORDS + i32[record + KIND_REFERENCES];
    for (; at < end; at++) this.saveWord(object, at);
  }
}

/** The log of a thread. */
export function undoLogOf(mem: Mutator): UndoLog {
  mem.undoLog ??= new UndoLog(mem);
  return mem.undoLog;
}
