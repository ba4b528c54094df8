/**
 * Verification, kinds: every struct kind has a descriptor, and its record says the same.
 *
 * Structs are then read by what their descriptor lays out, so that a wrong record is one finding.
 */

import {
  CONTROL_KIND_COUNT,
  FIRST_STRUCT_KIND,
  HEADER_COUNT,
  HEADER_INFO,
  KIND_BITS,
  KIND_DESCRIPTOR,
  KIND_OBJECT_WORDS,
  KIND_RECORD_SHIFT,
  KIND_REFERENCES,
  KIND_SHIFT,
  KIND_SIZE_CLASS,
  KIND_STRING,
  KIND_TRACED,
  KIND_VALUES,
  KIND_VALUES_AT,
  KIND_WORDS,
  MAX_KINDS,
  PAGE_WORDS_SHIFT,
} from '../memory/layout.ts';
import { sizeClassOf } from '../memory/size-classes.ts';
import {
  FIELD_BITS,
  type FieldKind,
  isShapeName,
  layOutStruct,
  type StructLayout,
} from '../object/struct-layout.ts';
import { stringFault, stringWords, textOf } from './verify-strings.ts';
import { NO_BLOCK, type Survey } from './verify-survey.ts';

/** In KIND_VALUES of the kinds whose references are found by code. */
const SPECIAL = -1;

/** Reads all kinds into the survey, and checks their records. */
export function checkKinds(survey: Survey): void {
  const { i32, mem } = survey;
  for (let kind = 0; kind < FIRST_STRUCT_KIND; kind++) {
    checkWords(survey, mem.kindTable + (kind << KIND_RECORD_SHIFT), KIND_VALUES, SPECIAL);
  }
  const written = countWritten(survey);
  const counted = i32[CONTROL_KIND_COUNT];
  if (counted !== written) {
    survey.findings.add('KIND_COUNT_WRONG', CONTROL_KIND_COUNT, written, counted);
  }
  survey.kinds.isWritten.fill(1, FIRST_STRUCT_KIND, written);
  const names = new Set<string>();
  for (let kind = FIRST_STRUCT_KIND; kind < written; kind++) checkKind(survey, kind, names);
}

/** Kinds whose records are written: they have no gap. */
function countWritten(survey: Survey): number {
  const { i32, mem } = survey;
  let kind = FIRST_STRUCT_KIND;
  while (kind < MAX_KINDS) {
    const record = mem.kindTable + (kind << KIND_RECORD_SHIFT);
    // One word of a record may be damaged, so its descriptor alone does not decide.
    if (i32[record + KIND_DESCRIPTOR] === 0 && i32[record + KIND_BITS] === 0) break;
    kind++;
  }
  return kind;
}

/** Checks that of a record's words `offset` has `expected` and the others are 0. */
function checkWords(survey: Survey, record: number, offset: number, expected: number): void {
  for (let i = 0; i < KIND_WORDS; i++) {
    const word = survey.i32[record + i];
    const right = i === offset ? expected : 0;
    if (word !== right) survey.findings.add('KIND_RECORD_WRONG', record, right, word);
  }
}

function checkKind(survey: Survey, kind: number, names: Set<string>): void {
  const { i32, mem, findings } = survey;
  const record = mem.kindTable + (kind << KIND_RECORD_SHIFT);
  const descriptor = i32[record + KIND_DESCRIPTOR];
  if (!isDescriptor(survey, descriptor)) {
    findings.add('KIND_DESCRIPTOR_WRONG', record, 1, descriptor);
    trustRecord(survey, kind);
    return;
  }
  if (stringFault(i32, descriptor) !== null) {
    trustRecord(survey, kind); // the string is reported with all others
    return;
  }
  const layout = readDescriptor(textOf(i32, descriptor), kind);
  if (layout === null) {
    findings.add('KIND_DESCRIPTOR_WRONG', record, 1, descriptor);
    trustRecord(survey, kind);
    return;
  }
  const name = isShapeName(layout.name) ? textOf(i32, descriptor) : layout.name;
  if (names.has(name)) findings.add('KIND_NAME_TWICE', record, 1, 2);
  names.add(name);
  compareRecord(survey, record, layout);
  remember(survey, layout);
}

