/**
 * The machine: runs a program on a heap and on the model at once, and compares.
 *
 * While it is exact, the model knows which objects exist, reachable or not: it is told of every
 * collection, also of automatic ones, by the heap's own figures. A collection whose moment cannot
 * be known (another thread's, or one in the middle of an operation) makes it inexact: then only
 * what is reachable is compared, until the next explicit full collection.
 */

import { HeapExhaustedError } from '../base/errors.ts';
import type { HeapGc } from '../gc.ts';
import type { Handle } from '../handle.ts';
import { type Heap, sessionOf } from '../heap.ts';
import { GC_GENERATION_MASK, GC_TRACKED, GENERATIONS, HEADER_INFO } from '../memory/layout.ts';
import type { HostileAllocation } from '../memory/memory.ts';
import type { Mutator } from '../object/mutator.ts';
import type { Session } from '../session.ts';
import type { StructClass } from '../struct.ts';
import { countMortal } from './census.ts';
import { readCollections } from './collections.ts';
import { readCrossovers } from './crossovers.ts';
import { failureOf, ProgramFailure } from './failure.ts';
import { Holders, type Register } from './holders.ts';
import { declareKinds, type ObjectShape } from './kinds.ts';
import { Model, ModelObject, type ModelValue } from './model.ts';
import { OPERATIONS, type Operation, plainValueOf, REGISTERS, rootName } from './operations.ts';
import type { Post } from './parcel.ts';
import { show } from './values.ts';

/** The shapes that letters of operations ask for: see `operations.ts`. */
const SHAPE_OF_LETTER: Readonly<Record<string, ObjectShape>> = { a: 'array', m: 'map', e: 'set' };

/** What an operation does. */
export type Action = (m: Machine, ...numbers: number[]) => void;

/** How a machine runs. */
export interface MachineOptions {
  /** Whether other threads use the heap, too: then collections run at any moment. */
  readonly isShared?: boolean;
  /** What the names of its named roots begin with. */
  readonly prefix?: string;
  /** How its parcels travel; without one nothing is handed over. */
  readonly post?: Post;
  /** Called before every operation. What it throws ends the program. */
  readonly onOperation?: () => void;
}

/** Runs operations on a heap and its model. */
export class Machine {
  readonly heap: Heap;
  readonly session: Session;
  readonly mem: Mutator;
  readonly gc: HeapGc;
  readonly model = new Model();
  readonly holders: Holders;
  readonly classes: (StructClass<Record<string, unknown>> | undefined)[];
  readonly prefix: string;
  readonly isShared: boolean;
  readonly post: Post | null;
  readonly onOperation: (() => void) | null;
  /** Names of the named roots by which parcels have come that were not taken from there yet. */
  readonly parcels: string[] = [];
  /** Parcels sent so far. */
  sent = 0;
  /** What makes allocations fail when no operation does: a hostile mode, if one is on. */
  hostility: HostileAllocation | null = null;
  /** Whether the model knows of every object that exists. */
  isExact: boolean;
  /** Whether collections may run beside the program. */
  isConcurrent = false;
  /** The sizes at which collections change their ways, as the heap was made. */
  readonly crossovers: readonly number[];
  /** Objects that can die and are not the model's. */
  readonly baseline: number;
  /** The operations as they were done: see `resolve`. */
  resolved: Operation[] = [];
  /** Operations done so far, and how many of them found no room. */
  operations = 0;
  exhausted = 0;
  /** Allocations that were made to fail: see `fail`. */
  hasFailed = false;
  #seen: number[];
  /** Whether the operation that is running has collected a full heap. */
  #isCollected = false;
  /** Registers that were overwritten by the operation that is running. */
  readonly #overwritten: Register[] = [];

