/**
 * The references of an object as ranges of words, for passes that visit millions of them: its
 * slots, which all structs have, and what only some objects have besides.
 *
 *   for (let at = object + HEADER_WORDS; at < tracedEnd(mem, object, info); at++) … i32[at]
 *   if (hasValues(mem, info)) {
 *     for (let more = ranges.begin(object, info); more; more = ranges.next()) …
 *   }
 *
 *   VALUES   at .. end: a two-word value every `step` words: in structs, arrays, tuples and sets
 *   ENTRIES  at .. end: entries of a map every `step` words, a key and a value each
 *
 * Slots that hold only strings are left out: strings are never tracked.
 * It knows where references live together with `references.ts`. A scanner beside the mutators uses
 * it too, without the lock: then an object may change, die, and be another one while it is read.
 * So no address is believed before its bounds are checked, the header is looked at again before
 * each further range, and every loop ends whatever it reads. What comes out then is a guess.
 */

import {
  ARRAY_HEIGHT,
  ARRAY_LENGTH,
  ARRAY_ROOT,
  CHUNK_ENTRIES,
  CHUNK_NEXT,
  CHUNK_OWNER,
  CHUNK_USED,
  FIRST_STRUCT_KIND,
  HEADER_INFO,
  HEADER_WORDS,
  KIND_ARRAY,
  KIND_CHUNK,
  KIND_MAP,
  KIND_RECORD_SHIFT,
  KIND_SET,
  KIND_SHIFT,
  KIND_TRACED,
  KIND_TUPLE,
  KIND_VALUES,
  KIND_VALUES_AT,
  LEAF_MASK,
  LEAF_SHIFT,
  LEAF_WORDS,
  MAP_CHUNK_MAX,
  MAP_ENTRY_WORDS,
  MAP_FIRST,
  NODE_PAYLOAD,
  SET_CHUNK_MAX,
  SET_ENTRY_WORDS,
  TUPLE_LENGTH,
  TUPLE_VALUES,
  VALUE_WORDS,
} from '../memory/layout.ts';
import type { Memory } from '../memory/memory.ts';

export const VALUES = 1;
export const ENTRIES = 2;

/** The end of the one-word reference slots of an object that may refer to containers. */
export function tracedEnd(mem: Memory, object: number, info: number): number {
  const record = mem.kindTable + ((info >>> KIND_SHIFT) << KIND_RECORD_SHIFT);
  return object + HEADER_WORDS + mem.i32[record + KIND_TRACED];
}

/** Whether objects of this kind have values: structs with untyped fields, containers. */
export function hasValues(mem: Memory, info: number): boolean {
  const record = mem.kindTable + ((info >>> KIND_SHIFT) << KIND_RECORD_SHIFT);
  return mem.i32[record + KIND_VALUES] !== 0;
}

/** A walk over the values of one object after the other. */
export class Ranges {
  declare private readonly mem: Memory;
  declare at: number;
  declare end: number;
  declare shape: number;
  /** Words from one value, or entry, to the next. */
  declare step: number;
  declare private object: number;
  declare private info: number;
  declare private isArray: boolean;
  /** Array: the next word. Map and set: the next chunk. Else 0. */
  declare private rest: number;
  /** Array: words of its elements. Map and set: chunks that may still follow. */
  declare private limit: number;

  constructor(mem: Memory) {
    this.mem = mem;
    this.at = 0;
    this.end = 0;
    this.shape = 0;
    this.step = VALUE_WORDS;
    this.object = 0;
    this.info = 0;
    this.isArray = false;
    this.rest = 0;
    this.limit = 0;
  }

