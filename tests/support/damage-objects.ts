/** Damages to objects and containers, each with the code it is found as. */

import { allocateWords, blockWordsOf, freeBlock } from '../../src/memory/blocks.ts';
import {
  ARRAY_HEIGHT,
  ARRAY_LENGTH,
  ARRAY_ROOT,
  BIGINT_UNSIGNED,
  BUCKET_CAPACITY,
  BUCKET_SLOTS,
  BUCKET_TAGS,
  CHUNK_ENTRIES,
  CHUNK_LIVE,
  CHUNK_OWNER,
  CHUNK_PREVIOUS,
  CHUNK_STEP,
  CHUNK_USED,
  CONTROL_INTERN_BUCKETS,
  CONTROL_INTERN_COUNT,
  CONTROL_INTERN_ROOT,
  CONTROL_ROOT_MAP,
  CONTROL_TRANSIT_MAP,
  DATE_TIME,
  ENTRY_KEY,
  ENTRY_VALUE,
  HEADER_COUNT,
  HEADER_INFO,
  KIND_NODE,
  KIND_SHIFT,
  MAP_BUCKET_COUNT,
  MAP_EMPTY,
  MAP_ENTRY_WORDS,
  MAP_FIRST,
  MAP_ITERATORS,
  MAP_LAST,
  MAP_SIZE,
  NODE_OWNER,
  NODE_PAYLOAD,
  NODE_SHIFT_AT,
  type ObjectRef,
  STRING_CHARS,
  STRING_HASH,
  STRING_INTERNED,
  STRING_LENGTH,
  STRING_LINK,
  TAG_HOLE,
  TAG_INT32,
  THREAD_ROWS_COUNT,
  THREAD_ROWS_ROOT,
  VALUE_HIGH,
  VALUE_LOW,
} from '../../src/memory/layout.ts';
import { bucketOf } from '../../src/object/linear-hash.ts';
import { hashValue } from '../../src/object/value.ts';
import { wordAt } from '../../src/object/vector.ts';
import type { Damage } from './damage-memory.ts';
import { bucketsOf, linkBucket, slotsApart, slotsInUse } from './map-slots.ts';
import type { Sample } from './sample-heap.ts';

export const NOWHERE = 12_345;
const MINUS_ZERO_HIGH = 0x8000_0000 | 0;

export type Place = (sample: Sample) => number;

export const set =
  (place: Place, value: number): Damage[2] =>
  (sample) => {
    sample.mem.i32[place(sample)] = value;
  };
export const add =
  (place: Place, value: number): Damage[2] =>
  (sample) => {
    sample.mem.i32[place(sample)] += value;
  };
export const flip =
  (place: Place, bits: number): Damage[2] =>
  (sample) => {
    sample.mem.i32[place(sample)] ^= bits;
  };

type Name = { [K in keyof Sample]: Sample[K] extends ObjectRef ? K : never }[keyof Sample];

/** A word of a named object. */
export const word =
  (name: Name, offset: number): Place =>
  (sample) =>
    sample[name] + offset;
const chunkOf = (name: Name) => (sample: Sample) => sample.mem.i32[sample[name] + MAP_FIRST];
const chunkWord =
  (name: Name, offset: number): Place =>
  (sample) =>
    chunkOf(name)(sample) + offset;
const entryWord = (name: Name, offset: number) => chunkWord(name, CHUNK_ENTRIES + offset);
/** A word of the field number `index` of the first struct. */
const field =
  (index: number, offset = 0): Place =>
  ({ first, layout }) =>
    first + layout.fields[index].offset + offset;

/** A bucket of `tableMap` whose first slot is in use. */
const busyBucket = ({ mem, tableMap }: Sample): number =>
  bucketsOf(mem, tableMap).find((bucket) => mem.i32[bucket + BUCKET_SLOTS] !== 0) as number;
const busySlot: Place = (sample) => busyBucket(sample) + BUCKET_SLOTS;

