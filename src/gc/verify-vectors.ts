/**
 * Verification, vectors: the trees of nodes behind arrays, tables and rows.
 */

import {
  ARRAY_HEIGHT,
  ARRAY_LENGTH,
  ARRAY_ROOT,
  HEADER_INFO,
  LEAF_SHIFT,
  LEAF_WORDS,
  NODE_LEVEL_AT,
  NODE_OWNER,
  NODE_PAYLOAD,
  NODE_SHIFT_AT,
  NODE_SHIFT_MASK,
  TAG_REFERENCE,
  VALUE_HIGH,
  VALUE_WORDS,
} from '../memory/layout.ts';
import {
  MARK_CLAIMED,
  NO_BLOCK,
  ROLE_DAMAGED,
  ROLE_FREE,
  ROLE_NODE,
  type Survey,
} from './verify-survey.ts';
import { checkValue } from './verify-values.ts';

/** The height of a vector stands behind its root, wherever that is. */
const HEIGHT = ARRAY_HEIGHT - ARRAY_ROOT;
const HEIGHT_MAX = 4;
const ELEMENTS_MAX = 2 ** 30 - 1;

/**
 * Claims all nodes of the vector whose root stands at `at`, and lists its leaves in the survey.
 * Returns how many words it has without a gap; -1 when it is broken.
 */
export function collectLeaves(survey: Survey, at: number, owner: number): number {
  const { i32, leaves, leafWords, leafIndex } = survey;
  leaves.length = 0;
  leafWords.length = 0;
  leafIndex.length = 0;
  const root = i32[at];
  if (root === 0) return 0;
  const height = i32[at + HEIGHT];
  if (height < 1 || height > HEIGHT_MAX) {
    survey.findings.add('VECTOR_HEIGHT_WRONG', at, 1, height);
    survey.loseSight();
    return -1;
  }
  if (!claimNode(survey, root, { owner, at, height, index: 0, isRoot: true })) return -1;
  let covered = 0;
  for (let leaf = 0; leaf < leaves.length && leafIndex[leaf] === covered; leaf++) {
    covered += leafWords[leaf];
  }
  return covered;
}

/** Where in a vector a node stands. */
interface NodePlace {
  readonly owner: number;
  /** Where the root of the vector stands. */
  readonly at: number;
  readonly height: number;
  /** The index of the first word below the node. */
  readonly index: number;
  readonly isRoot: boolean;
}

/** Claims a node and the nodes below it: at most HEIGHT_MAX levels. False when one is broken. */
function claimNode(survey: Survey, node: number, place: NodePlace): boolean {
  const { i32, marks, findings } = survey;
  const block = survey.blockAt(node);
  const role = block === NO_BLOCK ? ROLE_FREE : survey.roles[block];
  if (role !== ROLE_NODE || (marks[block] & MARK_CLAIMED) !== 0) {
    if (role === ROLE_NODE) findings.add('NODE_SHARED', node, 1, 2);
    else if (role !== ROLE_DAMAGED) findings.add('NODE_BROKEN', place.at, 0, node);
    survey.loseSight();
    return false;
  }
  marks[block] |= MARK_CLAIMED;
  if (i32[node + NODE_OWNER] !== place.owner) {
    findings.add('NODE_OWNER_WRONG', node, place.owner, i32[node + NODE_OWNER]);
  }
  const level = (i32[node + HEADER_INFO] >>> NODE_LEVEL_AT) & NODE_SHIFT_MASK;
  if (level !== place.height - 1) {
    findings.add('NODE_LEVEL_WRONG', node, place.height - 1, level);
    survey.loseSight();
    return false;
  }
  const slots = 1 << ((i32[node + HEADER_INFO] >>> NODE_SHIFT_AT) & NODE_SHIFT_MASK);
  if (!place.isRoot && slots !== LEAF_WORDS) {
    findings.add('NODE_NOT_FULL', node, LEAF_WORDS, slots);
    survey.loseSight();
    return false;
  }
  if (place.height === 1) {
    survey.leaves.push(node + NODE_PAYLOAD);
    survey.leafWords.push(slots);
    survey.leafIndex.push(place.index);
    return true;
  }
  return claimChildren(survey, node, slots, place);
}

function claimChildren(survey: Survey, node: number, slots: number, place: NodePlace): boolean {
  const height = place.height - 1;
  const step = 2 ** (height * LEAF_SHIFT);
  for (let i = 0; i < slots; i++) {
    const child = survey.i32[node + NODE_PAYLOAD + i];
    if (child === 0) continue;
    const index = place.index + i * step;
    if (!claimNode(survey, child, { ...place, height, index, isRoot: false })) return false;
  }
  return true;
}

/** Whether a leaf of the vector walked last holds a word before `from`, or from `to` on. */
export function hasWordsBeyond(survey: Survey, from: number, to: number): boolean {
  const { i32, leaves, leafWords, leafIndex } = survey;
  for (let leaf = 0; leaf < leaves.length; leaf++) {
    const index = leafIndex[leaf];
    for (let i = 0; i < leafWords[leaf]; i++) {
      if (index + i >= from && index + i < to) i = Math.min(leafWords[leaf], to - index);
      if (i < leafWords[leaf] && i32[leaves[leaf] + i] !== 0) return true;
    }
  }
  return false;
}

/** Checks an array and counts what its elements hold. */
export function checkArray(survey: Survey, array: number): void {
  const { i32, findings } = survey;
  const length = i32[array + ARRAY_LENGTH];
  const covered = collectLeaves(survey, array + ARRAY_ROOT, array);
  if (covered < 0) return;
  if (length < 0 || length > ELEMENTS_MAX) {
    findings.add('ARRAY_LENGTH_WRONG', array, ELEMENTS_MAX, length);
    survey.isCountable = false;
    return;
  }
  if (covered < length * VALUE_WORDS) {
    findings.add('ARRAY_ELEMENTS_MISSING', array, length, covered / VALUE_WORDS);
    survey.loseSight(); // the height may be what is wrong: then there are more nodes
    return;
  }
  const isLog = survey.undoLogs.has(array);
  let left = length;
  for (let leaf = 0; left > 0; leaf++) {
    const elements = Math.min(left, survey.leafWords[leaf] / VALUE_WORDS);
    const from = survey.leaves[leaf];
    for (let i = 0; i < elements; i++) {
      const at = from + i * VALUE_WORDS;
      if (!isLog || i32[at + VALUE_HIGH] === TAG_REFERENCE) checkValue(survey, at, array);
    }
    left -= elements;
  }
}
