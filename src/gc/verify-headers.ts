/**
 * Verification, headers: what every block holds, and whether the counters of its run agree.
 */

import {
  ARRAY_WORDS,
  BIGINT_UNSIGNED,
  BIGINT_VALUE,
  BIGINT_WORDS,
  BYTES_DATA,
  BYTES_LENGTH,
  BYTES_TYPE_AT,
  CHUNK_CAPACITY_MIN,
  CHUNK_ENTRIES,
  CHUNK_STEP,
  DATE_TIME,
  DATE_WORDS,
  FIRST_STRUCT_KIND,
  GC_CONTAINER,
  GC_TRACKED,
  HEADER_COUNT,
  HEADER_INFO,
  KIND_ARRAY,
  KIND_BIGINT,
  KIND_BYTES,
  KIND_CHUNK,
  KIND_DATE,
  KIND_MAP,
  KIND_NODE,
  KIND_SET,
  KIND_SHIFT,
  KIND_STRING,
  KIND_TUPLE,
  LEAF_SHIFT,
  MAP_CHUNK_MAX,
  MAP_ENTRY_WORDS,
  MAP_WORDS,
  MAX_KINDS,
  NODE_PAYLOAD,
  NODE_SHIFT_AT,
  NODE_SHIFT_MASK,
  PAGE_CLASS,
  PAGE_USED,
  PAGE_WORDS,
  SET_CHUNK_MAX,
  SET_ENTRY_WORDS,
  TUPLE_LENGTH,
  TUPLE_VALUES,
  UNDO_NOTED,
  VALUE_WORDS,
  WORD_BYTES,
} from '../memory/layout.ts';
import { pageRecordOf } from '../memory/memory.ts';
import { LARGE_CLASS, MAX_CLASS_WORDS } from '../memory/size-classes.ts';
import { fault, STRING_BITS, stringFault, stringWords } from './verify-strings.ts';
import {
  MARK_CONDEMNED,
  MARK_FREE,
  MARK_LISTED,
  MARK_REMOTE,
  ROLE_ARRAY,
  ROLE_BIGINT,
  ROLE_BYTES,
  ROLE_CHUNK,
  ROLE_DAMAGED,
  ROLE_DATE,
  ROLE_FLAT_TUPLE,
  ROLE_MAP,
  ROLE_NODE,
  ROLE_RECORD,
  ROLE_STRING,
  ROLE_STRUCT,
  ROLE_TUPLE,
  type Survey,
  TILE_IN_USE,
} from './verify-survey.ts';
import { checkInfo } from './verify-tracking.ts';

const BACKING_BITS = 0xff << NODE_SHIFT_AT;
const NODE_SHIFT_MIN = 3;
const BYTES_TYPES = 0xf << BYTES_TYPE_AT;
const TRACKED = GC_CONTAINER | GC_TRACKED;
/** The largest time of a date, either way (ECMAScript, 21.4.1.1). */
const TIME_MAX = 8.64e15;
/** The word of a bigint that has its sign. */
const BIGINT_HIGH = BIGINT_VALUE + 1;

/** Notes the role of every block, and checks header and counters. */
export function checkHeaders(survey: Survey): void {
  const { tiles } = survey;
  for (let page = 0; page < tiles.length; page++) {
    if (tiles[page] === TILE_IN_USE) checkRun(survey, page);
  }
}

function checkRun(survey: Survey, page: number): void {
  const { i32, roles, marks, findings } = survey;
  const first = survey.firstBlock[page];
  const carved = survey.carved[page];
  const blockWords = survey.blockWords[page];
  const minWords = minWordsOf(survey, page);
  let word = page * PAGE_WORDS;
  let live = 0;
  for (let block = first; block < first + carved; block++, word += blockWords) {
    const info = i32[word + HEADER_INFO];
    if (info === 0) continue;
    if ((marks[block] & (MARK_FREE | MARK_REMOTE)) !== 0) {
      findings.add('FREE_BLOCK_NOT_FREE', word, 0, info);
      roles[block] = ROLE_DAMAGED;
      continue;
    }
    live++;
    const role = checkHeader(survey, block, word);
    roles[block] = role;
    if (role === ROLE_DAMAGED) continue;
    const words = wordsOf(survey, word, info, role);
    if (words < minWords || words > blockWords) {
      findings.add('BLOCK_CLASS_WRONG', word, words, blockWords);
      roles[block] = ROLE_DAMAGED;
      survey.loseSight();
    } else if (role === ROLE_STRING) {
      const code = stringFault(i32, word);
      if (code !== null) findings.add(code, word, fault.expected, fault.found);
    }
  }
  survey.liveWords += live * blockWords;
  checkCounters(survey, page, live);
}

