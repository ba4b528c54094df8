/**
 * Verification, tables of maps: every live entry in one slot, in the bucket of its key's hash.
 */

import {
  BIGINT_UNSIGNED,
  BIGINT_VALUE,
  BUCKET_CAPACITY,
  BUCKET_LOAD,
  BUCKET_NEXT,
  BUCKET_SHIFT,
  BUCKET_SLOTS,
  BUCKET_TAGS,
  BUCKET_WORDS,
  CHUNK_ENTRIES,
  CHUNK_USED,
  DATE_TIME,
  ENTRY_KEY,
  FIRST_MAP_BUCKETS,
  HEADER_INFO,
  MAP_BUCKET_COUNT,
  MAP_BUCKETS_ROOT,
  NODE_OWNER,
  NODE_PAYLOAD,
  NODE_SHIFT_AT,
  NODE_SHIFT_MASK,
  STRING_HASH,
  TAG_HOLE,
  TAG_REFERENCE,
  VALUE_HIGH,
  VALUE_LOW,
} from '../memory/layout.ts';
import { bucketFor, COMPARED_MAX } from './verify-interning.ts';
import { finishHash, hashOfString, haveEqualText, isShort } from './verify-strings.ts';
import {
  MARK_CLAIMED,
  NO_BLOCK,
  ROLE_BIGINT,
  ROLE_DATE,
  ROLE_FREE,
  ROLE_LAST_OBJECT,
  ROLE_NODE,
  ROLE_STRING,
  ROLE_STRUCT,
  type Survey,
} from './verify-survey.ts';
import { collectLeaves, hasWordsBeyond } from './verify-vectors.ts';

const BIGINT_HIGH = BIGINT_VALUE + 1;
const NO_ENTRY = -1;
const BROKEN = -1;

/** What the chunks of the map came to; not whole when their list is broken. */
interface Entries {
  readonly used: number;
  readonly live: number;
  readonly isWhole: boolean;
}

/** Entries of the map at hand that stand in a slot, by number. Reused from map to map. */
let placed = new Uint8Array(1024);

/** Checks the table of a map, if it has one: without, its entries are searched. */
export function checkTable(survey: Survey, map: number, entries: Entries): void {
  const { i32, findings } = survey;
  const buckets = i32[map + MAP_BUCKET_COUNT];
  const covered = collectLeaves(survey, map + MAP_BUCKETS_ROOT, map);
  if (covered < 0) return;
  const isWhole = claimFurther(survey, map) && entries.isWhole;
  const hasTable = buckets !== 0 || covered !== 0;
  if (!hasTable && isWhole && entries.live <= COMPARED_MAX) checkSmall(survey);
  if (!hasTable || !isWhole) return;
  const words = buckets * BUCKET_WORDS;
  const isLarge = buckets >= FIRST_MAP_BUCKETS && buckets * BUCKET_LOAD >= entries.live;
  if (!isLarge || covered < words || hasWordsBeyond(survey, 0, words)) {
    const least = Math.max(FIRST_MAP_BUCKETS, Math.ceil(entries.live / BUCKET_LOAD));
    findings.add('MAP_TABLE_WRONG', map, least, buckets);
    return;
  }
  checkBuckets(survey, map, buckets, entries);
}

/** Claims the further buckets of the table whose leaves were listed. False: a link is broken. */
export function claimFurther(survey: Survey, map: number): boolean {
  const { i32, leaves, leafWords } = survey;
  for (let leaf = 0; leaf < leaves.length; leaf++) {
    const end = leaves[leaf] + leafWords[leaf];
    for (let bucket = leaves[leaf]; bucket + BUCKET_WORDS <= end; bucket += BUCKET_WORDS) {
      let from = bucket;
      while (i32[from + BUCKET_NEXT] !== 0) {
        from = i32[from + BUCKET_NEXT];
        if (!claimBucket(survey, map, from)) return false;
      }
    }
  }
  return true;
}

function claimBucket(survey: Survey, map: number, bucket: number): boolean {
  const { i32, marks, findings } = survey;
  const node = bucket - NODE_PAYLOAD;
  const block = survey.blockAt(node);
  const isNode = block !== NO_BLOCK && survey.roles[block] === ROLE_NODE;
  const shift = isNode ? (i32[node + HEADER_INFO] >>> NODE_SHIFT_AT) & NODE_SHIFT_MASK : 0;
  const isUnclaimed = isNode && (marks[block] & MARK_CLAIMED) === 0;
  if (!isUnclaimed || shift !== BUCKET_SHIFT || i32[node + NODE_OWNER] !== map) {
    findings.add('BUCKET_BROKEN', map, 0, bucket);
    survey.loseSight();
    return false;
  }
  marks[block] |= MARK_CLAIMED;
  return true;
}

