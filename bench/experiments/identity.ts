/**
 * How is the handle of an object found? In each scope of 256 accesses every object gets a handle
 * that is counted, listed and found again once; the end of the scope ends them all. The handle's
 * own cost is in all rows.
 */

import { type Experiment, type Run, sharedWords, shuffled } from './experiment.ts';

const PAGE_SHIFT = 14;
const FIRST = 8 << PAGE_SHIFT;
const OBJECT_WORDS = 8;
const SCOPE = 256;
const NEAR = 1 << 8; // objects: in the first-level cache
const FAR = 1 << 16;
const WORDS = FIRST + FAR * OBJECT_WORDS;
const GRANULE_SHIFT = 2; // blocks are no smaller than 4 words

class Handle {
  ref: number;
  row = 0;
  local = 0;
  constructor(ref: number) {
    this.ref = ref;
  }
}

/** Where the number of an object's handle is kept: 0 for none. */
interface Numbers {
  get(ref: number): number;
  set(ref: number, number: number): void;
  /** The handles end in the order opposite to that in which they came. */
  clear(ref: number): void;
}

function runsWith(newNumbers: () => Numbers): Record<string, Run> {
  const i32 = sharedWords(WORDS);
  const numbers = newNumbers();
  const locals: Handle[] = [];
  const found = new Array<Handle>(SCOPE);
  const wrap = (ref: number): Handle => {
    const number = numbers.get(ref);
    if (number !== 0) return locals[number - 1]!;
    i32[ref]++;
    const handle = new Handle(ref);
    handle.local = locals.push(handle);
    numbers.set(ref, handle.local);
    return handle;
  };
  const close = (): void => {
    while (locals.length > 0) {
      const { ref } = locals.at(-1)!;
      locals.pop()!.ref = 0;
      numbers.clear(ref);
      i32[ref]--;
    }
  };
  const near = shuffled(NEAR, (i) => FIRST + i * OBJECT_WORDS);
  const far = shuffled(FAR, (i) => FIRST + i * OBJECT_WORDS);
  const run = (refs: Int32Array, operations: number): number => {
    const mask = refs.length - 1;
    let same = 0;
    for (let done = 0; done < operations; done += SCOPE) {
      for (let i = 0; i < SCOPE; i++) found[i] = wrap(refs[(done + i) & mask]);
      for (let i = 0; i < SCOPE; i++) if (wrap(refs[(done + i) & mask]) === found[i]) same++;
      close();
    }
    return same;
  };
  return {
    '256 objects': (operations) => run(near, operations),
    '65,536 objects': (operations) => run(far, operations),
  };
}

function tablePerPage(): Record<string, Run> {
  const pages: (Int32Array | undefined)[] = [];
  const mask = (1 << (PAGE_SHIFT - GRANULE_SHIFT)) - 1;
  const addPage = (page: number): Int32Array => {
    while (pages.length <= page) pages.push(undefined);
    const added = new Int32Array(mask + 1);
    pages[page] = added;
    return added;
  };
  const pageOf = (ref: number): Int32Array =>
    pages[ref >>> PAGE_SHIFT] ?? addPage(ref >>> PAGE_SHIFT);
  return runsWith(() => ({
    get: (ref) => pageOf(ref)[(ref >>> GRANULE_SHIFT) & mask],
    set: (ref, number) => {
      pageOf(ref)[(ref >>> GRANULE_SHIFT) & mask] = number;
    },
    clear: (ref) => {
      pageOf(ref)[(ref >>> GRANULE_SHIFT) & mask] = 0;
    },
  }));
}

/** Address space for the whole heap. Shared only in type: V8 counts no such buffer as its own. */
function flatTable(): Record<string, Run> {
  const table = sharedWords(WORDS >>> GRANULE_SHIFT);
  return runsWith(() => ({
    get: (ref) => table[ref >>> GRANULE_SHIFT],
    set: (ref, number) => {
      table[ref >>> GRANULE_SHIFT] = number;
    },
    clear: (ref) => {
      table[ref >>> GRANULE_SHIFT] = 0;
    },
  }));
}

function jsMap(): Record<string, Run> {
  const map = new Map<number, number>();
  return runsWith(() => ({
    get: (ref) => map.get(ref) ?? 0,
    set: (ref, number) => map.set(ref, number),
    clear: (ref) => map.delete(ref),
  }));
}

/** Linear probing, a quarter full. Handles end in reverse order: nothing has to be moved then. */
function hashTable(): Record<string, Run> {
  const mask = 4 * SCOPE - 1;
  const keys = new Int32Array(mask + 1);
  const values = new Int32Array(mask + 1);
  const placeOf = (ref: number): number => {
    let place = (Math.imul(ref, 0x9e3779b1) >>> 16) & mask;
    while (keys[place] !== ref && keys[place] !== 0) place = (place + 1) & mask;
    return place;
  };
  return runsWith(() => ({
    get: (ref) => values[placeOf(ref)],
    set: (ref, number) => {
      const place = placeOf(ref);
      keys[place] = ref;
      values[place] = number;
    },
    clear: (ref) => {
      const place = placeOf(ref);
      keys[place] = 0;
      values[place] = 0;
    },
  }));
}

export const identity: Experiment = {
  name: 'identity',
  question: 'How is the handle of an object found, made, found again and ended?',
  variants: [
    { name: 'table per page', prepare: tablePerPage },
    { name: 'one flat table (ours)', prepare: flatTable },
    { name: 'JavaScript Map', prepare: jsMap },
    { name: 'private hash table', prepare: hashTable },
  ],
};