/**
 * The smallest request that a run of this class serves. Blocks of a class may hold less: in a full
 * heap a request takes a larger one.
 */
function minWordsOf(survey: Survey, page: number): number {
  const sizeClass = survey.i32[pageRecordOf(survey.mem, page) + PAGE_CLASS];
  if (sizeClass !== LARGE_CLASS) return 0;
  return Math.max(MAX_CLASS_WORDS, survey.blockWords[page] - PAGE_WORDS) + 1;
}

/** Checks count and info word. Returns the role. */
function checkHeader(survey: Survey, block: number, word: number): number {
  const info = survey.i32[word + HEADER_INFO];
  const kind = info >>> KIND_SHIFT;
  if (kind >= FIRST_STRUCT_KIND && kind < MAX_KINDS && survey.kinds.isKnown[kind] === 1) {
    const expected = survey.kinds.info[kind];
    // Plain objects are tracked or not: what they hold decides.
    const isLazy = (expected & TRACKED) === GC_CONTAINER;
    checkObject(
      survey,
      block,
      word,
      expected | (info & (isLazy ? GC_TRACKED | UNDO_NOTED : UNDO_NOTED)),
    );
    return (expected & GC_CONTAINER) !== 0 ? ROLE_STRUCT : ROLE_RECORD;
  }
  const kindBits = kind << KIND_SHIFT;
  switch (kind) {
    case KIND_STRING:
      checkObject(survey, block, word, kindBits | (info & STRING_BITS));
      return ROLE_STRING;
    case KIND_BIGINT:
      checkObject(survey, block, word, kindBits | (info & BIGINT_UNSIGNED));
      checkBigint(survey, word, info);
      return ROLE_BIGINT;
    case KIND_DATE:
      checkObject(survey, block, word, kindBits);
      checkTime(survey, word);
      return ROLE_DATE;
    case KIND_BYTES:
      checkObject(survey, block, word, kindBits | (info & BYTES_TYPES));
      return ROLE_BYTES;
    case KIND_TUPLE:
      // A container from birth on, or never: what it holds decides.
      checkObject(survey, block, word, kindBits | (info & GC_CONTAINER ? TRACKED : 0));
      return (info & GC_CONTAINER) !== 0 ? ROLE_TUPLE : ROLE_FLAT_TUPLE;
    case KIND_ARRAY:
    case KIND_MAP:
    case KIND_SET:
      // Tracked or not: what they hold decides.
      checkObject(
        survey,
        block,
        word,
        kindBits | GC_CONTAINER | (info & (GC_TRACKED | UNDO_NOTED)),
      );
      return kind === KIND_ARRAY ? ROLE_ARRAY : ROLE_MAP;
    case KIND_NODE:
      return checkBacking(survey, word, info, ROLE_NODE);
    case KIND_CHUNK:
      return checkBacking(survey, word, info, ROLE_CHUNK);
    default:
      return refuseKind(survey, word, kind);
  }
}

/** The objects of a declared kind that could not be read are not wrong themselves. */
function refuseKind(survey: Survey, word: number, kind: number): number {
  if (kind >= MAX_KINDS || survey.kinds.isWritten[kind] === 0) {
    survey.findings.add('KIND_UNKNOWN', word, FIRST_STRUCT_KIND, kind);
  }
  survey.loseSight();
  return ROLE_DAMAGED;
}

function checkObject(survey: Survey, block: number, word: number, expected: number): void {
  checkInfo(survey, block, word, expected);
  const count = survey.i32[word + HEADER_COUNT];
  if (count !== 0 || (survey.marks[block] & (MARK_CONDEMNED | MARK_LISTED)) !== 0) return;
  survey.findings.add('REFCOUNT_ZERO', word, 1, 0);
}

/** Only values beyond the signed range are marked as unsigned. */
function checkBigint(survey: Survey, word: number, info: number): void {
  if ((info & BIGINT_UNSIGNED) === 0) return;
  const high = survey.i32[word + BIGINT_HIGH];
  if (high >= 0) survey.findings.add('BIGINT_WRONG', word, 0, BIGINT_UNSIGNED);
}

