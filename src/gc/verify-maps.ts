/**
 * Verification, maps: chunks, entries, keys, and the table that finds them.
 */

import {
  CHUNK_CAPACITY_AT,
  CHUNK_EMPTY_LINK,
  CHUNK_ENTRIES,
  CHUNK_LIVE,
  CHUNK_NEXT,
  CHUNK_OWNER,
  CHUNK_PREVIOUS,
  CHUNK_STEP,
  CHUNK_USED,
  ENTRY_KEY,
  ENTRY_VALUE,
  HEADER_INFO,
  KIND_MAP,
  KIND_SHIFT,
  MAP_BUCKETS_ROOT,
  MAP_EMPTY,
  MAP_ENTRY_WORDS,
  MAP_FIRST,
  MAP_ITERATORS,
  MAP_LAST,
  MAP_SIZE,
  SET_ENTRY_WORDS,
  TAG_HOLE,
  VALUE_HIGH,
  VALUE_LOW,
} from '../memory/layout.ts';
import { checkTable, claimFurther } from './verify-map-tables.ts';
import {
  MARK_CLAIMED,
  NO_BLOCK,
  ROLE_CHUNK,
  ROLE_DAMAGED,
  ROLE_FREE,
  type Survey,
} from './verify-survey.ts';
import { checkValue } from './verify-values.ts';
import { collectLeaves } from './verify-vectors.ts';

const MINUS_ZERO_HIGH = -0x80000000;

/** What the chunks of a map came to. */
interface Contents {
  /** Entries appended, holes included. */
  used: number;
  live: number;
  /** Chunks without a live entry, but for the last. */
  empty: number;
}

/** Checks a map and counts what its entries hold. */
export function checkMap(survey: Survey, map: number): void {
  const { i32, findings } = survey;
  const contents: Contents = { used: 0, live: 0, empty: 0 };
  noteEntryWords(survey, map);
  const isWhole = checkChunks(survey, map, contents);
  // The table is walked in any case: its nodes are not lost.
  checkTable(survey, map, { ...contents, isWhole });
  if (!isWhole) return;
  if (i32[map + MAP_SIZE] !== contents.live) {
    findings.add('MAP_SIZE_WRONG', map, contents.live, i32[map + MAP_SIZE]);
  }
  checkEmptyList(survey, map, contents.empty);
}

/** Claims the backing of a map of which nothing else may be believed any more. */
export function claimMap(survey: Survey, map: number): void {
  survey.chunks.length = 0;
  noteEntryWords(survey, map);
  for (let chunk = survey.i32[map + MAP_FIRST]; chunk !== 0; ) {
    if (!claimChunk(survey, map, chunk)) break;
    survey.chunks.push(chunk);
    chunk = survey.i32[chunk + CHUNK_NEXT];
  }
  if (collectLeaves(survey, map + MAP_BUCKETS_ROOT, map) >= 0) claimFurther(survey, map);
  claimEmptyChunks(survey, map);
}

function noteEntryWords(survey: Survey, map: number): void {
  const isMap = survey.i32[map + HEADER_INFO] >>> KIND_SHIFT === KIND_MAP;
  survey.entryWords = isMap ? MAP_ENTRY_WORDS : SET_ENTRY_WORDS;
}

/** Walks the chunks. False when the list is broken. */
function checkChunks(survey: Survey, map: number, contents: Contents): boolean {
  const { i32, findings } = survey;
  survey.chunks.length = 0;
  survey.chunkFirst.length = 0;
  let previous = 0;
  let chunk = i32[map + MAP_FIRST];
  while (chunk !== 0) {
    if (!claimChunk(survey, map, chunk)) return false;
    survey.chunks.push(chunk);
    survey.chunkFirst.push(contents.used);
    if (i32[chunk + CHUNK_PREVIOUS] !== previous) {
      findings.add('CHUNK_LINK_WRONG', chunk, previous, i32[chunk + CHUNK_PREVIOUS]);
    }
    const live = checkEntries(survey, map, chunk);
    if (i32[chunk + CHUNK_LIVE] !== live) {
      findings.add('CHUNK_LIVE_WRONG', chunk, live, i32[chunk + CHUNK_LIVE]);
    }
    if (live === 0 && i32[chunk + CHUNK_NEXT] !== 0) contents.empty++;
    contents.live += live;
    contents.used += i32[chunk + CHUNK_USED];
    previous = chunk;
    chunk = i32[chunk + CHUNK_NEXT];
  }
  if (i32[map + MAP_LAST] !== previous) {
    findings.add('MAP_LAST_WRONG', map, previous, i32[map + MAP_LAST]);
  }
  return true;
}

