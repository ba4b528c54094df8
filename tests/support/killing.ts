/**
 * Kills a thread at its n-th store, in one process: the views of a session on the heap are put
 * behind proxies that count stores, and from the n-th on every store throws. So shared memory is
 * left as a killed thread leaves it, whatever `finally` has yet to say. Another session then takes
 * the lock over.
 *
 * A value of two words counts as one store, as it does for V8, which ends a thread only at calls,
 * loops and allocations: `isTorn` tells when a death fell between the two.
 */

import { recoverDead } from '../../src/gc/forget-thread.ts';
import { SCANNER_OS_ID, scannerAt } from '../../src/gc/job.ts';
import { Heap, sessionOf } from '../../src/heap.ts';
import { blockContaining } from '../../src/memory/blocks.ts';
import {
  CONTROL_GIL,
  CONTROL_STATE,
  DIED_HOLDING,
  DIED_OUTSIDE,
  HEAP_OPEN,
  HEAP_RECOVERING,
  THREAD_DIED,
} from '../../src/memory/layout.ts';
import { Memory, pageOf, threadRecordOf } from '../../src/memory/memory.ts';
import type { Mutator } from '../../src/object/mutator.ts';
import type { Session } from '../../src/session.ts';

const OWNER_MASK = 0xff;
/** A number that no thread of the system has. */
const NO_THREAD = 2 ** 30;

/** Thrown where the thread dies. */
export class Killed extends Error {
  override readonly name = 'Killed';
}

type View = Int32Array | Float32Array | Float64Array | BigInt64Array;

/** Views by their proxies. */
const targets = new WeakMap<object, View>();
const killers = new WeakMap<object, Killer>();

/** Counts the stores of a thread, and ends it. */
export class Killer {
  /** Stores so far. */
  stores = 0;
  isDead = false;
  /** Whether the death fell between the two words of a value. */
  isTorn = false;
  #last = -1;
  #at: number;
  readonly #mem: Memory;

  /** @param at the number of the store at which the thread dies, from 1 on */
  constructor(mem: Mutator, at: number) {
    this.#at = at;
    this.#mem = new Memory(mem.buffer, mem.threadId);
    const views = mem as unknown as Record<string, View>;
    for (const name of ['i32', 'f32', 'f64', 'i64']) {
      views[name] = this.#wrap(views[name] as View, name === 'i32');
    }
  }

  /** The operation has ended: the thread lives on. */
  spare(): void {
    this.#at = Number.POSITIVE_INFINITY;
  }

  /** A store is about to happen, at a word if that is known. */
  tick(word: number): void {
    if (!this.isDead && ++this.stores === this.#at) {
      this.isDead = true;
      this.isTorn = word % 2 === 1 && word === this.#last + 1 && !this.#isHeader(word - 1);
    }
    this.#last = word;
    if (this.isDead) throw new Killed();
  }

  #isHeader(word: number): boolean {
    if (pageOf(word) < this.#mem.firstPage) return true;
    return blockContaining(this.#mem, word) === word;
  }

  #wrap(target: View, isWords: boolean): View {
    const tick = (word: number) => this.tick(isWords ? word : -1);
    const proxy = new Proxy(target, {
      get: (view, key) => {
        const value = Reflect.get(view, key) as unknown;
        if (typeof value !== 'function') return value;
        const method = value as (...args: unknown[]) => unknown;
        if (key !== 'fill' && key !== 'set' && key !== 'copyWithin') return method.bind(view);
        return (...args: unknown[]) => {
          tick(-1);
          return method.apply(view, args);
        };
      },
      set: (view, key, value) => {
        tick(Number(key));
        return Reflect.set(view, key, value);
      },
    });
    targets.set(proxy, target);
    killers.set(proxy, this);
    return proxy as View;
  }
}

const READS = ['load', 'wait', 'notify', 'waitAsync', 'isLockFree'];
type AnyAtomic = (view: object, ...rest: unknown[]) => unknown;

/** `Atomics` on views behind proxies. Once, for all tests of a file. */
export function patchAtomics(): void {
  const atomics = Atomics as unknown as Record<string, AnyAtomic>;
  for (const name of Object.getOwnPropertyNames(Atomics)) {
    const original = atomics[name];
    if (typeof original !== 'function') continue;
    const isRead = READS.includes(name);
    atomics[name] = (view, ...rest) => {
      const target = targets.get(view);
      if (target === undefined) return original.call(Atomics, view, ...rest);
      const killer = killers.get(view)!;
      if (!isRead) killer.tick(Number(rest[0]));
      else if (killer.isDead && name === 'wait') throw new Killed();
      return original.call(Atomics, target, ...rest);
    };
  }
}

/** Runs `body` in a thread that dies at its n-th store. Null when it ended before. */
export function killAt(heap: Heap, n: number, body: () => unknown): Killer | null {
  const session = sessionOf(heap);
  const killer = new Killer(session.mem, n);
  try {
    body();
  } catch (error) {
    if (!killer.isDead) throw error;
  }
  if (killer.isDead) session.isOpen = false; // its timers are dead, too
  killer.spare();
  return killer.isDead ? killer : null;
}

/** Joins the heap as another thread, from the same process. The former one is dead. */
export function joinAfter(dead: Session): Heap {
  const token = { type: 'sharc.heap', buffer: dead.mem.buffer } as const;
  dead.onLost?.();
  return Heap.attach(token);
}

/** Joins a heap a second time, as another thread of it would. */
export function joinBeside(heap: Heap): Heap {
  const session = sessionOf(heap);
  const other = joinAfter(session);
  session.isOpen = true;
  return other;
}

/** Takes the lock from a dead owner, as a waiter would, and does not recover yet. */
export function depose(threadId: number, heap: Heap): boolean {
  const { mem } = sessionOf(heap);
  const { i32 } = mem;
  const wasOwner = ((i32[CONTROL_GIL] as number) & OWNER_MASK) === threadId;
  i32[threadRecordOf(mem, threadId) + THREAD_DIED] = wasOwner ? DIED_HOLDING : DIED_OUTSIDE;
  i32[CONTROL_GIL] = mem.threadId;
  // It runs in a thread of the system that lives on.
  i32[scannerAt(0) + SCANNER_OS_ID] = NO_THREAD;
  if (wasOwner) i32[CONTROL_STATE] = HEAP_RECOVERING;
  return wasOwner;
}

/** Recovers what dead threads left. The lock was taken by `depose`, and is given up. */
export function recoverAs(heap: Heap): void {
  const { mem } = sessionOf(heap);
  if (mem.i32[CONTROL_STATE] === HEAP_RECOVERING) mem.recover!();
  else recoverDead(mem);
  mem.i32[CONTROL_STATE] = HEAP_OPEN;
  mem.i32[CONTROL_GIL] = 0;
}

/** Another thread takes over from the dead one, and makes the heap sound. */
export function survive(dead: Session): Heap {
  const { threadId } = dead.mem;
  const heap = joinAfter(dead);
  depose(threadId, heap);
  recoverAs(heap);
  return heap;
}
