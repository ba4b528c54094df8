/**
 * What the threads of the storm have committed, kept outside of the heap, and what they and the
 * main thread tell each other. All of it is words of one shared array:
 *
 *   words of all           pause | stop | slow recovery | slot that recovers + 1
 *   by slot                state | doom | ready | operations | system's thread
 *                          | intent | number of changes | changes: cell, value ... | committed ...
 *
 * A slot is a line of threads: when one is killed, another takes its place. Only the thread of a
 * slot writes the slot's words, but for its doom, which the main thread sets. A thread writes down
 * what it is about to commit before it does; so whoever takes its place knows that either all of
 * that is in the heap, or what was committed before.
 */

/** Cells of a slot that hold any value. */
export const CELLS = 24;
/** Cells that count: items put into the queue of items and taken out of it, and their sums. */
export const CELL_PRODUCED = CELLS;
export const CELL_PRODUCED_SUM = CELLS + 1;
export const CELL_CONSUMED = CELLS + 2;
export const CELL_CONSUMED_SUM = CELLS + 3;
export const COUNTS = 4;
/** A cell that is a reference in transit: its key, and what value was sent. */
export const CELL_TOKEN = CELLS + COUNTS;
export const CELL_SENT = CELL_TOKEN + 1;
export const ALL_CELLS = CELL_SENT + 1;

/** What the thread of a slot does. */
export const STARTING = 0;
export const ATTACHING = 1;
export const RUNNING = 2;
export const PAUSED = 3;
export const ENDED = 4;

/** How a thread is to die: what it begins when it finds that in its slot. */
export const DOOMS = ['none', 'outside', 'holding', 'reading', 'collecting'] as const;
export type Doom = (typeof DOOMS)[number];

/** What is about to be committed must be undone, since the section throws. */
const INTENT_NONE = 0;
const INTENT_COMMIT = 1;
const INTENT_UNDO = 2;

const PAUSE = 0;
const STOP = 1;
const SLOW = 2;
const RECOVERER = 3;
const SLOTS = 8;

const STATE = 0;
const DOOM = 1;
const READY = 2;
const OPERATIONS = 3;
const OS_THREAD = 4;
const INTENT = 5;
const CHANGES = 6;
const FIRST_CHANGE = 7;
const COMMITTED = FIRST_CHANGE + 2 * ALL_CELLS;
const SLOT_WORDS = COMMITTED + ALL_CELLS;

/** Values by cell. */
export type Changes = ReadonlyMap<number, number>;

/** The memory of a ledger with so many slots. */
export const createLedger = (slots: number): SharedArrayBuffer =>
  new SharedArrayBuffer((SLOTS + slots * SLOT_WORDS) * Int32Array.BYTES_PER_ELEMENT);

/** What concerns all slots. */
export class Ledger {
  readonly words: Int32Array;

  constructor(memory: SharedArrayBuffer) {
    this.words = new Int32Array(memory);
  }

  slot(number: number): Slot {
    return new Slot(this.words, number);
  }

  get isPausing(): boolean {
    return Atomics.load(this.words, PAUSE) === 1;
  }

  /** All threads come to rest, or go on. */
  setPause(isPausing: boolean): void {
    Atomics.store(this.words, PAUSE, isPausing ? 1 : 0);
    Atomics.notify(this.words, PAUSE);
  }

  /** Blocks while the storm pauses. */
  waitWhilePausing(): void {
    while (this.isPausing) Atomics.wait(this.words, PAUSE, 1, 1000);
  }

  get isStopping(): boolean {
    return Atomics.load(this.words, STOP) === 1;
  }

  stop(): void {
    Atomics.store(this.words, STOP, 1);
  }

  /** Whether whoever recovers is to take its time. */
  get isSlow(): boolean {
    return Atomics.load(this.words, SLOW) === 1;
  }

  setSlow(isSlow: boolean): void {
    Atomics.store(this.words, RECOVERER, 0);
    Atomics.store(this.words, SLOW, isSlow ? 1 : 0);
  }

  /** The slot whose thread recovers what another has left; -1: none. */
  get recoverer(): number {
    return Atomics.load(this.words, RECOVERER) - 1;
  }

  set recoverer(slot: number) {
    Atomics.store(this.words, RECOVERER, slot + 1);
  }
}

/** The words of one slot. */
export class Slot {
  readonly number: number;
  readonly #words: Int32Array;
  readonly #at: number;

  constructor(words: Int32Array, number: number) {
    this.number = number;
    this.#words = words;
    this.#at = SLOTS + number * SLOT_WORDS;
  }

  #load(word: number): number {
    return Atomics.load(this.#words, this.#at + word);
  }

  #store(word: number, value: number): void {
    Atomics.store(this.#words, this.#at + word, value);
  }

  get state(): number {
    return this.#load(STATE);
  }

  set state(state: number) {
    this.#store(STATE, state);
  }

  /** The thread of the system that has the slot, while it is attached. */
  get osThread(): number {
    return this.#load(OS_THREAD);
  }

  set osThread(id: number) {
    this.#store(OS_THREAD, id);
  }

  get doom(): Doom {
    return DOOMS[this.#load(DOOM)] as Doom;
  }

  set doom(doom: Doom) {
    this.#store(READY, 0);
    this.#store(DOOM, DOOMS.indexOf(doom));
  }

  /** Whether the thread is where it is to die. */
  get isReady(): boolean {
    return this.#load(READY) === 1;
  }

  becomeReady(): void {
    this.#store(READY, 1);
  }

  get operations(): number {
    return this.#load(OPERATIONS);
  }

  countOperation(): void {
    this.#store(OPERATIONS, this.#load(OPERATIONS) + 1);
  }

  /** What a cell holds according to what was committed; 0: nothing. */
  committed(cell: number): number {
    return this.#load(COMMITTED + cell);
  }

  /** Writes down what a section is about to commit, or to undo. */
  intend(changes: Changes, isUndone = false): void {
    let at = FIRST_CHANGE;
    for (const [cell, value] of changes) {
      this.#store(at++, cell);
      this.#store(at++, value);
    }
    this.#store(CHANGES, changes.size);
    this.#store(INTENT, isUndone ? INTENT_UNDO : INTENT_COMMIT);
  }

  /** What a thread of the slot was about to commit or to undo when it died; null: nothing. */
  intention(): { readonly changes: Changes; readonly isUndone: boolean } | null {
    const intent = this.#load(INTENT);
    if (intent === INTENT_NONE) return null;
    const changes = new Map<number, number>();
    for (let i = 0; i < this.#load(CHANGES); i++) {
      const at = FIRST_CHANGE + 2 * i;
      changes.set(this.#load(at), this.#load(at + 1));
    }
    return { changes, isUndone: intent === INTENT_UNDO };
  }

  /** It has been committed. */
  commit(): void {
    const { changes } = this.intention() as { changes: Changes };
    for (const [cell, value] of changes) this.#store(COMMITTED + cell, value);
    this.withdraw();
  }

  /** Nothing of it has happened. */
  withdraw(): void {
    this.#store(INTENT, INTENT_NONE);
  }
}