function checkBuckets(survey: Survey, map: number, buckets: number, entries: Entries): void {
  const { leaves, leafWords, leafIndex } = survey;
  if (placed.length < entries.used) placed = new Uint8Array(entries.used * 2);
  else placed.fill(0, 0, entries.used);
  let areWhole = true;
  let count = 0;
  for (let leaf = 0; leaf < leaves.length; leaf++) {
    for (let word = 0; word < leafWords[leaf]; word += BUCKET_WORDS) {
      const number = (leafIndex[leaf] + word) / BUCKET_WORDS;
      if (number >= buckets) break;
      const found = checkBucket(survey, map, { first: leaves[leaf] + word, number, buckets });
      if (found < 0) areWhole = false;
      count += found;
    }
  }
  if (areWhole && count !== entries.live) reportLost(survey);
}

interface Bucket {
  readonly first: number;
  readonly number: number;
  /** Of the whole table. */
  readonly buckets: number;
}

/** Checks a bucket and those behind it. Returns how many entries they hold; negative: broken. */
function checkBucket(survey: Survey, map: number, bucket: Bucket): number {
  const { i32, findings } = survey;
  const before: number[] = [];
  let count = 0;
  for (let at = bucket.first; at !== 0; at = i32[at + BUCKET_NEXT]) {
    for (let slot = 0; slot < BUCKET_CAPACITY; slot++) {
      const entry = i32[at + BUCKET_SLOTS + slot];
      const tag = (i32[at + BUCKET_TAGS + (slot >>> 2)] >>> ((slot & 3) * 8)) & 0xff;
      if (entry === 0) {
        if (tag !== 0) findings.add('MAP_TAG_WRONG', at, 0, tag);
        continue;
      }
      if (!placeEntry(survey, map, entry)) return BROKEN;
      count++;
      checkPlace(survey, entry, tag, bucket);
      if (before.some((other) => haveEqualKeys(survey, other, entry))) {
        findings.add('MAP_KEY_TWICE', entry, 1, 2);
      }
      if (before.length < COMPARED_MAX) before.push(entry);
    }
  }
  return count;
}

/** Notes that an entry has a slot. False when it is none, or has one already. */
function placeEntry(survey: Survey, map: number, entry: number): boolean {
  const number = entryNumber(survey, entry);
  if (number === NO_ENTRY) {
    survey.findings.add('MAP_SLOT_BROKEN', map, 0, entry);
    return false;
  }
  if (placed[number] === 1) {
    survey.findings.add('MAP_SLOT_TWICE', entry, 1, 2);
    return false;
  }
  placed[number] = 1;
  return true;
}

/** A string's wrong hash has its own finding: either hash may explain bucket and tag. */
function checkPlace(survey: Survey, entry: number, tag: number, bucket: Bucket): void {
  const hash = keyHash(survey, entry);
  if (hash === null) return;
  const key = survey.i32[entry + ENTRY_KEY + VALUE_LOW];
  const hashes = isStringKey(survey, entry) ? [hash, hashOfString(survey.i32, key)] : [hash];
  if (!hashes.some((h) => bucketFor(h, bucket.buckets) === bucket.number)) {
    const expected = bucketFor(hash, bucket.buckets);
    survey.findings.add('MAP_BUCKET_WRONG', entry, expected, bucket.number);
  } else if (!hashes.some((h) => tagFor(h) === tag)) {
    survey.findings.add('MAP_TAG_WRONG', entry, tagFor(hash), tag);
  }
}

/** The tag of a hash: its highest eight bits, and never 0. */
const tagFor = (hash: number): number => Math.max(1, hash >>> 24);

/** The number of the live entry at `entry` in the map at hand; NO_ENTRY when there is none. */
function entryNumber(survey: Survey, entry: number): number {
  const { i32 } = survey;
  const chunk = survey.blockAround(entry);
  if (chunk === 0) return NO_ENTRY;
  const number = survey.chunkNumber(chunk);
  if (number === NO_BLOCK) return NO_ENTRY;
  const offset = entry - chunk - CHUNK_ENTRIES;
  const index = offset / survey.entryWords;
  if (offset < 0 || !Number.isInteger(index)) return NO_ENTRY;
  if (index >= i32[chunk + CHUNK_USED] || isHoleAt(i32, entry)) return NO_ENTRY;
  return survey.chunkFirst[number] + index;
}

