/**
 * Interning at the program's wish: one immortal string for a text (semantics E2).
 *
 * Short strings are found in the intern table. Long ones are not there, since to look for each
 * would cost more than most are worth; those that are interned stand in an immortal set, which
 * `createString` asks from then on.
 */

import {
  CONTROL_LONG_STRINGS,
  INTERN_MAX,
  type ObjectRef,
  TAG_REFERENCE,
} from '../memory/layout.ts';
import { encoded, encodeString } from './encode-string.ts';
import { appendEntry, createSet, reserveEntry } from './map.ts';
import type { Mutator } from './mutator.ts';
import { makeImmortal } from './refcount.ts';
import { createEncoded } from './string.ts';
import { findText } from './text-search.ts';

/** Makes the string of a text immortal, and found. @throws HeapExhaustedError */
export function internString(mem: Mutator, text: string): void {
  encodeString(text);
  if (text.length <= INTERN_MAX) {
    makeImmortal(mem, createEncoded(mem, text));
    return;
  }
  const set = longStrings(mem);
  encodeString(text);
  if (findText(mem, set) !== 0) return;
  reserveEntry(mem, set, encoded.hash);
  const string = createEncoded(mem, text);
  appendEntry(mem, set, string, TAG_REFERENCE, encoded.hash);
  makeImmortal(mem, string); // last: what stands in the set becomes so in any case
}

/** The set of long strings that are interned. */
function longStrings(mem: Mutator): ObjectRef {
  if (mem.i32[CONTROL_LONG_STRINGS] === 0) {
    const set = createSet(mem);
    mem.i32[CONTROL_LONG_STRINGS] = set;
    makeImmortal(mem, set);
  }
  return mem.i32[CONTROL_LONG_STRINGS] as ObjectRef;
}
