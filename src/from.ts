/**
 * `heap.from`: copies of ordinary values in the heap. What is shared or in a cycle is so in the
 * copy.
 *
 * Objects are copied breadth first, from a list of sources that grows as they are found. So depth
 * costs no stack, and every source's copy exists, empty, before what refers to it is filled.
 *
 *   allocate  under the lock: the empty copy of a source; its kind follows from the source's class
 *   read      without the lock: what the source holds. Getters are code of the program
 *   fill      under the lock: stores what was read, allocating what is met for the first time
 *
 * Sources are read and filled in batches, so that no section is long. In between collections may
 * come, and other code may find half-made copies (`gc.getObjects()`) and change them: so each copy
 * is counted once more until all are made. When something goes wrong all of them die.
 */

import { types } from 'node:util';
import { HeapExhaustedError, NotShareableError } from './base/errors.ts';
import { encode, type Shareable } from './codec.ts';
import { type Copies, Storages } from './from-bytes.ts';
import { allocateCopy, type Plan } from './from-classes.ts';
import {
  checkShape,
  emptyCopy,
  isPlainData,
  placeName,
  readSource,
  storeNext,
} from './from-steps.ts';
import { Handle } from './handle.ts';
import { type ObjectRef, VALUE_HIGH, VALUE_LOW } from './memory/layout.ts';
import { decref, dropValue } from './object/dealloc.ts';
import { incref } from './object/refcount.ts';
import { hold, reserveHold, unhold } from './object/rows.ts';
import { encodeReference, slot } from './object/value.ts';
import { handleOfProxy } from './proxy-targets.ts';
import type { Session } from './session.ts';

/** Values that are read, or stored, at a time: some 100 us each. */
const BATCH = 2048;

/** Copies `value` into the heap. See `Heap.from`. */
export function copyFrom(session: Session, value: unknown): Shareable {
  if (types.isProxy(value)) {
    return session.single(
      checkOperation,
      handleBehind(value as object, () => 'value'),
    );
  }
  if (!isSource(value)) return session.single(checkOperation, value);
  return new Importer(session).copy(value as object);
}

/** The handle that a proxy stands for. Asked first: any other question may run code of a proxy. */
function handleBehind(value: object, path: () => string): Handle {
  const handle = handleOfProxy(value);
  if (handle === undefined) throw new NotShareableError(path(), 'it is a Proxy');
  return handle;
}

/** Whether a value is an object with parts. Dates are told by what they are, not by their class. */
const isSource = (value: unknown): boolean =>
  typeof value === 'object' && value !== null && !(value instanceof Handle) && !types.isDate(value);

/** A date for `encode`, which knows only those of this realm. */
const dateOf = (value: unknown): unknown =>
  types.isDate(value) && !(value instanceof Date)
    ? new Date(Date.prototype.getTime.call(value))
    : value;

/** Values that need no copy are checked, and stay as they are. @throws NotShareableError */
function checkOperation(session: Session, value: unknown): Shareable {
  encode(session, dateOf(value), 'value');
  dropValue(session.mem, slot[VALUE_LOW], slot[VALUE_HIGH]);
  return value as Shareable;
}

/** One call of `heap.from`. */
export class Importer implements Copies {
  readonly session: Session;
  readonly storages = new Storages();
  /** How the last plain object of a shape is filled. */
  lastPlan: Plan | null = null;
  /** Copies by their sources. */
  readonly #copies = new Map<object, ObjectRef>();
  // Side by side, by number: the source, its copy, how it is filled.
  readonly #sources: object[] = [];
  readonly #targets: ObjectRef[] = [];
  readonly #plans: Plan[] = [];
  /** For error messages: in which source each was found first, and as which of its values. */
  readonly #parents: number[] = [];
  readonly #places: number[] = [];
  /** What was read of the sources from `#first` on: their values one after the other. */
  #values: unknown[] = [];
  readonly #ends: number[] = [];
  #first = 0;
  /** The source that is being filled, counted from `#first`, and its next value. */
  #current = 0;
  #next = 0;
  /** Which of the values that are stored together is being stored. */
  #part = 0;
  /** Copies, dates among them, each of which is counted once for this. */
  readonly #owned: ObjectRef[] = [];
  /** Once that is so, some may be gone. */
  #isMade = false;
  readonly #path = () => this.#pathOfNext();

  constructor(session: Session) {
    this.session = session;
  }

  copy(root: object): Handle {
    const { session } = this;
    const letGo = () => this.#giveUp();
    let handle: Handle | undefined;
    session.onLeave.add(letGo); // a getter may make this thread leave the heap
    try {
      handle = session.single(rootOperation, this as Importer, root);
      while (this.#first < this.#sources.length) {
        this.#read();
        while (this.#current < this.#ends.length) {
          session.run(() => this.#fill(), Number.POSITIVE_INFINITY);
        }
        this.#first += this.#ends.length;
      }
      this.#releaseAll();
      return handle;
    } catch (error) {
      if (session.isOpen) session.run(letGo, Number.POSITIVE_INFINITY);
      handle?.[Symbol.dispose]();
      throw error;
    } finally {
      session.onLeave.delete(letGo);
    }
  }

  /** The copy of the root, which its handle will hold. */
  allocateRoot(root: object): ObjectRef {
    this.#sources.length = 0; // of a first attempt that found the heap full
    this.#copies.clear();
    const { ref } = this.#allocate(root);
    incref(this.session.mem, ref);
    return ref;
  }

  #allocate(source: object): { ref: ObjectRef } {
    const number = this.#sources.length;
    reserveHold(this.session.mem);
    const copy = allocateCopy(this, source, this.#path);
    this.#sources[number] = source;
    this.#targets[number] = copy.ref;
    this.#plans[number] = copy.plan;
    this.#parents[number] = this.#first + this.#current;
    this.#places[number] = this.#placeOfNext();
    this.#noteCopy(source, copy.ref);
    return copy;
  }

  #noteCopy(source: object, ref: ObjectRef): void {
    this.#copies.set(source, ref);
    this.#owned.push(ref);
    hold(this.session.mem, ref); // others learn by that what holds it meanwhile
  }

