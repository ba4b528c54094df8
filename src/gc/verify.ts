/**
 * `heap.verify()`: recomputes everything that can be recomputed, and says what does not agree.
 *
 * It shares no traversal code with what it checks, believes no address before checking it, and
 * only reads. It neither throws nor hangs on damaged memory: every walk marks what it has seen in
 * private tables (`verify-survey.ts`), so it is linear in the heap.
 *
 * One damage should be one finding. So the passes stand in the order in which one rests on the
 * other, and a pass that cannot be trusted any more is left out.
 *
 * Garbage that only holds itself is no finding: its counts are explained. An object with a count
 * that nothing explains is one, reachable or not.
 */

import {
  ARRAY_ROOT,
  GC_TRACKED,
  HEADER_COUNT,
  HEADER_INFO,
  HEADER_WORDS,
  KIND_SHIFT,
  MAP_ITERATORS,
  type ObjectRef,
  PAGE_WORDS,
  TUPLE_LENGTH,
  TUPLE_VALUES,
  VALUE_WORDS,
} from '../memory/layout.ts';
import type { Memory } from '../memory/memory.ts';
import { checkAccounting } from './verify-accounting.ts';
import { checkCollector, checkGarbageArray } from './verify-collector.ts';
import { checkGarbageLists, checkGarbageLost } from './verify-condemned.ts';
import type { Finding } from './verify-findings.ts';
import { checkHeaders } from './verify-headers.ts';
import { checkInternTable } from './verify-interning.ts';
import { checkKinds } from './verify-kinds.ts';
import { checkBins, checkFreeLists, checkFreeRuns, checkScratchList } from './verify-lists.ts';
import { checkMap, claimMap } from './verify-maps.ts';
import { surveyPages } from './verify-pages.ts';
import { checkControl, checkRoots, checkThreads } from './verify-roots.ts';
import { isShort } from './verify-strings.ts';
import {
  HOLDERS_MAX,
  MARK_CLAIMED,
  MARK_CONDEMNED,
  MARK_UNLINKED,
  MARK_UNTRACKED,
  ROLE_ARRAY,
  ROLE_BIGINT,
  ROLE_CHUNK,
  ROLE_DATE,
  ROLE_FLAT_TUPLE,
  ROLE_FREE,
  ROLE_LAST_OBJECT,
  ROLE_MAP,
  ROLE_NODE,
  ROLE_RECORD,
  ROLE_STRING,
  ROLE_STRUCT,
  ROLE_TUPLE,
  Survey,
  TILE_IN_USE,
} from './verify-survey.ts';
import { checkGenerations } from './verify-tracking.ts';
import { checkValue, countReference } from './verify-values.ts';
import { checkArray, collectLeaves } from './verify-vectors.ts';

export type { Finding } from './verify-findings.ts';

/**
 * Verifies the heap. The caller holds the GIL; `locals` are the objects that local handles of the
 * running section hold, one count each.
 *
 * Returns what was found, at most FINDINGS_MAX; nothing when the heap is sound.
 */
export function verifyHeap(mem: Memory, locals: readonly ObjectRef[]): Finding[] {
  const survey = new Survey(mem, locals);
  checkControl(survey);
  checkThreads(survey);
  if (!surveyPages(survey)) return survey.findings.list;
  checkFreeLists(survey);
  checkBins(survey);
  checkFreeRuns(survey);
  checkScratchList(survey);
  checkKinds(survey);
  checkGarbageLists(survey);
  checkHeaders(survey);
  checkGarbageLost(survey);
  survey.copyRoles();
  checkAccounting(survey);
  checkCollector(survey);

  checkInternTable(survey);
  checkReferences(survey);
  checkGenerations(survey);
  checkRoots(survey);
  checkGarbageArray(survey);
  checkOwnership(survey);
  return survey.findings.list;
}

/** Calls `check` with the address, the number and the role of every block that is not free. */
function forEachBlock(
  survey: Survey,
  check: (survey: Survey, word: number, block: number, role: number) => void,
): void {
  const { tiles, roles } = survey;
  for (let page = 0; page < tiles.length; page++) {
    if (tiles[page] !== TILE_IN_USE) continue;
    const first = survey.firstBlock[page];
    const end = first + survey.carved[page];
    const blockWords = survey.blockWords[page];
    let word = page * PAGE_WORDS;
    for (let block = first; block < end; block++, word += blockWords) {
      if (roles[block] !== ROLE_FREE) check(survey, word, block, roles[block]);
    }
  }
}