function internBuckets({ mem }: Sample): number[] {
  return Array.from({ length: mem.i32[CONTROL_INTERN_BUCKETS] }, (_, i) =>
    wordAt(mem, CONTROL_INTERN_ROOT, i),
  ).filter((at) => mem.i32[at] !== 0);
}

function swap({ mem }: Sample, [a, b]: number[]): void {
  [mem.i32[a], mem.i32[b]] = [mem.i32[b], mem.i32[a]];
}

/** Interns the text of `short` once more. */
function internTwice({ mem, short, locals }: Sample): void {
  const { i32 } = mem;
  const words = blockWordsOf(mem, short);
  const copy = allocateWords(mem, words);
  i32.copyWithin(copy, short, short + words);
  i32[copy + HEADER_COUNT] = 1;
  const bucket = bucketOf(i32[short + STRING_HASH], i32[CONTROL_INTERN_BUCKETS]);
  const at = wordAt(mem, CONTROL_INTERN_ROOT, bucket);
  i32[copy + STRING_LINK] = i32[at];
  i32[at] = copy;
  i32[CONTROL_INTERN_COUNT]++;
  locals.push(copy as number as ObjectRef);
}

function createNode({ mem }: Sample, owner: number): number {
  const node = allocateWords(mem, NODE_PAYLOAD + 8);
  mem.i32.fill(0, node + NODE_PAYLOAD, node + NODE_PAYLOAD + 8);
  mem.i32[node + NODE_OWNER] = owner;
  mem.i32[node + HEADER_INFO] = (KIND_NODE << KIND_SHIFT) | (3 << NODE_SHIFT_AT);
  return node;
}

/** Puts a small node in the place of a leaf. */
function shrinkLeaf(sample: Sample): void {
  const { mem, deepArray } = sample;
  const at = mem.i32[deepArray + ARRAY_ROOT] + NODE_PAYLOAD;
  freeBlock(mem, mem.i32[at] as ObjectRef);
  mem.i32[at] = createNode(sample, deepArray);
}

const doubleAt = (place: Place, value: number) => (sample: Sample) => {
  sample.mem.f64[place(sample) >>> 1] = value;
};