  constructor(heap: Heap, options: MachineOptions = {}) {
    this.heap = heap;
    this.session = sessionOf(heap);
    this.mem = this.session.mem;
    this.gc = heap.gc;
    this.holders = new Holders(this.model);
    this.classes = declareKinds(heap);
    this.prefix = options.prefix ?? 'stress';
    this.isShared = options.isShared ?? false;
    this.post = options.post ?? null;
    this.onOperation = options.onOperation ?? null;
    this.isExact = !this.isShared;
    void heap.root;
    if (!this.isShared) this.gc.collect(GENERATIONS - 1);
    this.baseline = countMortal(heap);
    this.crossovers = readCrossovers(heap);
    this.#seen = readCollections(this.mem);
    this.#watchExhaustion();
  }

  /** Throws what must not have been thrown: anything but that there was no room. */
  static #refuse(error: unknown): void {
    if (error instanceof HeapExhaustedError) return;
    throw failureOf(error);
  }

  /**
   * Does one operation of the heap, then what it should have done to the model. When the heap has
   * no room the operation must have done nothing. Returns whether it was done.
   *
   * @param isComposite whether it has safepoints in its midst
   */
  perform<T>(call: () => T, effect: (result: T) => void, isComposite = false): boolean {
    let result: T;
    this.#isCollected = false;
    try {
      result = call();
    } catch (error) {
      Machine.#refuse(error);
      this.exhausted++;
      if (this.hasFailed) this.endFailing();
      this.#noticeCollections('before', isComposite);
      return false;
    }
    if (this.hasFailed) this.endFailing();
    effect(result);
    this.#noticeCollections('after', isComposite);
    for (let old = this.#overwritten.pop(); old !== undefined; old = this.#overwritten.pop()) {
      this.discard(old);
    }
    return true;
  }

  /** Ends the failing of allocations that an operation has begun. */
  endFailing(): void {
    this.hasFailed = false;
    this.mem.hostile = this.hostility;
  }

  /** Runs `body` while no allocation is made to fail. */
  calmly(body: () => void): void {
    this.endFailing();
    this.mem.hostile = null;
    try {
      body();
    } finally {
      this.mem.hostile = this.hostility;
    }
  }

  /**
   * A full heap is about to be collected in the midst of an operation, which begins again then.
   * Until there nothing has changed but, perhaps, that there is a new object.
   */
  #watchExhaustion(): void {
    const { collections } = this.session;
    const { afterExhaustion } = collections;
    collections.afterExhaustion = () => {
      const [before] = readCollections(this.mem).slice(-1);
      const isCollected = afterExhaustion.call(collections);
      const [after] = readCollections(this.mem).slice(-1);
      if (after !== before && !this.isShared) {
        this.#seen[GENERATIONS - 1] = after as number;
        this.#isCollected = true;
        if (this.isExact) this.model.collect(GENERATIONS - 1);
      }
      return isCollected;
    };
  }

  /** Does in the model what collections have done since it was last looked. */
  #noticeCollections(when: 'before' | 'after', isComposite: boolean): void {
    const counts = readCollections(this.mem);
    const ran = counts.map((count, g) => count - (this.#seen[g] as number));
    const sum = ran.reduce((total, n) => total + n, 0);
    if (sum === 0) return;
    this.#seen = counts;
    if (!this.isExact) return;
    if (isComposite || (when === 'after' && sum > 1)) {
      this.isExact = false;
      return;
    }
    for (let g = GENERATIONS - 1; g >= 0; g--) {
      for (let n = ran[g] as number; n > 0; n--) this.model.collect(g);
    }
  }

  /** A collection that the program has asked for has ended; the model knows it. */
  noteCollection(): void {
    this.#seen = readCollections(this.mem);
  }

  /** From here on the model is exact: generations and tracking are read from the heap. */
  synchronize(): void {
    if (this.isShared || this.isConcurrent) return;
    this.isExact = true;
    for (const object of this.model.alive) this.#adjust(object);
  }

  #adjust(object: ModelObject): void {
    const info = this.mem.i32[object.address + HEADER_INFO] as number;
    this.model.adjust(object, (info & GC_TRACKED) !== 0, info & GC_GENERATION_MASK);
  }

  /** A new object of the heap, with a handle that the running frame owns. */
  adopt(kind: number, handle: Handle): Register {
    const object = this.model.add(kind, handle.$ref);
    // A collection between its allocation and the keeping of its handle has made it older.
    if (this.#isCollected) this.#adjust(object);
    return this.holders.acquire(object, handle);
  }

  /** Puts an acquisition into register `t`; what was there ends after the running operation. */
  assign(t: number, register: Register): void {
    const { registers } = this.holders;
    const old = registers[t] as Register | null;
    registers[t] = register;
    if (old !== null) this.#overwritten.push(old);
  }

  /** Ends the acquisition of a register that is empty by now. */
  discard(register: Register): void {
    const { handle } = register;
    switch (this.holders.endingOf(register)) {
      case 'pin':
        this.holders.pin(register);
        return;
      case 'release':
        this.perform(
          () => handle.release(),
          () => this.holders.end(register),
        );
        return;
      default:
        this.perform(
          () => handle[Symbol.dispose](),
          () => this.holders.end(register),
        );
    }
  }

  /** The name of a named root of this program. */
  rootName(k: number): string {
    return `${this.prefix} ${rootName(k)}`;
  }

  /** The object in register `q`, if it has one of this shape. */
  read(q: number, shape?: ObjectShape): Register | null {
    const register = this.holders.registers[q % REGISTERS] as Register | null;
    if (register === null) return null;
    return shape === undefined || register.object.spec.shape === shape ? register : null;
  }

  /**
   * The numbers of an operation as they apply now: registers that are to be read are those that
   * have something suitable in them. Programs would do nothing most of the time otherwise.
   */
  resolve([name, ...numbers]: Operation): Operation {
    const letters: string = OPERATIONS[name].numbers;
    const resolved = numbers.map((n, i) => {
      const letter = letters[i] as string;
      if (letter === 'q') return this.#findRegister(n);
      const shape = SHAPE_OF_LETTER[letter];
      return shape === undefined ? n : this.#findRegister(n, shape);
    });
    return [name, ...resolved];
  }

  #findRegister(q: number, shape?: ObjectShape): number {
    for (let i = 0; i < REGISTERS; i++) {
      const r = (q + i) % REGISTERS;
      if (this.read(r, shape) !== null) return r;
    }
    return q;
  }

  /** What number `v` stands for: for the heap, and for the model. */
  valueOf(v: number): { actual: unknown; model: ModelValue } {
    if (v >= REGISTERS) {
      const value = plainValueOf(v);
      return { actual: value, model: value };
    }
    const register = this.holders.registers[v] as Register | null;
    if (register === null) return { actual: null, model: null };
    return { actual: register.handle, model: register.object };
  }

  /** Fails unless `actual` is what the model has. */
  expectValue(actual: unknown, expected: ModelValue, what: string): void {
    if (isSame(actual, expected)) return;
    const wanted =
      expected instanceof ModelObject
        ? `${expected.spec.name} ${expected.address}`
        : show(expected);
    const found = isHandle(actual) ? `object ${actual.$ref}` : show(actual);
    throw new ProgramFailure('difference', `${what} is ${found}, not ${wanted}`);
  }
}

function isHandle(value: unknown): value is Handle {
  return typeof value === 'object' && value !== null && '$ref' in value;
}

/** Whether a value of the heap is what the model has. */
function isSame(actual: unknown, expected: ModelValue): boolean {
  if (expected instanceof Date) {
    if (isHandle(actual) || !(actual instanceof Date)) return false;
    return Object.is(actual.getTime(), expected.getTime());
  }
  if (!(expected instanceof ModelObject)) return Object.is(actual, expected);
  return isHandle(actual) && actual.$ref === expected.address;
}
