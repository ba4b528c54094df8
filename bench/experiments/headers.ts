/** What stands in front of an object's payload? Objects with 4 reference slots. */

import { type Experiment, type Run, sharedWords } from './experiment.ts';

const WORDS = 1 << 18;
const POOL = 256;
const SLOTS = 4;
const KINDS = 64; // the kind table: number of reference slots by kind
const PAGE_TABLE = 1024; // the kind of a page, where it has one
const PAGE_SHIFT = 14;
const FIRST = 8 << PAGE_SHIFT;
const KIND = 17;
const IMMORTAL = 1 << 30;

const targetOf = (index: number, round: number) => (index * 37 + round) & (POOL - 1);

function fail(): never {
  throw new Error('a count is wrong');
}

/** How one header does what all have to do. */
interface Header {
  readonly words: number;
  readonly i32: Int32Array;
  create(object: number): void;
}

function fill({ words, i32, create }: Header): Int32Array {
  i32[KINDS + KIND] = SLOTS;
  i32[PAGE_TABLE + (FIRST >>> PAGE_SHIFT)] = KIND;
  const headerWords = words - SLOTS;
  const objects = Int32Array.from({ length: POOL }, (_, i) => FIRST + i * words);
  for (const [i, object] of objects.entries()) {
    create(object);
    for (let slot = 0; slot < SLOTS; slot++) {
      i32[object + headerWords + slot] = objects[targetOf(i, slot)]!;
    }
  }
  return objects;
}

/** [count | info] [slots]: 24 bytes. */
function twoWords(): Record<string, Run> {
  const i32 = sharedWords(WORDS);
  const create = (object: number) => {
    i32[object] = SLOTS;
    i32[object + 1] = KIND << 16;
  };
  const objects = fill({ words: 6, i32, create });
  const incref = (object: number): void => {
    const count = i32[object];
    if (count > 0) i32[object] = count + 1;
    else if (count === 0) fail();
  };
  const decref = (object: number): void => {
    const count = i32[object];
    if (count > 1) i32[object] = count - 1;
    else if (count >= 0) fail();
  };
  return {
    'store a reference': (operations) => {
      for (let round = 0; round < operations / POOL; round++) {
        for (let i = 0; i < POOL; i++) {
          const slot = objects[i] + 2;
          const target = objects[targetOf(i, round)];
          incref(target);
          const old = i32[slot];
          i32[slot] = target;
          decref(old);
        }
      }
      return operations;
    },
    'visit the references': (operations) => {
      let found = 0;
      for (let round = 0; round < operations / POOL; round++) {
        for (let i = 0; i < POOL; i++) {
          const object = objects[i];
          const end = object + 2 + i32[KINDS + (i32[object + 1] >>> 16)];
          for (let at = object + 2; at < end; at++) if (i32[at] !== 0) found++;
        }
      }
      return found;
    },
  };
}

/** [count << 8 | kind] [slots]: 20 bytes; 256 kinds, counts to 2^22, no room for a collector. */
function oneWord(): Record<string, Run> {
  const i32 = sharedWords(WORDS);
  const ONE = 1 << 8;
  const create = (object: number) => {
    i32[object] = SLOTS * ONE + KIND;
  };
  const objects = fill({ words: 5, i32, create });
  const incref = (object: number): void => {
    const word = i32[object];
    if (word < IMMORTAL) i32[object] = word + ONE;
  };
  const decref = (object: number): void => {
    const word = i32[object];
    if (word >= IMMORTAL) return;
    if (word >= 2 * ONE) i32[object] = word - ONE;
    else fail();
  };
  return {
    'store a reference': (operations) => {
      for (let round = 0; round < operations / POOL; round++) {
        for (let i = 0; i < POOL; i++) {
          const slot = objects[i] + 1;
          const target = objects[targetOf(i, round)];
          incref(target);
          const old = i32[slot];
          i32[slot] = target;
          decref(old);
        }
      }
      return operations;
    },
    'visit the references': (operations) => {
      let found = 0;
      for (let round = 0; round < operations / POOL; round++) {
        for (let i = 0; i < POOL; i++) {
          const object = objects[i];
          const end = object + 1 + i32[KINDS + (i32[object] & 0xff)];
          for (let at = object + 1; at < end; at++) if (i32[at] !== 0) found++;
        }
      }
      return found;
    },
  };
}

/** [count] [slots], the kind belongs to the page: 20 bytes; a page per kind, thread and size. */
function kindPerPage(): Record<string, Run> {
  const i32 = sharedWords(WORDS);
  const create = (object: number) => {
    i32[object] = SLOTS;
  };
  const objects = fill({ words: 5, i32, create });
  const incref = (object: number): void => {
    const count = i32[object];
    if (count > 0) i32[object] = count + 1;
    else if (count === 0) fail();
  };
  const decref = (object: number): void => {
    const count = i32[object];
    if (count > 1) i32[object] = count - 1;
    else if (count >= 0) fail();
  };
  return {
    'store a reference': (operations) => {
      for (let round = 0; round < operations / POOL; round++) {
        for (let i = 0; i < POOL; i++) {
          const slot = objects[i] + 1;
          const target = objects[targetOf(i, round)];
          incref(target);
          const old = i32[slot];
          i32[slot] = target;
          decref(old);
        }
      }
      return operations;
    },
    'visit the references': (operations) => {
      let found = 0;
      for (let round = 0; round < operations / POOL; round++) {
        for (let i = 0; i < POOL; i++) {
          const object = objects[i];
          const kind = i32[PAGE_TABLE + (object >>> PAGE_SHIFT)];
          const end = object + 1 + i32[KINDS + kind];
          for (let at = object + 1; at < end; at++) if (i32[at] !== 0) found++;
        }
      }
      return found;
    },
  };
}

export const headers: Experiment = {
  name: 'headers',
  question: 'What stands in front of an object: two words, one packed word, a count alone?',
  variants: [
    { name: '8 bytes: count, info (ours)', prepare: twoWords },
    { name: '4 bytes: count and kind packed', prepare: oneWord },
    { name: '4 bytes: count; kind per page', prepare: kindPerPage },
  ],
};
