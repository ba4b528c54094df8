/**
 * A thread's part in a round: its own program on a heap that other threads use at the same time.
 *
 * Between its operations the threads must come together now and then. All of them call `settle`
 * when none runs operations any more, then one calls `inspect`, then all `compare`. What the
 * threads have in the heap together is then known exactly: see `countExpected`.
 */

import { BACKGROUND_IDLE, backgroundState } from '../gc/background-state.ts';
import type { Heap } from '../heap.ts';
import { GC_BACKGROUND_NO } from '../memory/layout.ts';
import { type Census, countMortal, sumOf, takeCensus } from './census.ts';
import { verify } from './collector-operations.ts';
import { compareWithModel } from './compare.ts';
import { failureOf, ProgramFailure } from './failure.ts';
import type { HostileOptions } from './hostile.ts';
import { Machine } from './machine.ts';
import type { Operation } from './operations.ts';
import type { Post } from './parcel.ts';
import { admitParcel } from './parcel-operations.ts';
import { poisonFreeMemory } from './poison.ts';
import { withHostility } from './program.ts';
import { atEnd, dropEverything, runOperations } from './run.ts';
import { unreachableObjects } from './tracer.ts';

/** What a thread brings to a round. */
export interface ParticipantOptions {
  /** How parcels get to other threads, and from them. */
  readonly post: Post;
  /** Called before every operation; what it throws ends the program, as a failure. */
  readonly onOperation?: () => void;
}

/** A thread that takes part in a round. */
export class Participant {
  readonly #machine: Machine;

  /** Declares the kinds of the programs in `heap`. @throws HeapExhaustedError */
  constructor(heap: Heap, { post, onOperation }: ParticipantOptions) {
    this.#machine = new Machine(heap, {
      isShared: true,
      prefix: `thread ${post.thread}`,
      post,
      ...(onOperation && { onOperation }),
    });
  }

  /** Operations done so far. */
  get operations(): number {
    return this.#machine.operations;
  }

  /**
   * Runs operations from `from` up to `to`, in a hostile mode if one is given.
   *
   * @throws ProgramFailure with the index of the operation that has failed.
   */
  run(operations: readonly Operation[], from: number, to: number, mode?: HostileOptions): void {
    const m = this.#machine;
    const end = Math.min(to, operations.length);
    try {
      withHostility(m, mode, () => runOperations(m, operations, from, end));
    } catch (error) {
      throw failureOf(error);
    }
  }

  /** Takes in all that was sent to this thread. @throws ProgramFailure */
  settle(): void {
    while (admitParcel(this.#machine));
  }

  /**
   * Verifies the heap. With `isFull`, also collects everything, frozen objects too, and compares
   * what that has found and left with a naive trace.
   *
   * @throws ProgramFailure
   */
  inspect(isFull: boolean): void {
    const m = this.#machine;
    m.heap.run(() => verify(m));
    const [spoiled] = poisonFreeMemory(m.heap);
    if (spoiled !== undefined) {
      const { word, block, found } = spoiled;
      const what = `free block ${block} was written: ${found} at word ${word}`;
      throw new ProgramFailure('verify', what);
    }
    if (!isFull) return;
    collectAll(m);
    m.heap.run(() => verify(m));
  }

  /**
   * Compares all that the thread's model has with the heap: reference counts, too, when the heap
   * holds no garbage. Returns what the model needs.
   *
   * @throws ProgramFailure
   */
  compare(isCollected: boolean): Census {
    const m = this.#machine;
    m.heap.run(() => compareWithModel(m, isCollected));
    return takeCensus(m.model, m.model.alive);
  }

  /** Drops all that the thread holds, after its last `settle`. @throws ProgramFailure */
  finish(): void {
    atEnd(this.#machine, () => dropEverything(this.#machine));
  }

  /** Objects in the heap that can die. */
  countObjects(): number {
    return countMortal(this.#machine.heap);
  }
}

/** How many objects the models of several threads need together. */
export function countExpected(censuses: readonly Census[]): number {
  return sumOf(censuses);
}

/** Collects all garbage, and compares with the naive trace. */
function collectAll(m: Machine): void {
  const { heap, gc, mem } = m;
  gc.unfreeze();
  heap.run(() => {}); // what is due runs now, and not behind the trace
  const isIdle = backgroundState(mem) === BACKGROUND_IDLE;
  const before = mem.i32[GC_BACKGROUND_NO];
  const traced = unreachableObjects(heap).length;
  const found = gc.collect({ wait: true });
  const isAlone = isIdle && mem.i32[GC_BACKGROUND_NO] === before;
  if (isAlone && found !== traced) {
    throw new ProgramFailure('leak', `collect() found ${found} objects, a trace ${traced}`, {
      objects: Math.abs(found - traced),
    });
  }
  const left = unreachableObjects(heap).length;
  if (left === 0) return;
  throw new ProgramFailure('leak', `collect() has left ${left} objects`, { objects: left });
}