function checkTime(survey: Survey, word: number): void {
  const time = survey.mem.f64[(word + DATE_TIME) >>> 1];
  if (Number.isNaN(time) || (Number.isInteger(time) && Math.abs(time) <= TIME_MAX)) return;
  survey.findings.add('DATE_WRONG', word, 0, survey.i32[word + DATE_TIME]);
}

function checkBacking(survey: Survey, word: number, info: number, role: number): number {
  const rest = info & ~BACKING_BITS & ~(-1 << KIND_SHIFT);
  if (rest !== 0) survey.findings.add('INFO_WRONG', word, info ^ rest, info);
  return role;
}

/** Words that an object needs; -1 when it says nothing sensible. */
function wordsOf(survey: Survey, word: number, info: number, role: number): number {
  const bits = (info & BACKING_BITS) >>> NODE_SHIFT_AT;
  switch (role) {
    case ROLE_STRUCT:
    case ROLE_RECORD:
      return survey.kinds.words[info >>> KIND_SHIFT];
    case ROLE_STRING:
      return stringWords(survey.i32, word);
    case ROLE_BIGINT:
      return BIGINT_WORDS;
    case ROLE_DATE:
      return DATE_WORDS;
    case ROLE_BYTES:
      return bytesWords(survey.mem.f64[(word + BYTES_LENGTH) >>> 1]);
    case ROLE_TUPLE:
    case ROLE_FLAT_TUPLE:
      return tupleWords(survey.i32[word + TUPLE_LENGTH]);
    case ROLE_ARRAY:
      return ARRAY_WORDS;
    case ROLE_MAP:
      return MAP_WORDS;
    case ROLE_NODE:
      return nodeWords(bits & NODE_SHIFT_MASK);
    default:
      return chunkWords(bits, survey.i32[word + CHUNK_STEP]);
  }
}

const nodeWords = (shift: number) =>
  shift < NODE_SHIFT_MIN || shift > LEAF_SHIFT ? -1 : NODE_PAYLOAD + (1 << shift);

const bytesWords = (length: number) =>
  Number.isInteger(length) && length >= 0 ? BYTES_DATA + Math.ceil(length / WORD_BYTES) : -1;

const tupleWords = (length: number) => (length >= 0 ? TUPLE_VALUES + length * VALUE_WORDS : -1);

function chunkWords(capacity: number, step: number): number {
  if (step !== MAP_ENTRY_WORDS && step !== SET_ENTRY_WORDS) return -1;
  const most = step === MAP_ENTRY_WORDS ? MAP_CHUNK_MAX : SET_CHUNK_MAX;
  if (capacity < CHUNK_CAPACITY_MIN || capacity > most) return -1;
  return CHUNK_ENTRIES + capacity * step;
}

/**
 * Compares the counters of a run with its blocks. With L live blocks, F and R on the two lists:
 *
 *   carved === L + F + R      used === L + R
 *
 * When only one of the two fails, it tells which word is wrong. When carved blocks are missing
 * from a list that `used` counts on, they are lost.
 */
function checkCounters(survey: Survey, page: number, live: number): void {
  const { i32, mem, findings } = survey;
  const free = survey.freeCount[page];
  const remote = survey.remoteCount[page];
  if (free < 0 || remote < 0) return; // the lists are broken: nothing to compare with
  const record = pageRecordOf(mem, page);
  const used = i32[record + PAGE_USED];
  const carved = survey.carved[page];
  const isCarvedRight = carved === live + free + remote;
  const isUsedRight = used === live + remote;
  if (isCarvedRight && isUsedRight) return;
  if (isUsedRight) {
    findings.add('PAGE_CARVED_WRONG', record, live + free + remote, carved);
    return;
  }
  if (used !== carved - free) findings.add('PAGE_USED_WRONG', record, live + remote, used);
  if (!isCarvedRight) reportLost(survey, page);
}

function reportLost(survey: Survey, page: number): void {
  const { i32, marks, roles } = survey;
  const first = survey.firstBlock[page];
  const blockWords = survey.blockWords[page];
  for (let i = 0; i < survey.carved[page]; i++) {
    const word = page * PAGE_WORDS + i * blockWords;
    if (i32[word + HEADER_INFO] !== 0 || marks[first + i] !== 0) continue;
    survey.findings.add('BLOCK_LOST', word, 1, 0);
    roles[first + i] = ROLE_DAMAGED; // perhaps an object whose header was lost: so no reference
    survey.loseSight(); // to it is wrong by itself, and what it held is not known
  }
}