export const OBJECT_DAMAGES: readonly Damage[] = [
  ['KIND_UNKNOWN', 'an object of no kind', set(word('second', HEADER_INFO), 2000 << KIND_SHIFT)],
  [
    'KIND_UNKNOWN',
    'an object of a reserved kind',
    set(word('second', HEADER_INFO), 15 << KIND_SHIFT),
  ],
  [
    'BLOCK_CLASS_WRONG',
    'a string too long for its block',
    set(word('long', STRING_LENGTH), 20_000),
  ],
  ['INFO_WRONG', 'an unknown kind bit', flip(word('first', HEADER_INFO), 1 << 9)],
  ['REFCOUNT_ZERO', 'a living object without a count', set(word('second', HEADER_COUNT), 0)],
  ['DANGLING_REFERENCE', 'a field that leads nowhere', set(field(0), NOWHERE)],
  ['DANGLING_REFERENCE', 'a negative reference', set(field(0), -4)],
  [
    'DANGLING_REFERENCE',
    'a reference to a node',
    ({ mem, deepArray, first, layout }) => {
      mem.i32[first + layout.fields[0].offset] = mem.i32[deepArray + ARRAY_ROOT];
    },
  ],
  ['DANGLING_REFERENCE', 'a root that leads nowhere', set(() => CONTROL_ROOT_MAP, NOWHERE)],
  [
    'DANGLING_REFERENCE',
    'a local that leads nowhere',
    ({ locals }) => {
      locals.push(NOWHERE as ObjectRef);
    },
  ],
  ['REFCOUNT_TOO_LOW', 'a count one too low', add(word('second', HEADER_COUNT), -1)],
  ['REFCOUNT_TOO_HIGH', 'a count one too high', add(word('second', HEADER_COUNT), 1)],
  ['REFCOUNT_TOO_HIGH', 'a lost reference', set(field(0), 0)],
  [
    'FIELD_WRONG',
    'a string field that holds a struct',
    (sample) => {
      sample.mem.i32[field(1)(sample)] = sample.second;
    },
  ],
  ['VALUE_TAG_UNKNOWN', 'a value of no kind', set(field(2, VALUE_HIGH), 0xfffd_0000 | 0)],
  ['VALUE_TAG_UNKNOWN', 'a hole in a struct', set(field(2, VALUE_HIGH), TAG_HOLE)],
  ['VALUE_SIMPLE_WRONG', 'a sixth simple value', set(field(2, VALUE_LOW), 5)],
  ['VALUE_INT_AS_DOUBLE', 'a one stored as a double', doubleAt(field(2), 1)],
  ['VALUE_NAN_WRONG', 'another NaN', set(field(2, VALUE_HIGH), 0x7ff8_0001)],
  ['VALUE_NAN_WRONG', 'a negative NaN', set(field(2, VALUE_HIGH), 0xfff8_0000 | 0)],
  ['DATE_WRONG', 'half a millisecond', doubleAt(word('date', DATE_TIME), 0.5)],
  ['BIGINT_WRONG', 'an unsigned five', flip(word('bigint', HEADER_INFO), BIGINT_UNSIGNED)],
  [
    'STRING_INTERNED_WRONG',
    'a long string marked as interned',
    flip(word('long', HEADER_INFO), STRING_INTERNED),
  ],
  [
    'STRING_INTERNED_WRONG',
    'a short string not marked as interned',
    flip(word('short', HEADER_INFO), STRING_INTERNED),
  ],
  [
    'STRING_PADDING_WRONG',
    'a byte behind a string',
    flip(word('long', STRING_CHARS + 20), 1 << 24),
  ],
  ['STRING_FORM_WRONG', 'two bytes for one', set(word('wide', STRING_CHARS), 0x0077_0077)],
  ['STRING_HASH_WRONG', 'another hash', add(word('long', STRING_HASH), 1)],
  ['STRING_HASH_WRONG', 'another hash of an interned string', add(word('short', STRING_HASH), 1)],
  ['STRING_HASH_WRONG', 'another character', flip(word('long', STRING_CHARS), 1)],
  [
    'STRING_HASH_WRONG',
    'another character in a descriptor',
    ({ mem }) => {
      const text = mem.i32[mem.kindTable + 16 * 8 + 6];
      mem.i32[text + STRING_CHARS] ^= 1;
    },
  ],
  ['INTERN_TABLE_WRONG', 'an intern table too small', set(() => CONTROL_INTERN_BUCKETS, 1 << 20)],
  ['INTERN_TABLE_WRONG', 'strings beyond the table', set(() => CONTROL_INTERN_BUCKETS, 20)],
  ['INTERN_LINK_BROKEN', 'a bucket that leads nowhere', set((s) => internBuckets(s)[0], NOWHERE)],
  [
    'INTERN_TWICE',
    'a chain without end',
    ({ mem, short }) => {
      mem.i32[short + STRING_LINK] = short;
    },
  ],
  ['INTERN_BUCKET_WRONG', 'two buckets exchanged', (s) => swap(s, internBuckets(s))],
  ['INTERN_EQUAL', 'a text interned twice', internTwice],
  [
    'INTERN_LOST',
    'an interned string not in the table',
    (sample) => {
      const { i32 } = sample.mem;
      const [at] = internBuckets(sample);
      i32[at] = i32[i32[at] + STRING_LINK];
      i32[CONTROL_INTERN_COUNT]--;
    },
  ],
  ['INTERN_COUNT_WRONG', 'an interned string too many', add(() => CONTROL_INTERN_COUNT, 1)],
  ['VECTOR_HEIGHT_WRONG', 'a tree too high', set(word('deepArray', ARRAY_HEIGHT), 9)],
  ['NODE_BROKEN', 'a root that is no node', set(word('deepArray', ARRAY_ROOT), NOWHERE)],
  ['NODE_LEVEL_WRONG', 'a tree one too high', set(word('otherArray', ARRAY_HEIGHT), 2)],
  [
    'NODE_SHARED',
    'two arrays with one root',
    ({ mem, smallArray, otherArray }) => {
      mem.i32[otherArray + ARRAY_ROOT] = mem.i32[smallArray + ARRAY_ROOT];
    },
  ],
  [
    'NODE_OWNER_WRONG',
    'a node of another owner',
    ({ mem, smallArray }) => {
      mem.i32[mem.i32[smallArray + ARRAY_ROOT] + NODE_OWNER] = NOWHERE;
    },
  ],
  ['NODE_NOT_FULL', 'a small leaf', shrinkLeaf],
  [
    'BACKING_LOST',
    'a node of no vector',
    (sample) => {
      createNode(sample, 0);
    },
  ],
  ['ARRAY_LENGTH_WRONG', 'a negative length', set(word('smallArray', ARRAY_LENGTH), -1)],
  ['ARRAY_ELEMENTS_MISSING', 'a length too great', set(word('smallArray', ARRAY_LENGTH), 1e6)],
  ['NODE_LEVEL_WRONG', 'a tree one too low', set(word('deepArray', ARRAY_HEIGHT), 1)],
  ['ROWS_MISSING', 'rows too many', set(({ mem }) => mem.thread + THREAD_ROWS_COUNT, 1e6)],
  ['ROWS_STRAY', 'a row too few', set(({ mem }) => mem.thread + THREAD_ROWS_COUNT, 1)],
  [
    'ROWS_STRAY',
    'a row 0 in use',
    set(({ mem }) => wordAt(mem, mem.thread + THREAD_ROWS_ROOT, 0), NOWHERE),
  ],
  [
    'ROOT_MAP_WRONG',
    'an array of named roots',
    ({ mem, deepArray }) => {
      mem.i32[CONTROL_ROOT_MAP] = deepArray;
    },
  ],
  [
    'ROOT_MAP_WRONG',
    'an array of references in transit',
    ({ mem, deepArray }) => {
      mem.i32[CONTROL_TRANSIT_MAP] = deepArray;
    },
  ],
  ['CHUNK_BROKEN', 'entries that are no chunk', set(word('smallMap', MAP_FIRST), NOWHERE)],
  [
    'CHUNK_SHARED',
    'two maps with one chunk',
    ({ mem, smallMap, otherMap }) => {
      mem.i32[otherMap + MAP_FIRST] = mem.i32[smallMap + MAP_FIRST];
    },
  ],
  ['CHUNK_OWNER_WRONG', 'a chunk of another map', set(chunkWord('tableMap', CHUNK_OWNER), NOWHERE)],
  ['CHUNK_LINK_WRONG', 'a wrong way back', set(chunkWord('tableMap', CHUNK_PREVIOUS), NOWHERE)],
  ['CHUNK_USED_WRONG', 'a chunk more than full', set(chunkWord('tableMap', CHUNK_USED), 256)],
  ['CHUNK_LIVE_WRONG', 'a chunk with an entry too many', add(chunkWord('smallMap', CHUNK_LIVE), 1)],
  ['MAP_LAST_WRONG', 'another last chunk', set(word('smallMap', MAP_LAST), NOWHERE)],
  ['MAP_SIZE_WRONG', 'an entry too many', add(word('smallMap', MAP_SIZE), 1)],
  [
    'MAP_HOLE_WRONG',
    'a hole as a value',
    set(entryWord('otherMap', ENTRY_VALUE + VALUE_HIGH), TAG_HOLE),
  ],
  ['MAP_ITERATORS_WRONG', 'less than no iterators', set(word('smallMap', MAP_ITERATORS), -1)],
  ['MAP_ITERATORS_WRONG', 'iterators that hold nothing', set(word('smallMap', MAP_ITERATORS), 9)],
  ['MAP_EMPTY_WRONG', 'an empty chunk that is not', set(word('smallMap', MAP_EMPTY), NOWHERE)],
  ['MAP_TABLE_WRONG', 'entries beyond the table', set(word('tableMap', MAP_BUCKET_COUNT), 20)],
  ['MAP_TABLE_WRONG', 'a table without buckets', set(word('tableMap', MAP_BUCKET_COUNT), 0)],
  [
    'MAP_BUCKET_WRONG',
    'another key',
    (sample) => {
      const { mem, tableMap } = sample;
      const { i32 } = mem;
      const buckets = i32[tableMap + MAP_BUCKET_COUNT];
      const entries = slotsInUse(mem, tableMap).map((at) => i32[at]);
      const entry = entries.find((at) => i32[at + ENTRY_KEY + VALUE_HIGH] === TAG_INT32) as number;
      const bucketOfKey = (key: number) => bucketOf(hashValue(mem, key, TAG_INT32), buckets);
      const old = bucketOfKey(i32[entry + ENTRY_KEY + VALUE_LOW]);
      let key = 1_000_000;
      while (bucketOfKey(key) === old) key++;
      i32[entry + ENTRY_KEY + VALUE_LOW] = key;
    },
  ],
  ['CHUNK_STEP_WRONG', 'the entries of a set', set(chunkWord('smallMap', CHUNK_STEP), 2)],
  ['BLOCK_CLASS_WRONG', 'entries of no size', set(chunkWord('smallMap', CHUNK_STEP), 3)],
  ['MAP_SLOT_BROKEN', 'a slot that leads nowhere', set(busySlot, NOWHERE)],
  [
    'MAP_SLOT_TWICE',
    'an entry in two slots',
    ({ mem, tableMap }) => {
      const [a, b] = slotsInUse(mem, tableMap);
      mem.i32[b] = mem.i32[a];
    },
  ],
  ['MAP_TAG_WRONG', 'another tag', flip(busyBucket, 1)],
  [
    'MAP_TAG_WRONG',
    'a tag of a free slot',
    ({ mem, tableMap }) => {
      const last = BUCKET_CAPACITY - 1;
      const isFree = (bucket: number) => mem.i32[bucket + BUCKET_SLOTS + last] === 0;
      const bucket = bucketsOf(mem, tableMap).find(isFree) as number;
      mem.i32[bucket + BUCKET_TAGS + (last >>> 2)] |= 1 << ((last & 3) * 8);
    },
  ],
  ['MAP_BUCKET_WRONG', 'two slots exchanged', (s) => swap(s, slotsApart(s.mem, s.tableMap))],
  [
    'MAP_ENTRY_LOST',
    'an entry in no slot',
    (sample) => {
      const bucket = busyBucket(sample);
      sample.mem.i32[bucket + BUCKET_TAGS] &= ~0xff;
      sample.mem.i32[bucket + BUCKET_SLOTS] = 0;
    },
  ],
  ['BUCKET_BROKEN', 'a further bucket nowhere', linkBucket('tableMap', () => NOWHERE)],
  ['BUCKET_BROKEN', 'a bucket behind itself', linkBucket('tableMap', (_, bucket) => bucket)],
  [
    'MAP_KEY_TWICE',
    'a key that is there twice',
    (sample) => {
      const { i32 } = sample.mem;
      const entry = entryWord('smallMap', 0)(sample);
      i32[entry + MAP_ENTRY_WORDS + ENTRY_KEY + VALUE_LOW] = i32[entry + ENTRY_KEY + VALUE_LOW];
    },
  ],
  [
    'MAP_KEY_MINUS_ZERO',
    'a key of -0',
    set(entryWord('smallMap', ENTRY_KEY + VALUE_HIGH), MINUS_ZERO_HIGH),
  ],
];