  /** The first range of an object with values; false: there is none. */
  begin(object: number, info: number): boolean {
    const { mem } = this;
    this.object = object;
    this.info = info;
    const kind = info >>> KIND_SHIFT;
    this.step = VALUE_WORDS;
    this.isArray = kind === KIND_ARRAY;
    if (kind < FIRST_STRUCT_KIND) return this.beginContainer(kind);
    const record = mem.kindTable + (kind << KIND_RECORD_SHIFT);
    const at = object + mem.i32[record + KIND_VALUES_AT];
    this.shape = VALUES;
    this.at = at;
    this.end = at + mem.i32[record + KIND_VALUES] * VALUE_WORDS;
    this.rest = 0;
    return true;
  }

  private beginContainer(kind: number): boolean {
    const { mem, object } = this;
    if (this.isArray) {
      this.shape = VALUES;
      this.rest = 0;
      this.limit = mem.i32[object + ARRAY_LENGTH] * VALUE_WORDS;
      return this.nextLeaf();
    }
    if (kind === KIND_TUPLE) return this.beginTuple();
    if (kind !== KIND_MAP && kind !== KIND_SET) return false;
    this.shape = kind === KIND_MAP ? ENTRIES : VALUES;
    this.step = kind === KIND_MAP ? MAP_ENTRY_WORDS : SET_ENTRY_WORDS;
    this.rest = mem.i32[object + MAP_FIRST];
    this.limit = mem.maxWords / CHUNK_ENTRIES; // more chunks than there can be
    return this.nextChunk();
  }

  private beginTuple(): boolean {
    const { mem, object } = this;
    this.shape = VALUES;
    this.at = object + TUPLE_VALUES;
    const words = mem.i32[object + TUPLE_LENGTH] * VALUE_WORDS;
    this.end = Math.min(this.at + words, mem.maxWords);
    this.rest = 0;
    return true;
  }

  /** The next range of the object; false: there is none. */
  next(): boolean {
    if (this.rest === 0) return false;
    if (this.mem.i32[this.object + HEADER_INFO] !== this.info) return false; // it has died
    return this.isArray ? this.nextLeaf() : this.nextChunk();
  }

  private nextLeaf(): boolean {
    const { mem, object } = this;
    const { i32 } = mem;
    const word = this.rest;
    if (word >= this.limit) return false;
    let node = i32[object + ARRAY_ROOT];
    for (let height = i32[object + ARRAY_HEIGHT]; height > 1; height--) {
      if (!isNode(mem, node)) return false;
      node = i32[node + NODE_PAYLOAD + ((word >>> ((height - 1) * LEAF_SHIFT)) & LEAF_MASK)];
    }
    if (!isNode(mem, node)) return false;
    this.at = node + NODE_PAYLOAD;
    this.end = Math.min(this.at + Math.min(LEAF_WORDS, this.limit - word), mem.maxWords);
    this.rest = word + LEAF_WORDS;
    return true;
  }

  private nextChunk(): boolean {
    const { mem } = this;
    const chunk = this.rest;
    if (!isNode(mem, chunk) || !this.isChunkOfMap(chunk) || this.limit-- <= 0) {
      this.rest = 0;
      return false;
    }
    const used = mem.i32[chunk + CHUNK_USED];
    this.at = chunk + CHUNK_ENTRIES;
    const most = this.shape === ENTRIES ? MAP_CHUNK_MAX : SET_CHUNK_MAX;
    const entries = Math.min(Math.max(used, 0), most);
    this.end = Math.min(this.at + entries * this.step, mem.maxWords);
    this.rest = mem.i32[chunk + CHUNK_NEXT];
    return true;
  }

  /** Else it was freed, and is part of something else that may lead anywhere, or in circles. */
  private isChunkOfMap(chunk: number): boolean {
    const { i32 } = this.mem;
    if (i32[chunk + HEADER_INFO] >>> KIND_SHIFT !== KIND_CHUNK) return false;
    return i32[chunk + CHUNK_OWNER] === this.object;
  }
}

/** Whether a backing block can stand there. Words behind the end of the heap read as undefined. */
const isNode = (mem: Memory, node: number): boolean => node > 0 && node < mem.maxWords;
