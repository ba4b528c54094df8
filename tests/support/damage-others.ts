/** Damages to sets, tuples, bytes and dates, each with the code it is found as. */

import {
  BYTES_DATA,
  BYTES_LENGTH,
  CHUNK_ENTRIES,
  CHUNK_LIVE,
  CHUNK_OWNER,
  CHUNK_PREVIOUS,
  CHUNK_STEP,
  CHUNK_USED,
  DATE_TIME,
  ENTRY_KEY,
  GC_CONTAINER,
  GC_TRACKED,
  HEADER_COUNT,
  HEADER_INFO,
  KIND_SHIFT,
  MAP_BUCKET_COUNT,
  MAP_BUCKETS_ROOT,
  MAP_EMPTY,
  MAP_FIRST,
  MAP_ITERATORS,
  MAP_LAST,
  MAP_SIZE,
  NODE_PAYLOAD,
  SET_ENTRY_WORDS,
  TAG_HOLE,
  TAG_INT32,
  TAG_REFERENCE,
  TUPLE_LENGTH,
  TUPLE_VALUES,
  VALUE_HIGH,
  VALUE_LOW,
  VALUE_WORDS,
} from '../../src/memory/layout.ts';
import type { Damage } from './damage-memory.ts';
import { add, flip, NOWHERE, type Place, set, word } from './damage-objects.ts';
import { linkBucket, slotsApart, slotsInUse } from './map-slots.ts';
import type { Sample } from './sample-heap.ts';

const MINUS_ZERO_HIGH = 0x8000_0000 | 0;
type SetName = 'smallSet' | 'tableSet';

const chunkWord =
  (name: SetName, offset: number): Place =>
  ({ mem, [name]: object }) =>
    mem.i32[object + MAP_FIRST] + offset;
/** A word of entry number `index` of a set. */
const elementWord = (name: SetName, index: number, offset: number) =>
  chunkWord(name, CHUNK_ENTRIES + index * SET_ENTRY_WORDS + offset);

const firstSlot: Place = ({ mem, tableSet }) => slotsInUse(mem, tableSet)[0];
/** What would be a bucket if the table of `tableMap` were one. */
const nodeOfMap = ({ mem, tableMap }: Sample) =>
  mem.i32[tableMap + MAP_BUCKETS_ROOT] + NODE_PAYLOAD;

/** A word of value number `index` of a tuple. */
const valueWord = (name: 'tuple' | 'flatTuple', index: number, offset: number) =>
  word(name, TUPLE_VALUES + index * VALUE_WORDS + offset);

const doubleAt =
  (place: Place, value: number): Damage[2] =>
  (sample) => {
    sample.mem.f64[place(sample) >>> 1] = value;
  };