/** Counts the references that objects hold, and checks containers on the way. */
function checkReferences(survey: Survey): void {
  forEachBlock(survey, (s, word, block, role) => {
    const mark = s.marks[block];
    if ((mark & MARK_UNLINKED) !== 0) {
      claimBacking(s, word, role); // its slots are void: it has dropped what they name
      return;
    }
    s.isHolderCondemned = (mark & MARK_CONDEMNED) !== 0;
    s.holdsContainer = false;
    if (role === ROLE_STRUCT || role === ROLE_RECORD) checkStruct(s, word);
    else if (role === ROLE_ARRAY) checkArray(s, word);
    else if (role === ROLE_MAP) checkMap(s, word);
    else if (role === ROLE_TUPLE || role === ROLE_FLAT_TUPLE) checkTuple(s, word, role);
    if (!s.holdsContainer || (mark & MARK_UNTRACKED) === 0) return;
    s.findings.add('UNTRACKED_HOLDER', word, GC_TRACKED, 0);
    s.areGenerationsKnown = false;
  });
  survey.isHolderCondemned = false;
}

/** Garbage has its backing until it is freed. */
function claimBacking(survey: Survey, word: number, role: number): void {
  if (role === ROLE_ARRAY) collectLeaves(survey, word + ARRAY_ROOT, word);
  else if (role === ROLE_MAP) claimMap(survey, word);
}

function checkStruct(survey: Survey, struct: number): void {
  const { i32, kinds } = survey;
  const kind = i32[struct + HEADER_INFO] >>> KIND_SHIFT;
  const references = kinds.references[kind];
  const isString = kinds.isString[kind];
  const slots = struct + HEADER_WORDS;
  for (let i = 0; i < references; i++) {
    const target = i32[slots + i];
    if (target === 0) continue;
    const role = countReference(survey, target, struct);
    if (isString === null || role < ROLE_STRUCT || role > ROLE_LAST_OBJECT) continue;
    const isNumber = role === ROLE_BIGINT || role === ROLE_DATE;
    if ((role === ROLE_STRING) !== (isString[i] === 1) || isNumber) {
      survey.findings.add('FIELD_WRONG', struct, isString[i], target);
      survey.isCountable = false; // the object that should be here has lost a holder
    }
  }
  const from = struct + kinds.valuesAt[kind];
  const to = from + kinds.values[kind] * VALUE_WORDS;
  for (let at = from; at < to; at += VALUE_WORDS) checkValue(survey, at, struct);
}

/** It is a container exactly when it holds one: nothing that it holds ever becomes one. */
function checkTuple(survey: Survey, tuple: number, role: number): void {
  const from = tuple + TUPLE_VALUES;
  const to = from + survey.i32[tuple + TUPLE_LENGTH] * VALUE_WORDS;
  for (let at = from; at < to; at += VALUE_WORDS) checkValue(survey, at, tuple);
  // What garbage holds may be garbage, too, and is not told apart then.
  if (role === ROLE_FLAT_TUPLE || survey.holdsContainer || survey.isHolderCondemned) return;
  if (survey.isCountable) {
    survey.findings.add('CONTAINER_WRONG', tuple, 0, survey.i32[tuple + HEADER_INFO]);
  }
}

/** Compares counts with the references found; finds backing and short strings that are lost. */
function checkOwnership(survey: Survey): void {
  forEachBlock(survey, (s, word, block, role) => {
    const holders = s.holders[block] & HOLDERS_MAX;
    const isCondemned = (s.marks[block] & MARK_CONDEMNED) !== 0;
    if (role <= ROLE_LAST_OBJECT && !isCondemned) checkCount(s, word, holders);
    if (role === ROLE_MAP && !isCondemned) checkIterators(s, word, holders);
    if ((s.marks[block] & MARK_CLAIMED) !== 0) return;
    if (role === ROLE_NODE || role === ROLE_CHUNK) {
      if (s.isBackingKnown) s.findings.add('BACKING_LOST', word, 1, 0);
    } else if (role === ROLE_STRING && s.isInternTableKnown) {
      if (isShort(s.i32, word)) s.findings.add('INTERN_LOST', word, 1, 0);
    }
  });
}

function checkCount(survey: Survey, word: number, holders: number): void {
  const count = survey.i32[word + HEADER_COUNT];
  // Negative: immortal. Zero has its own finding.
  if (count <= 0 || count === holders || !survey.isCountable) return;
  if (count > holders && survey.isSuspect) return;
  const code = count < holders ? 'REFCOUNT_TOO_LOW' : 'REFCOUNT_TOO_HIGH';
  survey.findings.add(code, word, holders, count);
}

/** Every open iterator holds its map by a row. */
function checkIterators(survey: Survey, map: number, holders: number): void {
  const iterators = survey.i32[map + MAP_ITERATORS];
  if (iterators >= 0 && (iterators <= holders || !survey.isCountable)) return;
  survey.findings.add('MAP_ITERATORS_WRONG', map, holders, iterators);
}
