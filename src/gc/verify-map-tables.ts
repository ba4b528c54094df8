/**
 * Verification, tables of maps: every live entry in one chain, in the bucket of its key's hash.
 */

import {
  BIGINT_UNSIGNED,
  BIGINT_VALUE,
  CHUNK_ENTRIES,
  CHUNK_USED,
  DATE_TIME,
  ENTRY_KEY,
  ENTRY_NEXT,
  HEADER_INFO,
  MAP_BUCKET_COUNT,
  MAP_BUCKETS_ROOT,
  MAP_SMALL,
  STRING_HASH,
  TAG_HOLE,
  TAG_REFERENCE,
  VALUE_HIGH,
  VALUE_LOW,
} from '../memory/layout.ts';
import { bucketFor, CHAIN_WINDOW } from './verify-interning.ts';
import { finishHash, hashOfString, haveEqualText, isShort } from './verify-strings.ts';
import {
  NO_BLOCK,
  ROLE_BIGINT,
  ROLE_DATE,
  ROLE_FREE,
  ROLE_LAST_OBJECT,
  ROLE_STRING,
  ROLE_STRUCT,
  type Survey,
} from './verify-survey.ts';
import { collectLeaves, hasWordsBeyond } from './verify-vectors.ts';

const FIRST_BUCKETS = 16;
const BIGINT_HIGH = BIGINT_VALUE + 1;
const NO_ENTRY = -1;

/** What the chunks of the map came to; not whole when their list is broken. */
interface Entries {
  readonly used: number;
  readonly live: number;
  readonly isWhole: boolean;
}

/** Entries of the map at hand that stand in a chain, by number. Reused from map to map. */
let chained = new Uint8Array(1024);

/** Checks the table of a map, or that it needs none. */
export function checkTable(survey: Survey, map: number, entries: Entries): void {
  const { i32, findings } = survey;
  const buckets = i32[map + MAP_BUCKET_COUNT];
  const covered = collectLeaves(survey, map + MAP_BUCKETS_ROOT, map);
  if (covered < 0 || !entries.isWhole) return;
  const isNeeded = buckets !== 0 || covered !== 0 || entries.live > MAP_SMALL;
  if (!isNeeded) {
    checkSmall(survey);
    return;
  }
  const isTable = buckets >= FIRST_BUCKETS && buckets >= entries.live && covered >= buckets;
  if (!isTable || hasWordsBeyond(survey, 0, buckets)) {
    findings.add('MAP_TABLE_WRONG', map, Math.max(FIRST_BUCKETS, entries.live), buckets);
    return;
  }
  checkChains(survey, map, buckets, entries);
}

function checkChains(survey: Survey, map: number, buckets: number, entries: Entries): void {
  const { i32, leaves, leafWords, leafIndex } = survey;
  if (chained.length < entries.used) chained = new Uint8Array(entries.used * 2);
  else chained.fill(0, 0, entries.used);
  let areWhole = true;
  let count = 0;
  for (let leaf = 0; leaf < leaves.length; leaf++) {
    const words = Math.min(leafWords[leaf], buckets - leafIndex[leaf]);
    for (let i = 0; i < words; i++) {
      const first = i32[leaves[leaf] + i];
      if (first === 0) continue;
      const found = checkChain(survey, map, { first, bucket: leafIndex[leaf] + i, buckets });
      if (found < 0) areWhole = false;
      count += found;
    }
  }
  if (areWhole && count !== entries.live) reportLost(survey);
}

interface Chain {
  readonly first: number;
  readonly bucket: number;
  readonly buckets: number;
}

/** Walks one chain. Returns how many entries it has; negative when it is broken. */
function checkChain(survey: Survey, map: number, chain: Chain): number {
  const { i32, findings } = survey;
  const before: number[] = [];
  let count = 0;
  for (let entry = chain.first; entry !== 0; entry = i32[entry + ENTRY_NEXT]) {
    const number = entryNumber(survey, entry);
    if (number === NO_ENTRY) {
      findings.add('MAP_LINK_BROKEN', map, 0, entry);
      return NO_ENTRY;
    }
    if (chained[number] === 1) {
      findings.add('MAP_CHAIN_TWICE', entry, 1, 2);
      return NO_ENTRY;
    }
    chained[number] = 1;
    count++;
    checkBucket(survey, entry, chain);
    if (before.some((other) => haveEqualKeys(survey, other, entry))) {
      findings.add('MAP_KEY_TWICE', entry, 1, 2);
    }
    if (before.length < CHAIN_WINDOW) before.push(entry);
  }
  return count;
}

/** A string's wrong hash has its own finding: either hash may explain the bucket. */
function checkBucket(survey: Survey, entry: number, chain: Chain): void {
  const hash = keyHash(survey, entry);
  if (hash === null || bucketFor(hash, chain.buckets) === chain.bucket) return;
  const key = survey.i32[entry + ENTRY_KEY + VALUE_LOW];
  const isString = isStringKey(survey, entry);
  const text = isString ? hashOfString(survey.i32, key) : hash;
  if (bucketFor(text, chain.buckets) === chain.bucket) return;
  survey.findings.add('MAP_BUCKET_WRONG', entry, bucketFor(hash, chain.buckets), chain.bucket);
}

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
      if (isHoleAt(i32, entry) || chained[chunkFirst[k] + i] === 1) continue;
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