/** Claims the next chunk of a map. */
function claimChunk(survey: Survey, map: number, chunk: number): boolean {
  const { i32, marks, findings } = survey;
  const block = survey.blockAt(chunk);
  const role = block === NO_BLOCK ? ROLE_FREE : survey.roles[block];
  if (role !== ROLE_CHUNK || (marks[block] & MARK_CLAIMED) !== 0) {
    if (role === ROLE_CHUNK) findings.add('CHUNK_SHARED', chunk, 1, 2);
    else if (role !== ROLE_DAMAGED) findings.add('CHUNK_BROKEN', map, 0, chunk);
    survey.loseSight();
    return false;
  }
  marks[block] |= MARK_CLAIMED;
  survey.holders[block] = survey.chunks.length;
  if (i32[chunk + CHUNK_STEP] !== survey.entryWords) {
    findings.add('CHUNK_STEP_WRONG', chunk, survey.entryWords, i32[chunk + CHUNK_STEP]);
    survey.loseSight();
    return false;
  }
  if (i32[chunk + CHUNK_OWNER] !== map) {
    findings.add('CHUNK_OWNER_WRONG', chunk, map, i32[chunk + CHUNK_OWNER]);
  }
  const capacity = (i32[chunk + HEADER_INFO] >>> CHUNK_CAPACITY_AT) & 0xff;
  const used = i32[chunk + CHUNK_USED];
  if (used >= 0 && used <= capacity) return true;
  findings.add('CHUNK_USED_WRONG', chunk, capacity, used);
  survey.loseSight();
  return false;
}

/** Checks the entries of a chunk and counts what they hold. Returns how many are live. */
function checkEntries(survey: Survey, map: number, chunk: number): number {
  const { i32, entryWords } = survey;
  const from = chunk + CHUNK_ENTRIES;
  const to = from + i32[chunk + CHUNK_USED] * entryWords;
  let live = 0;
  for (let entry = from; entry < to; entry += entryWords) {
    const isKeyHole = i32[entry + ENTRY_KEY + VALUE_HIGH] === TAG_HOLE;
    if (entryWords === MAP_ENTRY_WORDS) checkEntryValue(survey, map, entry, isKeyHole);
    if (isKeyHole) continue;
    live++;
    checkKey(survey, map, entry);
  }
  return live;
}

function checkEntryValue(survey: Survey, map: number, entry: number, isKeyHole: boolean): void {
  const isValueHole = survey.i32[entry + ENTRY_VALUE + VALUE_HIGH] === TAG_HOLE;
  if (isKeyHole !== isValueHole) {
    survey.findings.add('MAP_HOLE_WRONG', entry, Number(isKeyHole), Number(isValueHole));
  }
  if (!isValueHole) checkValue(survey, entry + ENTRY_VALUE, map);
}

function checkKey(survey: Survey, map: number, entry: number): void {
  const { i32, findings } = survey;
  const low = i32[entry + ENTRY_KEY + VALUE_LOW];
  const high = i32[entry + ENTRY_KEY + VALUE_HIGH];
  checkValue(survey, entry + ENTRY_KEY, map);
  if (low === 0 && high === MINUS_ZERO_HIGH) {
    findings.add('MAP_KEY_MINUS_ZERO', entry, 0, high);
  }
}

/** Empty chunks wait in a list of their own while iterators are open, and are gone otherwise. */
function checkEmptyList(survey: Survey, map: number, empty: number): void {
  const { i32, findings } = survey;
  const iterators = i32[map + MAP_ITERATORS];
  if (iterators < 0) return; // found when holders are known
  const first = i32[map + MAP_EMPTY];
  const isWrong = iterators === 0 ? first !== 0 : !claimEmptyChunks(survey, map);
  if (isWrong || empty !== 0) findings.add('MAP_EMPTY_WRONG', map, 0, empty || first);
}

/** Claims the chunks that wait for iterators. False when one is no empty chunk of the map. */
function claimEmptyChunks(survey: Survey, map: number): boolean {
  const { i32, marks } = survey;
  for (let chunk = i32[map + MAP_EMPTY]; chunk !== 0; chunk = i32[chunk + CHUNK_EMPTY_LINK]) {
    const block = survey.blockAt(chunk);
    if (block === NO_BLOCK || survey.roles[block] !== ROLE_CHUNK) return false;
    if ((marks[block] & MARK_CLAIMED) !== 0) return false;
    marks[block] |= MARK_CLAIMED;
    if (i32[chunk + CHUNK_LIVE] !== 0 || i32[chunk + CHUNK_OWNER] !== map) return false;
  }
  return true;
}
