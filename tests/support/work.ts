/**
 * Random work on containers of a heap without its facade: arrays, maps and sets that are filled,
 * changed, held by each other and by tuples, emptied and replaced. What is held from outside is
 * known at every moment.
 */
import {
  ARRAY_LENGTH,
  KIND_SET,
  MAP_ITERATORS,
  type ObjectRef,
  VALUE_WORDS,
} from '../../src/memory/layout.ts';
import {
  appendElement,
  createArray,
  moveElements,
  removeLast,
  replaceElement,
  reserveElements,
  resizeArray,
} from '../../src/object/array.ts';
import { createBytes } from '../../src/object/bytes.ts';
import { decref, dropValue } from '../../src/object/dealloc.ts';
import { kindOf } from '../../src/object/header.ts';
import {
  appendEntry,
  clearMap,
  createMap,
  createSet,
  deleteEntry,
  findEntry,
  replaceValue,
  reserveEntry,
} from '../../src/object/map.ts';
import { closeIterator, openIterator } from '../../src/object/map-chunks.ts';
import type { Mutator } from '../../src/object/mutator.ts';
import { incref } from '../../src/object/refcount.ts';
import { createString } from '../../src/object/string.ts';
import { createTuple } from '../../src/object/tuple.ts';
import {
  createBigint,
  createDate,
  encodeNumber,
  encodeReference,
  encodeSimple,
  hashValue,
  slot,
} from '../../src/object/value.ts';

type Random = (limit: number) => number;

/** The work of one run: containers held by locals, one count each. */
export class Work {
  /** Maps, and sets behind them. */
  readonly maps: ObjectRef[] = [];
  readonly arrays: ObjectRef[] = [];
  readonly random: Random;

  constructor(random: Random) {
    this.random = random;
  }

  get locals(): ObjectRef[] {
    return [...this.maps, ...this.arrays];
  }

  /** One random operation by `mem`. @throws HeapExhaustedError having changed nothing. */
  step(mem: Mutator): void {
    const { random } = this;
    const choice = random(20);
    if (choice === 0) this.replaceContainer(mem);
    else if (choice < 12) this.changeMap(mem, this.maps[random(this.maps.length)]);
    else this.changeArray(mem, this.arrays[random(this.arrays.length)]);
  }

  replaceContainer(mem: Mutator): void {
    const { random } = this;
    const list = random(2) === 0 ? this.maps : this.arrays;
    const i = random(list.length);
    if (list === this.maps && mem.i32[list[i] + MAP_ITERATORS] !== 0) return;
    const old = list[i];
    const fresh =
      list === this.arrays
        ? createArray(mem)
        : kindOf(mem, old) === KIND_SET
          ? createSet(mem)
          : createMap(mem);
    list[i] = fresh;
    decref(mem, old);
  }

  /** Leaves a random value in `slot`, owned by the caller. */
  encodeRandom(mem: Mutator, range: number): void {
    const { random } = this;
    const n = random(range);
    const choice = random(12);
    if (choice === 0) encodeNumber(n + 0.5);
    else if (choice === 1) encodeReference(createString(mem, `text ${n}`));
    else if (choice === 2) encodeReference(createString(mem, `${'a longer text '.repeat(3)}${n}`));
    else if (choice === 3) encodeReference(createBigint(mem, BigInt(n) * 2n ** 40n));
    else if (choice === 4) encodeSimple([true, false, null, undefined][random(4)]);
    else if (choice === 5) {
      const local = this.locals[random(this.locals.length)];
      incref(mem, local);
      encodeReference(local);
    } else if (choice === 6) encodeReference(createDate(mem, new Date(n)));
    else if (choice === 7) encodeReference(createBytes(mem, n, 0));
    else if (choice === 8) this.encodeTuple(mem, n);
    else encodeNumber(n);
  }

  /** Leaves a tuple of up to three values in `slot`: tuples in tuples among them. */
  encodeTuple(mem: Mutator, n: number): void {
    const words = new Int32Array(this.random(4) * VALUE_WORDS);
    let done = 0;
    try {
      for (; done < words.length; done += VALUE_WORDS) {
        this.encodeRandom(mem, n + 1);
        words.set(slot, done);
      }
      encodeReference(createTuple(mem, words));
    } catch (error) {
      for (let at = 0; at < done; at += VALUE_WORDS) dropValue(mem, words[at], words[at + 1]);
      throw error;
    }
  }

  changeMap(mem: Mutator, map: ObjectRef): void {
    const { random } = this;
    const choice = random(60);
    const iterators = mem.i32[map + MAP_ITERATORS];
    if (choice === 0) clearMap(mem, map);
    else if (choice === 1 && iterators === 0)
      openIterator(mem, map); // held by the local
    else if (choice < 5 && iterators > 0) closeIterator(mem, map);
    else this.changeEntry(mem, map);
  }

  changeEntry(mem: Mutator, map: ObjectRef): void {
    this.encodeRandom(mem, 300);
    const [low, high] = slot;
    try {
      this.setOrDelete(mem, map, low, high);
    } finally {
      dropValue(mem, low, high);
    }
  }

  /** Sets or deletes the entry of a key that the caller goes on to own. */
  setOrDelete(mem: Mutator, map: ObjectRef, low: number, high: number): void {
    const hash = hashValue(mem, low, high);
    const entry = findEntry(mem, map, low, high, hash);
    if (this.random(5) < 2) {
      if (entry !== 0) deleteEntry(mem, map, entry);
      return;
    }
    const isSet = kindOf(mem, map) === KIND_SET;
    if (entry !== 0) {
      if (isSet) return;
      this.encodeRandom(mem, 50);
      replaceValue(mem, map, entry);
      return;
    }
    reserveEntry(mem, map, hash);
    if (!isSet) this.encodeRandom(mem, 50);
    if (high === REFERENCE) incref(mem, low);
    appendEntry(mem, map, low, high, hash);
  }

  changeArray(mem: Mutator, array: ObjectRef): void {
    const { random } = this;
    const length = mem.i32[array + ARRAY_LENGTH];
    const choice = random(40);
    if (choice === 0) resizeArray(mem, array, random(3000));
    else if (choice === 1 && length > 3) moveElements(mem, array, 3, -2);
    else if (choice < 8 && length > 0) replaceLast(mem, array, length);
    else if (choice < 20 && length > 0) {
      this.encodeRandom(mem, 50);
      replaceElement(mem, array, random(length));
    } else {
      reserveElements(mem, array, length + 1);
      this.encodeRandom(mem, 50);
      appendElement(mem, array);
    }
  }
}

encodeReference(0 as ObjectRef);
const REFERENCE = slot[1];

/** Takes the last element away, after making it a number. */
function replaceLast(mem: Mutator, array: ObjectRef, length: number): void {
  encodeNumber(0);
  replaceElement(mem, array, length - 1);
  removeLast(mem, array);
}

/** Work on six maps, six sets and six arrays. */
export function startWork(mem: Mutator, random: Random): Work {
  const work = new Work(random);
  for (let i = 0; i < 6; i++) {
    work.maps.push(createMap(mem));
    work.arrays.push(createArray(mem));
  }
  for (let i = 0; i < 6; i++) work.maps.push(createSet(mem));
  return work;
}