const isHoleAt = (i32: Int32Array, entry: number) =>
  i32[entry + ENTRY_KEY + VALUE_HIGH] === TAG_HOLE;

function reportLost(survey: Survey): void {
  const { i32, chunks, chunkFirst } = survey;
  for (let k = 0; k < chunks.length; k++) {
    const used = i32[chunks[k] + CHUNK_USED];
    for (let i = 0; i < used; i++) {
      const entry = chunks[k] + CHUNK_ENTRIES + i * survey.entryWords;
      if (isHoleAt(i32, entry) || placed[chunkFirst[k] + i] === 1) continue;
      survey.findings.add('MAP_ENTRY_LOST', entry, 1, 0);
    }
  }
}

/** A map without a table is searched one by one, so its keys are compared so. */
function checkSmall(survey: Survey): void {
  const { i32, chunks } = survey;
  const before: number[] = [];
  for (const chunk of chunks) {
    const used = i32[chunk + CHUNK_USED];
    for (let i = 0; i < used; i++) {
      const entry = chunk + CHUNK_ENTRIES + i * survey.entryWords;
      if (isHoleAt(i32, entry)) continue;
      if (before.some((other) => haveEqualKeys(survey, other, entry))) {
        survey.findings.add('MAP_KEY_TWICE', entry, 1, 2);
      }
      before.push(entry);
    }
  }
}

/** The hash of an entry's key; null when the key cannot tell. */
function keyHash(survey: Survey, entry: number): number | null {
  const { i32 } = survey;
  const low = i32[entry + ENTRY_KEY + VALUE_LOW];
  const high = i32[entry + ENTRY_KEY + VALUE_HIGH];
  if (high !== TAG_REFERENCE) return finishHash(low ^ Math.imul(high, 0x9e3779b1));
  const role = roleOf(survey, low);
  if (role === ROLE_STRING) return i32[low + STRING_HASH];
  if (role === ROLE_BIGINT) {
    return finishHash(i32[low + BIGINT_VALUE] ^ finishHash(i32[low + BIGINT_HIGH]));
  }
  if (role === ROLE_DATE) return hashOfTime(survey.mem.f64[(low + DATE_TIME) >>> 1]);
  return role >= ROLE_STRUCT && role <= ROLE_LAST_OBJECT ? finishHash(low) : null;
}

const hashOfTime = (time: number) =>
  finishHash((time | 0) ^ finishHash(Math.floor(time / 2 ** 32) | 0));

const isStringKey = (survey: Survey, entry: number) =>
  survey.i32[entry + ENTRY_KEY + VALUE_HIGH] === TAG_REFERENCE &&
  roleOf(survey, survey.i32[entry + ENTRY_KEY + VALUE_LOW]) === ROLE_STRING;

function roleOf(survey: Survey, word: number): number {
  const block = survey.blockAt(word);
  return block === NO_BLOCK ? ROLE_FREE : survey.roles[block];
}

/** Equality of keys as JavaScript's maps have it (SameValueZero). */
function haveEqualKeys(survey: Survey, a: number, b: number): boolean {
  const { i32 } = survey;
  const lowA = i32[a + ENTRY_KEY + VALUE_LOW];
  const lowB = i32[b + ENTRY_KEY + VALUE_LOW];
  const high = i32[a + ENTRY_KEY + VALUE_HIGH];
  if (high !== i32[b + ENTRY_KEY + VALUE_HIGH]) return false;
  if (lowA === lowB) return true;
  if (high !== TAG_REFERENCE) return false;
  const role = roleOf(survey, lowA);
  if (role !== roleOf(survey, lowB)) return false;
  if (role === ROLE_BIGINT || role === ROLE_DATE) return haveEqualBits(i32, lowA, lowB);
  // Equal short strings are one object; two of them have a finding of their own.
  return role === ROLE_STRING && !isShort(i32, lowA) && haveEqualText(i32, lowA, lowB);
}

function haveEqualBits(i32: Int32Array, a: number, b: number): boolean {
  if (i32[a + BIGINT_VALUE] !== i32[b + BIGINT_VALUE]) return false;
  if (i32[a + BIGINT_HIGH] !== i32[b + BIGINT_HIGH]) return false;
  return ((i32[a + HEADER_INFO] ^ i32[b + HEADER_INFO]) & BIGINT_UNSIGNED) === 0;
}