  /** Reads sources until there are enough values. */
  #read(): void {
    const values: unknown[] = [];
    this.#values = values;
    this.#ends.length = 0;
    this.#current = 0;
    this.#next = 0;
    const { length } = this.#sources;
    for (let i = this.#first; i < length && values.length < BATCH; i++) {
      readSource(this.#sources[i], this.#plans[i], values);
      this.#ends.push(values.length);
    }
  }

  /** Stores at least one of the values that were read, and some more. The lock is held. */
  #fill(): void {
    const last = this.#next + BATCH;
    try {
      this.#fillUntil(last);
    } catch (error) {
      if (!(error instanceof HeapExhaustedError)) throw error;
      if (!this.session.collections.afterExhaustion()) throw error;
      this.#fillUntil(this.#next + 1); // once more; if there is no room now, there is none
    }
  }

  /** All is made: the copies are counted by what holds them. */
  #releaseAll(): void {
    this.#isMade = true;
    while (this.#owned.length !== 0) {
      this.session.run(() => this.#release(BATCH), Number.POSITIVE_INFINITY);
    }
  }

  #release(most: number): void {
    const owned = this.#owned;
    for (let i = 0; i < most && owned.length !== 0; i++) {
      unhold(this.session.mem);
      decref(this.session.mem, owned.pop() as ObjectRef);
    }
  }

  #fillUntil(last: number): void {
    while (this.#current < this.#ends.length) {
      const number = this.#first + this.#current;
      this.#fillOne(this.#targets[number], this.#plans[number], last);
      if (this.#next >= last) return;
      if (++this.#current === this.#ends.length) this.#readOnePlain();
    }
  }

  /** Fills the copy of the current source, up to the value number `last` of all. */
  #fillOne(target: ObjectRef, plan: Plan, last: number): void {
    const begin = this.#current === 0 ? 0 : this.#ends[this.#current - 1];
    const end = Math.min(this.#ends[this.#current], last);
    if (plan.form === 'properties') checkShape(this.session.mem, target, plan);
    while (this.#next < end) {
      this.#part = 0;
      storeNext(this, target, plan, this.#values, this.#next, this.#next - begin);
      this.#next += plan.valuesPerStep;
    }
  }

  /**
   * Everything that was read is stored. When reading the next source runs no code of the program,
   * it is read at once: in a long chain each is known only when the one before it is filled.
   */
  #readOnePlain(): void {
    const number = this.#first + this.#ends.length;
    if (number === this.#sources.length || this.#values.length >= BATCH) return;
    const source = this.#sources[number];
    if (!isPlainData(source, this.#plans[number])) return;
    readSource(source, this.#plans[number], this.#values);
    this.#ends.push(this.#values.length);
  }

  /**
   * Encodes a value into `slot`, counted for who stores it.
   *
   * @param part which it is of those that are stored together
   */
  encode(value: unknown, part = 0): void {
    this.#part = part;
    if (typeof value !== 'object' || value === null) {
      encode(this.session, value, this.#path);
      return;
    }
    const known = this.#copies.get(value);
    if (known !== undefined) {
      this.#encodeCopy(known);
      return;
    }
    if (types.isProxy(value)) {
      encode(this.session, handleBehind(value, this.#path), this.#path);
      return;
    }
    if (!isSource(value)) {
      const isDate = !(value instanceof Handle);
      if (isDate) reserveHold(this.session.mem);
      encode(this.session, dateOf(value), this.#path);
      if (isDate) this.#noteDate(value, slot[VALUE_LOW] as ObjectRef);
      return;
    }
    this.#encodeCopy(this.#allocate(value).ref);
  }

  #noteDate(value: object, date: ObjectRef): void {
    incref(this.session.mem, date);
    this.#noteCopy(value, date);
  }

  #encodeCopy(ref: ObjectRef): void {
    incref(this.session.mem, ref);
    encodeReference(ref);
  }

  /** All copies die, those in cycles too: each is emptied while all are held. The lock is held. */
  #giveUp(): void {
    const { mem } = this.session;
    for (let i = 0; i < this.#sources.length && !this.#isMade; i++) {
      emptyCopy(mem, this.#targets[i], this.#plans[i]);
    }
    this.#release(Number.POSITIVE_INFINITY);
  }

  /** Which of its source's values the next one is. */
  #placeOfNext(): number {
    const begin = this.#current === 0 ? 0 : this.#ends[this.#current - 1];
    return this.#next - begin + this.#part;
  }

  /** Where the value that is being stored stands, as a program would write it. */
  #pathOfNext(): string {
    if (this.#ends.length === 0) return 'value';
    let path = '';
    let number = this.#first + this.#current;
    let place = this.#placeOfNext();
    for (;;) {
      path = placeName(this.#sources[number], this.#plans[number], place) + path;
      if (number === 0) return `value${path}`;
      place = this.#places[number];
      number = this.#parents[number];
    }
  }
}

function rootOperation(session: Session, importer: Importer, root?: object): Handle {
  return session.handles.adopt(importer.allocateRoot(root as object));
}
