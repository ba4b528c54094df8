/** How is a slot encoded that holds any value? Slots of int32, of fractions, of references. */

import { type Experiment, type Run, sharedWords } from './experiment.ts';

const COUNT = 256; // values, in a pool that stays in the first-level cache
const FIRST = 1 << 16; // index of the first value

// Tags live in the space of negative quiet NaNs, in the high word.
const TAG_MIN = 0xfff9_0000 | 0;
const TAG_REFERENCE = 0xfff9_0000 | 0;
const TAG_INT32 = 0xfffa_0000 | 0;
const HIGH = 1;

// Tags of their own, beside the payload.
const IS_FLOAT = 0;
const IS_INT32 = 1;
const IS_REFERENCE = 2;

const integerAt = (index: number) => index * 3 - 100;
const fractionAt = (index: number) => index / 4 + 0.125;
/** What a reference counts for in the sums. */
const REFERENCE_SUM = 7;

interface Encoding {
  write(index: number, value: number): void;
  writeReference(index: number, ref: number): void;
  /** The number; of a reference, REFERENCE_SUM. */
  read(index: number): number;
}

function runsWith({ write, writeReference, read }: Encoding): Record<string, Run> {
  const sumOf = (first: number, operations: number): number => {
    let sum = 0;
    for (let round = 0; round < operations / COUNT; round++) {
      for (let i = first; i < first + COUNT; i++) sum += read(i);
    }
    return sum;
  };
  const mixed = FIRST + COUNT;
  const integers = FIRST + 2 * COUNT;
  for (let i = 0; i < COUNT; i++) {
    write(integers + i, integerAt(i));
    if (i % 4 === 0) writeReference(mixed + i, i + 1);
    else write(mixed + i, i % 4 === 1 ? fractionAt(i) : integerAt(i));
  }
  return {
    'write an int32': (operations) => {
      for (let round = 0; round < operations / COUNT; round++) {
        for (let i = 0; i < COUNT; i++) write(FIRST + i, round ^ i);
      }
      return read(FIRST + COUNT - 1);
    },
    'read int32s': (operations) => sumOf(integers, operations),
    'read int32s, as integers': (operations) => {
      let sum = 0;
      for (let round = 0; round < operations / COUNT; round++) {
        for (let i = integers; i < integers + COUNT; i++) sum = (sum + read(i)) | 0;
      }
      return sum;
    },
    'read int32s, fractions, references': (operations) => sumOf(mixed, operations),
    'write a fraction': (operations) => {
      for (let round = 0; round < operations / COUNT; round++) {
        for (let i = 0; i < COUNT; i++) write(FIRST + i, (round ^ i) + 0.5);
      }
      return read(FIRST + COUNT - 1);
    },
  };
}

const WORDS = 1 << 18;

function nanBoxed(): Record<string, Run> {
  const i32 = sharedWords(WORDS);
  const f64 = new Float64Array(i32.buffer);
  return runsWith({
    write: (index, value) => {
      const low = value | 0;
      if (low === value && (low !== 0 || 1 / value > 0)) {
        i32[2 * index] = low;
        i32[2 * index + HIGH] = TAG_INT32;
      } else {
        f64[index] = Number.isNaN(value) ? Number.NaN : value; // of all NaNs only one is stored
      }
    },
    writeReference: (index, ref) => {
      i32[2 * index] = ref;
      i32[2 * index + HIGH] = TAG_REFERENCE;
    },
    read: (index) => {
      const high = i32[2 * index + HIGH];
      if (high === TAG_INT32) return i32[2 * index];
      if (high < TAG_MIN || high >= 0) return f64[index];
      return REFERENCE_SUM;
    },
  });
}

function separateTags(): Record<string, Run> {
  const i32 = sharedWords(WORDS);
  const f64 = new Float64Array(i32.buffer);
  const tags = sharedWords(WORDS >>> 1);
  return runsWith({
    write: (index, value) => {
      const low = value | 0;
      if (low === value && (low !== 0 || 1 / value > 0)) {
        i32[2 * index] = low;
        tags[index] = IS_INT32;
      } else {
        f64[index] = value;
        tags[index] = IS_FLOAT;
      }
    },
    writeReference: (index, ref) => {
      i32[2 * index] = ref;
      tags[index] = IS_REFERENCE;
    },
    read: (index) => {
      const tag = tags[index];
      if (tag === IS_INT32) return i32[2 * index];
      if (tag === IS_FLOAT) return f64[index];
      return REFERENCE_SUM;
    },
  });
}

/** Numbers are float64 and nothing else; what is no number hides in NaNs. */
function alwaysFloat(): Record<string, Run> {
  const i32 = sharedWords(WORDS);
  const f64 = new Float64Array(i32.buffer);
  return runsWith({
    write: (index, value) => {
      f64[index] = Number.isNaN(value) ? Number.NaN : value; // of all NaNs only one is stored
    },
    writeReference: (index, ref) => {
      i32[2 * index] = ref;
      i32[2 * index + HIGH] = TAG_REFERENCE;
    },
    read: (index) => {
      const value = f64[index];
      if (!Number.isNaN(value)) return value;
      return i32[2 * index + HIGH] === TAG_REFERENCE ? REFERENCE_SUM : value;
    },
  });
}

export const values: Experiment = {
  name: 'values',
  question: 'How is a slot encoded that holds any value?',
  variants: [
    { name: 'NaN boxes with an int32 tag (ours)', prepare: nanBoxed },
    { name: 'tags in words of their own: 12 bytes', prepare: separateTags },
    { name: 'always float64', prepare: alwaysFloat },
  ],
};