/** Whether an immortal string that can be read stands at `word`. */
function isDescriptor(survey: Survey, word: number): boolean {
  const { i32 } = survey;
  if (survey.blockAt(word) === NO_BLOCK) return false;
  if (i32[word + HEADER_INFO] >>> KIND_SHIFT !== KIND_STRING) return false;
  if (i32[word + HEADER_COUNT] >= 0) return false;
  const words = stringWords(i32, word);
  const head = survey.heads[word >>> PAGE_WORDS_SHIFT];
  return words >= 0 && words <= survey.blockWords[head];
}

function readDescriptor(text: string, kind: number): StructLayout | null {
  try {
    const [name, ...fields] = JSON.parse(text) as [unknown, ...unknown[]];
    if (typeof name !== 'string' || !fields.every(isField)) return null;
    return layOutStruct(name, new Map(fields), kind);
  } catch {
    return null; // no JSON, no array, or a struct of impossible size
  }
}

function isField(field: unknown): field is [string, FieldKind] {
  if (!Array.isArray(field) || field.length !== 2 || typeof field[0] !== 'string') return false;
  return Object.hasOwn(FIELD_BITS, field[1]);
}

function compareRecord(survey: Survey, record: number, layout: StructLayout): void {
  const compare = (offset: number, expected: number) => {
    const found = survey.i32[record + offset];
    if (found !== expected) survey.findings.add('KIND_RECORD_WRONG', record, expected, found);
  };
  compare(KIND_REFERENCES, layout.references);
  compare(KIND_VALUES, layout.values);
  compare(KIND_VALUES_AT, layout.valuesAt);
  compare(KIND_OBJECT_WORDS, layout.words);
  compare(KIND_SIZE_CLASS, sizeClassOf(layout.words));
  compare(KIND_BITS, layout.info);
  compare(KIND_TRACED, layout.traced);
}

function remember(survey: Survey, layout: StructLayout): void {
  const { kinds } = survey;
  const { kind } = layout;
  kinds.isKnown[kind] = 1;
  kinds.references[kind] = layout.references;
  kinds.values[kind] = layout.values;
  kinds.valuesAt[kind] = layout.valuesAt;
  kinds.words[kind] = layout.words;
  kinds.info[kind] = layout.info;
  const slots = layout.fields.filter((f) => f.kind === 'string' || f.kind === 'ref');
  slots.sort((a, b) => a.offset - b.offset);
  kinds.isString[kind] = Uint8Array.from(slots, (field) => Number(field.kind === 'string'));
}

/** Without a descriptor the record says how the objects look, if it does not contradict itself. */
function trustRecord(survey: Survey, kind: number): void {
  const { i32, mem, kinds } = survey;
  const record = mem.kindTable + (kind << KIND_RECORD_SHIFT);
  const references = i32[record + KIND_REFERENCES];
  const values = i32[record + KIND_VALUES];
  const valuesAt = i32[record + KIND_VALUES_AT];
  const words = i32[record + KIND_OBJECT_WORDS];
  const isSound =
    references >= 0 &&
    values >= 0 &&
    valuesAt >= references &&
    valuesAt % 2 === 0 &&
    valuesAt + values * 2 <= words &&
    i32[record + KIND_SIZE_CLASS] === sizeClassOf(words) &&
    i32[record + KIND_BITS] >>> KIND_SHIFT === kind;
  if (!isSound) {
    survey.isCountable = false; // its objects cannot be read
    return;
  }
  kinds.isKnown[kind] = 1;
  kinds.references[kind] = references;
  kinds.values[kind] = values;
  kinds.valuesAt[kind] = valuesAt;
  kinds.words[kind] = words;
  kinds.info[kind] = i32[record + KIND_BITS];
  kinds.isString[kind] = null;
}
