/** One thread's part in a round on a shared heap. */

import { type MessagePort, receiveMessageOnPort } from 'node:worker_threads';
import { Heap, type HeapToken } from '../../src/index.ts';
import {
  type Census,
  countExpected,
  type FailureKind,
  type Parcel,
  Participant,
  type Post,
  ProgramFailure,
  type Round,
} from '../../src/testing.ts';
import { Barrier } from './barrier.ts';
import type { Tell } from './worker.ts';

/** What a thread needs for its part. */
export interface RoundTask {
  readonly round: Round;
  readonly thread: number;
  readonly token: HeapToken;
  readonly barrier: SharedArrayBuffer;
  /** To each thread, by number; to itself there is none. */
  readonly ports: readonly (MessagePort | null)[];
}

/** What was found wrong in a round. */
export interface RoundFailure {
  readonly kind: FailureKind;
  readonly message: string;
  /** Which thread has noticed it. */
  readonly thread: number;
  /** At which of its operations; -1 between operations. */
  readonly step: number;
  /** Of a leak: how many objects. */
  readonly objects: number;
}

/** What a thread has done in a round. */
export interface RoundOutcome {
  readonly operations: number;
  /** Parcels that it got from other threads. */
  readonly parcels: number;
  /** Null also when another thread has failed first. */
  readonly failure: RoundFailure | null;
}

/**
 * Takes part in a round, in step with the other threads. What that has come to is told before the
 * thread leaves the heap: one that is broken may not let it go.
 */
export function takePart(task: RoundTask, tell: Tell): void {
  const { thread } = task;
  const barrier = new Barrier(task.barrier);
  const player = new Player(task, barrier);
  let failure: RoundFailure | null = null;
  try {
    player.play();
  } catch (error) {
    if (barrier.stop(thread)) failure = describeFailure(error, thread);
  }
  const { operations, parcels } = player;
  tell('leaving the heap', { operations, parcels, failure });
  player.leave();
}

function describeFailure(error: unknown, thread: number): RoundFailure {
  if (error instanceof ProgramFailure) {
    const { kind, message, step, objects } = error;
    return { kind, message, step, objects, thread };
  }
  return { kind: 'error', message: String(error), step: -1, objects: 0, thread };
}

/** What threads send each other. */
type Message = { readonly parcel: Parcel } | { readonly census: Census };

/** A thread that plays a round. Thread 0 inspects the heap for all. */
class Player implements Post {
  readonly thread: number;
  readonly threads: number;
  readonly #task: RoundTask;
  readonly #barrier: Barrier;
  readonly #heap: Heap;
  readonly #own: Parcel[] = [];
  readonly #arrived: Parcel[] = [];
  readonly #censuses: Census[] = [];
  #participant: Participant | undefined;
  parcels = 0;

  constructor(task: RoundTask, barrier: Barrier) {
    this.thread = task.thread;
    this.threads = task.round.programs.length;
    this.#task = task;
    this.#barrier = barrier;
    this.#heap = Heap.attach(task.token);
  }

  get operations(): number {
    return this.#participant?.operations ?? 0;
  }

  play(): void {
    const { round, thread } = this.#task;
    const { operations = [], hostile } = round.programs[thread] ?? {};
    const participant = new Participant(this.#heap, {
      post: this,
      onOperation: () => {
        this.#barrier.advance(thread);
        this.#barrier.throwIfStopped();
      },
    });
    this.#participant = participant;
    this.#meet();
    const baseline = this.#lead(() => {
      participant.inspect(true);
      return participant.countObjects();
    });
    const longest = Math.max(...round.programs.map((program) => program.operations.length));
    for (let from = 0, n = 1; from < longest; from += round.every, n++) {
      participant.run(operations, from, from + round.every, hostile);
      this.#compare(participant, baseline, n % 2 === 0 || from + round.every >= longest);
    }
    participant.finish();
    this.#compare(participant, baseline, true);
  }

  /** Leaves the heap, if it can be left. */
  leave(): void {
    try {
      this.#heap.detach();
    } catch {
      // It is broken: what was found says how.
    }
    for (const port of this.#task.ports) port?.close();
  }

  #meet(): void {
    this.#barrier.wait(this.threads);
  }

  /** Lets thread 0 do something while the others wait. */
  #lead<T>(body: () => T): T | undefined {
    const result = this.thread === 0 ? body() : undefined;
    this.#meet();
    return result;
  }

  /** No thread runs operations: everything is compared. */
  #compare(participant: Participant, baseline: number | undefined, isFull: boolean): void {
    this.#meet();
    participant.settle();
    this.#meet();
    this.#lead(() => participant.inspect(isFull));
    const census = participant.compare(isFull);
    if (this.thread === 0) this.#censuses.push(census);
    else this.#task.ports[0]?.postMessage({ census } satisfies Message);
    this.#meet();
    this.#lead(() => {
      this.#collectMail();
      const expected = countExpected(this.#censuses.splice(0)) + (baseline as number);
      const found = participant.countObjects();
      if (!isFull || found === expected) return;
      throw new ProgramFailure('leak', `${found} objects exist, ${expected} should`, {
        objects: Math.abs(found - expected),
      });
    });
  }

  // ── The post ───────────────────────────────────────────────────────────────────────────────

  send(to: number, parcel: Parcel): void {
    if (to === this.thread) this.#own.push(parcel);
    else this.#task.ports[to]?.postMessage({ parcel } satisfies Message);
  }

  receive(): Parcel | null {
    this.#collectMail();
    const parcel = this.#arrived.shift();
    if (parcel === undefined) return this.#own.shift() ?? null;
    this.parcels++;
    return parcel;
  }

  #collectMail(): void {
    for (const port of this.#task.ports) {
      if (port === null) continue;
      for (let mail = receiveMessageOnPort(port); mail; mail = receiveMessageOnPort(port)) {
        const message = mail.message as Message;
        if ('parcel' in message) this.#arrived.push(message.parcel);
        else this.#censuses.push(message.census);
      }
    }
  }
}