export const OTHER_DAMAGES: readonly Damage[] = [
  // Sets
  ['CHUNK_BROKEN', 'elements that are no chunk', set(word('smallSet', MAP_FIRST), NOWHERE)],
  [
    'CHUNK_SHARED',
    'a set with the chunk of another',
    ({ mem, smallSet, tableSet }) => {
      mem.i32[tableSet + MAP_FIRST] = mem.i32[smallSet + MAP_FIRST];
    },
  ],
  [
    'CHUNK_STEP_WRONG',
    'the chunk of a map in a set',
    ({ mem, smallSet, smallMap }) => {
      mem.i32[smallSet + MAP_FIRST] = mem.i32[smallMap + MAP_FIRST];
      mem.i32[smallMap + MAP_FIRST] = 0;
      for (const at of [MAP_SIZE, MAP_LAST]) mem.i32[smallMap + at] = 0;
    },
  ],
  ['CHUNK_OWNER_WRONG', 'a chunk of another set', set(chunkWord('tableSet', CHUNK_OWNER), NOWHERE)],
  [
    'CHUNK_LINK_WRONG',
    'a wrong way back in a set',
    set(chunkWord('tableSet', CHUNK_PREVIOUS), NOWHERE),
  ],
  [
    'CHUNK_USED_WRONG',
    'a chunk of a set more than full',
    set(chunkWord('tableSet', CHUNK_USED), 256),
  ],
  [
    'CHUNK_LIVE_WRONG',
    'a chunk with an element too many',
    add(chunkWord('smallSet', CHUNK_LIVE), 1),
  ],
  ['BLOCK_CLASS_WRONG', 'elements of no size', set(chunkWord('smallSet', CHUNK_STEP), 3)],
  ['MAP_LAST_WRONG', 'another last chunk of a set', set(word('smallSet', MAP_LAST), NOWHERE)],
  ['MAP_SIZE_WRONG', 'an element too many', add(word('tableSet', MAP_SIZE), 1)],
  ['MAP_ITERATORS_WRONG', 'iterators over a set', set(word('smallSet', MAP_ITERATORS), 9)],
  ['MAP_EMPTY_WRONG', 'an empty chunk of a set', set(word('smallSet', MAP_EMPTY), NOWHERE)],
  ['MAP_TABLE_WRONG', 'elements beyond the table', set(word('tableSet', MAP_BUCKET_COUNT), 20)],
  ['MAP_SLOT_BROKEN', 'a slot of a set to nowhere', set(firstSlot, NOWHERE)],
  ['MAP_SLOT_BROKEN', 'a slot for the middle of an element', add(firstSlot, 1)],
  [
    'MAP_SLOT_TWICE',
    'an element in two slots',
    ({ mem, tableSet }) => {
      const [a, b] = slotsInUse(mem, tableSet);
      mem.i32[b] = mem.i32[a];
    },
  ],
  [
    'MAP_BUCKET_WRONG',
    'two slots of a set exchanged',
    ({ mem, tableSet }) => {
      const [a, b] = slotsApart(mem, tableSet);
      [mem.i32[a], mem.i32[b]] = [mem.i32[b], mem.i32[a]];
    },
  ],
  ['BUCKET_BROKEN', 'a node of a map behind a bucket', linkBucket('tableSet', nodeOfMap)],
  ['MAP_KEY_TWICE', 'an element twice', set(elementWord('smallSet', 2, ENTRY_KEY + VALUE_LOW), 1)],
  [
    'MAP_KEY_MINUS_ZERO',
    'an element -0',
    (sample) => {
      const at = elementWord('smallSet', 1, ENTRY_KEY)(sample);
      sample.mem.i32[at + VALUE_LOW] = 0;
      sample.mem.i32[at + VALUE_HIGH] = MINUS_ZERO_HIGH;
    },
  ],
  [
    'VALUE_TAG_UNKNOWN',
    'an element of no kind',
    set(elementWord('smallSet', 1, ENTRY_KEY + VALUE_HIGH), 0xfffd_0000 | 0),
  ],
  [
    'UNTRACKED_HOLDER',
    'an untracked set that holds a container',
    ({ mem, smallSet, first, ...sample }) => {
      const at = elementWord('smallSet', 2, ENTRY_KEY)({ mem, smallSet, first, ...sample });
      mem.i32[at + VALUE_LOW] = first;
      mem.i32[at + VALUE_HIGH] = TAG_REFERENCE;
      mem.i32[first + HEADER_COUNT]++;
    },
  ],
  // Tuples
  ['BLOCK_CLASS_WRONG', 'a tuple too long for its block', set(word('tuple', TUPLE_LENGTH), 100)],
  ['BLOCK_CLASS_WRONG', 'a tuple of a negative length', set(word('flatTuple', TUPLE_LENGTH), -1)],
  ['VALUE_TAG_UNKNOWN', 'a hole in a tuple', set(valueWord('tuple', 0, VALUE_HIGH), TAG_HOLE)],
  [
    'VALUE_SIMPLE_WRONG',
    'a sixth simple value in a tuple',
    (sample) => {
      const at = valueWord('flatTuple', 0, VALUE_LOW)(sample);
      sample.mem.i32[at + VALUE_HIGH] = 0xfffb_0000 | 0;
      sample.mem.i32[at + VALUE_LOW] = 5;
    },
  ],
  [
    'DANGLING_REFERENCE',
    'a tuple that leads nowhere',
    set(valueWord('tuple', 1, VALUE_LOW), NOWHERE),
  ],
  [
    'REFCOUNT_TOO_HIGH',
    'a tuple that holds another than it did',
    ({ mem, tuple, second }) => {
      mem.i32[tuple + TUPLE_VALUES + VALUE_WORDS + VALUE_LOW] = second;
      mem.i32[second + HEADER_COUNT]++;
    },
  ],
  [
    'UNTRACKED_HOLDER',
    'a tuple that holds a container, and is none',
    ({ mem, flatTuple, first }) => {
      mem.i32[flatTuple + TUPLE_VALUES + VALUE_LOW] = first;
      mem.i32[flatTuple + TUPLE_VALUES + VALUE_HIGH] = TAG_REFERENCE;
      mem.i32[first + HEADER_COUNT]++;
    },
  ],
  [
    'CONTAINER_WRONG',
    'a tuple that is a container, and holds none',
    ({ mem, tuple, first }) => {
      mem.i32[tuple + TUPLE_VALUES + VALUE_WORDS + VALUE_LOW] = 5;
      mem.i32[tuple + TUPLE_VALUES + VALUE_WORDS + VALUE_HIGH] = TAG_INT32;
      mem.i32[first + HEADER_COUNT]--;
    },
  ],
  ['TRACKED_WRONG', 'a container tuple untracked', flip(word('tuple', HEADER_INFO), GC_TRACKED)],
  ['TRACKED_WRONG', 'a flat tuple tracked', flip(word('flatTuple', HEADER_INFO), GC_TRACKED)],
  ['INFO_WRONG', 'an unknown bit of a tuple', flip(word('tuple', HEADER_INFO), 1 << 9)],
  [
    'GENERATION_SIZE_WRONG',
    'a tuple that has grown old uncounted',
    ({ mem, tuple }) => {
      mem.i32[tuple + HEADER_INFO] |= 2;
    },
  ],
  // Bytes
  ['BLOCK_CLASS_WRONG', 'half a byte', doubleAt(word('bytes', BYTES_LENGTH), 12.5)],
  [
    'BLOCK_CLASS_WRONG',
    'bytes too many for their block',
    doubleAt(word('bytes', BYTES_LENGTH), 1e6),
  ],
  ['BLOCK_CLASS_WRONG', 'less than no bytes', doubleAt(word('bytes', BYTES_LENGTH), -1)],
  ['INFO_WRONG', 'an unknown bit of bytes', flip(word('bytes', HEADER_INFO), 1 << 13)],
  ['CONTAINER_WRONG', 'bytes as a container', flip(word('bytes', HEADER_INFO), GC_CONTAINER)],
  ['TRACKED_WRONG', 'bytes that are tracked', flip(word('bytes', HEADER_INFO), GC_TRACKED)],
  ['REFCOUNT_TOO_HIGH', 'bytes that are held too often', add(word('bytes', HEADER_COUNT), 1)],
  ['REFCOUNT_ZERO', 'bytes that nobody holds', set(word('bytes', HEADER_COUNT), 0)],
  // Dates
  ['DATE_WRONG', 'a time that no Date has', doubleAt(word('date', DATE_TIME), 8.64e15 + 1)],
  ['DATE_WRONG', 'the end of time', doubleAt(word('date', DATE_TIME), Number.POSITIVE_INFINITY)],
  ['TRACKED_WRONG', 'a date that is tracked', flip(word('date', HEADER_INFO), GC_TRACKED)],
  ['KIND_UNKNOWN', 'a date of no kind', set(word('date', HEADER_INFO), 14 << KIND_SHIFT)],
];

/** What users write into bytes is nobody's business. */
export const NO_DAMAGES: readonly [what: string, damage: Damage[2]][] = [
  ['any content of bytes', set(word('bytes', BYTES_DATA), -1)],
  ['what looks like a reference in bytes', set(word('bytes', BYTES_DATA + 1), NOWHERE)],
  ['bytes of another type', flip(word('bytes', HEADER_INFO), 3 << 8)],
  ['an invalid date', doubleAt(word('date', DATE_TIME), Number.NaN)],
];
