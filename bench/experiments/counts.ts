/** What do counts cost that several threads may change at once? */

import { type Experiment, type Run, sharedWords } from './experiment.ts';

const WORDS = 1 << 18;
const POOL = 256;
const FIRST = 8 << 14;
const OBJECT_WORDS = 6;
const SLOT = 2;
const REFERENCES = 3; // of each object, at the start: from elsewhere, too

const targetOf = (index: number, round: number) => (index + round) & (POOL - 1);

function fail(): never {
  throw new Error('a count is wrong');
}

function objectsIn(i32: Int32Array): Int32Array {
  const objects = Int32Array.from({ length: POOL }, (_, i) => FIRST + i * OBJECT_WORDS);
  for (const object of objects) {
    i32[object] = REFERENCES;
    i32[object + SLOT] = object;
  }
  return objects;
}

const sumOfCounts = (i32: Int32Array, objects: Int32Array) =>
  objects.reduce((sum, object) => sum + i32[object], 0);

function plain(): Record<string, Run> {
  const i32 = sharedWords(WORDS);
  const objects = objectsIn(i32);
  return {
    'store a reference': (operations) => {
      for (let round = 0; round < operations / POOL; round++) {
        for (let i = 0; i < POOL; i++) {
          const slot = objects[i] + SLOT;
          const target = objects[targetOf(i, round)];
          const raised = i32[target];
          if (raised <= 0) fail();
          i32[target] = raised + 1;
          const old = i32[slot];
          i32[slot] = target;
          const lowered = i32[old];
          if (lowered <= 1) fail();
          i32[old] = lowered - 1;
        }
      }
      return sumOfCounts(i32, objects);
    },
  };
}

function atomic(): Record<string, Run> {
  const i32 = sharedWords(WORDS);
  const objects = objectsIn(i32);
  return {
    'store a reference': (operations) => {
      for (let round = 0; round < operations / POOL; round++) {
        for (let i = 0; i < POOL; i++) {
          const slot = objects[i] + SLOT;
          const target = objects[targetOf(i, round)];
          if (Atomics.add(i32, target, 1) <= 0) fail();
          const old = i32[slot];
          i32[slot] = target;
          if (Atomics.sub(i32, old, 1) <= 1) fail();
        }
      }
      return sumOfCounts(i32, objects);
    },
  };
}

/** As `counts: 'atomic'` does it: immortal objects are looked for before the count is changed. */
function atomicChecked(): Record<string, Run> {
  const i32 = sharedWords(WORDS);
  const objects = objectsIn(i32);
  return {
    'store a reference': (operations) => {
      for (let round = 0; round < operations / POOL; round++) {
        for (let i = 0; i < POOL; i++) {
          const slot = objects[i] + SLOT;
          const target = objects[targetOf(i, round)];
          if (Atomics.load(i32, target) > 0) Atomics.add(i32, target, 1);
          const old = i32[slot];
          i32[slot] = target;
          if (Atomics.load(i32, old) > 0 && Atomics.sub(i32, old, 1) <= 1) fail();
        }
      }
      return sumOfCounts(i32, objects);
    },
  };
}

export const counts: Experiment = {
  name: 'counts',
  question: 'What do counts cost that several threads may change at once?',
  variants: [
    { name: 'plain, under the lock (ours)', prepare: plain },
    { name: 'Atomics.add, Atomics.sub', prepare: atomic },
    { name: "load, then add or sub: counts: 'atomic'", prepare: atomicChecked },
  ],
};
