/**
 * The storm, from the main thread: starts threads, kills them and starts others in their place, and
 * checks everything now and then, while all rest.
 */

import { setTimeout as sleep } from 'node:timers/promises';
import { Worker } from 'node:worker_threads';
import { type DeathPlace, type DeathRecord, Heap, type SentToken } from '../../src/index.ts';
import { raw } from '../../src/raw.ts';
import { hostile, type Leak, leakCheck, Random } from '../../src/testing.ts';
import { Cells, declareRecord } from './cells.ts';
import { checkHeap, dropSent, type Found, tokenOf } from './checks.ts';
import {
  createLedger,
  type Doom,
  ENDED,
  Ledger,
  PAUSED,
  RUNNING,
  type Slot,
  STARTING,
} from './ledger.ts';
import { Toys } from './toys.ts';
import type { StormData } from './worker.ts';

const HEAP = { maxBytes: 2 ** 26, thresholds: [500, 5, 5], switchIntervalMs: 1 } as const;
/** From so many objects on, collections do what they otherwise do in large heaps only. */
const TUNE = { pageScanFrom: 200, parallelFrom: 500, backgroundFrom: 1000 };
const ITEMS = 100;

/** Kills between two checks. */
const CHECK_EVERY = 25;
/** How often the main thread looks for what it waits for, in milliseconds. */
const LOOK_MS = 1;
/** Longest time between two kills, and now and then a longer one. */
const PAUSE_MS = 10;
const CALM_MS = 200;
const CALM = 0.1;
/** How long a doomed thread lives at most where it is to die. */
const DOOM_MS = 4;
/** How long the main thread has the lock while a thread that waits for it is killed. */
const HOLD_MS = 3;
/** How long it takes a thread at most to begin what it is to die of, or to recover. */
const BEGIN_MS = 250;
/** How long a new thread lives that is to die while it attaches. */
const ATTACH_MS = 120;
const ATTACH_KILLS = 0.1;

export const PLACES = [
  'outside',
  'waiting',
  'holding',
  'reading',
  'collecting',
  'recovering',
] as const satisfies readonly DeathPlace[];

/** What the storm has come to. */
export interface Figures {
  /** Threads that were killed while they were in the heap. */
  readonly kills: number;
  /** Where they were when they died. */
  readonly killsByState: Readonly<Record<DeathPlace, number>>;
  readonly operations: number;
  readonly verifyFailures: number;
  readonly leakedObjects: number;
  /** Commits that are lost, or half there, and sections that were not undone. */
  readonly lostCommits: number;
  readonly maxRecoveryMs: number;
  readonly seed: number;
}

/** How the heap is spoiled on purpose: a cell changes behind the ledger's back, or a count. */
export const DAMAGES = ['commit', 'count'] as const;

export interface StormOptions {
  readonly kills: number;
  readonly threads: number;
  readonly seed: number;
  readonly damage?: (typeof DAMAGES)[number];
}

/** A thread of the storm. */
interface Member {
  readonly worker: Worker;
  readonly exit: Promise<unknown>;
}

/** A storm on a heap of its own. */
export class Storm {
  readonly heap: Heap;
  /** What was found, in words. */
  readonly reports: string[] = [];
  readonly #options: StormOptions;
  readonly #random: Random;
  readonly #sent: SentToken;
  readonly #memory: SharedArrayBuffer;
  readonly #ledger: Ledger;
  readonly #slots: readonly Slot[];
  readonly #members: Member[] = [];
  readonly #killsByState = new Map<DeathPlace, number>(PLACES.map((place) => [place, 0]));
  /** Threads that were killed, by their number in the system, of whose death nobody has told. */
  readonly #untold = new Set<number>();
  #kills = 0;
  #verifyFailures = 0;
  #leakedObjects = 0;
  #lostCommits = 0;
  #maxRecoveryMs = 0;
  #checks = 0;

  constructor(options: StormOptions) {
    this.#options = options;
    this.#random = new Random(options.seed);
    this.heap = Heap.create(HEAP);
    this.#sent = tokenOf(this.heap);
    this.#memory = createLedger(options.threads);
    this.#ledger = new Ledger(this.#memory);
    this.#slots = Array.from({ length: options.threads }, (_, i) => this.#ledger.slot(i));
    this.heap.on('threaddeath', (death) => this.#hearOf(death));
  }

  /** What it has come to so far. */
  get figures(): Figures {
    return {
      kills: this.#kills,
      killsByState: Object.fromEntries(this.#killsByState) as Record<DeathPlace, number>,
      operations: this.#slots.reduce((sum, slot) => sum + slot.operations, 0),
      verifyFailures: this.#verifyFailures,
      leakedObjects: this.#leakedObjects,
      lostCommits: this.#lostCommits,
      maxRecoveryMs: this.#maxRecoveryMs,
      seed: this.#options.seed,
    };
  }

  /** A number that changes while it gets on. */
  get progress(): number {
    return this.figures.operations + this.#kills + this.#checks;
  }

  get hasFailed(): boolean {
    return this.reports.length > 0;
  }

  /** Kills as many threads as it is to, or ends when something was found. */
  async run(onProgress: (figures: Figures) => void): Promise<void> {
    using _ = hostile(this.heap, { tune: TUNE });
    const leaks = await leakCheck(this.heap, () => this.#rage(onProgress));
    if (!this.hasFailed) this.#takeLeaks(leaks);
  }

  async #rage(onProgress: (figures: Figures) => void): Promise<void> {
    this.heap.run(() => {
      Cells.create(this.heap, this.#slots.length);
      Toys.create(this.heap);
      this.heap.root.set('items', this.heap.queue({ capacity: ITEMS }));
    });
    for (const slot of this.#slots) this.#start(slot);
    let checked = 0;
    while (this.#kills < this.#options.kills && !this.hasFailed) {
      await sleep(this.#random.next() * (this.#random.chance(CALM) ? CALM_MS : PAUSE_MS));
      await this.#killSome();
      onProgress(this.figures);
      if (this.#kills < checked + CHECK_EVERY) continue;
      checked = this.#kills;
      await this.#check();
    }
    if (this.hasFailed) return;
    await this.#check(() => this.#spoil());
    if (!this.hasFailed) await this.#end();
  }

  #spoil(): void {
    const { heap } = this;
    const { damage } = this.#options;
    if (damage === 'commit') {
      const [slot] = this.#slots as [Slot];
      heap.run(() => new Cells(heap).write(slot.number, 0, slot.committed(0) + 1));
    } else if (damage === 'count') {
      const layer = raw(heap);
      heap.run(() => layer.alloc(layer.kindOf(declareRecord(heap))));
    }
  }

  #start(slot: Slot): void {
    slot.state = STARTING;
    slot.doom = 'none';
    const workerData: StormData = {
      token: this.heap.share(),
      sent: this.#sent,
      ledger: this.#memory,
      slot: slot.number,
      seed: this.#random.fork(),
    };
    const worker = new Worker(new URL('worker.js', import.meta.url), { workerData });
    worker.on('message', (what: string) => this.#lose([what]));
    worker.on('error', (error) => this.reports.push(`a thread has failed: ${describe(error)}`));
    const exit = new Promise((resolve) => worker.once('exit', resolve));
    this.#members[slot.number] = { worker, exit };
  }

  /** Kills a thread, or two. */
  async #killSome(): Promise<void> {
    const random = this.#random;
    if (random.chance(ATTACH_KILLS)) await this.#killStarting();
    const rarest = this.#rarestPlace();
    if (random.chance(0.4)) return this.#killAny(random.chance(0.2) ? 2 : 1);
    if (rarest === 'waiting') return this.#killWaiting();
    if (rarest === 'recovering') return this.#killRecovering();
    await this.#killDoomed(rarest);
  }

  #rarestPlace(): DeathPlace {
    const counts = [...this.#killsByState];
    return counts.reduce((rarest, each) => (each[1] < rarest[1] ? each : rarest))[0];
  }

  /** Kills threads wherever they are, at once. */
  #killAny(count: number): void {
    for (const slot of this.#running().slice(0, count)) this.#kill(slot);
  }

  /** Slots whose threads work, in random order. */
  #running(): Slot[] {
    const slots = this.#slots.filter((slot) => slot.state === RUNNING);
    return slots
      .map((slot) => ({ slot, order: this.#random.next() }))
      .sort((a, b) => a.order - b.order)
      .map(({ slot }) => slot);
  }

  /** Kills a thread that has gone where it is to die. Returns its slot, if it has. */
  async #killDoomed(doom: Doom): Promise<Slot | undefined> {
    const [slot] = this.#running();
    if (slot === undefined) return undefined;
    slot.doom = doom;
    if (!(await this.#waitFor(() => slot.isReady, BEGIN_MS))) return undefined;
    await sleep(this.#random.next() * DOOM_MS);
    this.#kill(slot);
    return slot;
  }

  /** Kills a thread while this one has the lock. */
  #killWaiting(): void {
    this.heap.run(() => {
      block(this.#random.next() * HOLD_MS);
      this.#killAny(1);
      block(HOLD_MS);
    });
  }

  /** Kills a thread in a section, and the one that recovers what it has left. */
  async #killRecovering(): Promise<void> {
    const ledger = this.#ledger;
    ledger.setSlow(true);
    await this.#killDoomed('holding');
    if (await this.#waitFor(() => ledger.recoverer >= 0, BEGIN_MS)) {
      await sleep(this.#random.next() * DOOM_MS);
      const slot = this.#slots[ledger.recoverer];
      if (slot?.state === RUNNING) this.#kill(slot);
    }
    ledger.setSlow(false);
  }

  /** Kills a thread that has hardly begun, which may be before it has joined the heap. */
  async #killStarting(): Promise<void> {
    const slot = this.#slots.find((each) => each.state < RUNNING);
    if (slot === undefined) return;
    await sleep(this.#random.next() * ATTACH_MS);
    if (slot.state < RUNNING) this.#replace(slot);
  }

  #kill(slot: Slot): void {
    if (this.#kills === this.#options.kills) return;
    this.#kills++;
    this.#untold.add(slot.osThread);
    this.#replace(slot);
  }

  /** Kills the thread of a slot; when it has ended, another one takes its place. */
  #replace(slot: Slot): void {
    const { worker } = this.#members[slot.number] as Member;
    slot.state = ENDED;
    worker.once('exit', () => this.#start(slot));
    void worker.terminate();
  }

  #hearOf({ osThread, where, durationMs }: DeathRecord): void {
    this.#maxRecoveryMs = Math.max(this.#maxRecoveryMs, durationMs);
    // Others are threads of the collector, which end with the thread that has started them.
    if (!this.#untold.delete(osThread)) return;
    this.#killsByState.set(where, (this.#killsByState.get(where) ?? 0) + 1);
  }

  /** Waits until something is so. Returns whether it is. */
  async #waitFor(condition: () => boolean, limitMs = Number.POSITIVE_INFINITY): Promise<boolean> {
    const end = performance.now() + limitMs;
    while (!condition()) {
      if (performance.now() > end || this.hasFailed) return false;
      await sleep(LOOK_MS);
    }
    return true;
  }

  /** Checks everything while all threads rest. */
  async #check(before = () => {}): Promise<void> {
    this.#ledger.setPause(true);
    const isAtRest = () => this.#slots.every((slot) => slot.state === PAUSED);
    const threads = this.#slots.length + 1;
    if (await this.#waitFor(() => this.#untold.size === 0 && isAtRest())) {
      // A thread that died while it attached has to be found, too.
      await this.#waitFor(() => this.heap.stats().threads.length === threads);
      this.#checks++;
      before();
      this.#take(checkHeap(this.heap, this.#slots, this.#sent));
    }
    if (!this.hasFailed) this.#ledger.setPause(false); // else what was found stays as it is
  }

  #take({ unsound, leaked, lost }: Found): void {
    this.#verifyFailures += unsound.length;
    this.#leakedObjects += leaked.length;
    this.#lose(lost);
    this.reports.push(...unsound, ...leaked);
  }

  #lose(what: readonly string[]): void {
    this.#lostCommits += what.length;
    this.reports.push(...what);
  }

  /** All threads leave, and all is dropped: nothing may be left. */
  async #end(): Promise<void> {
    this.#ledger.stop();
    await Promise.all(this.#members.map(({ exit }) => exit));
    const { heap } = this;
    const isAlone = () => heap.stats().threads.length === 1;
    await this.#waitFor(isAlone);
    heap.root.clear();
    dropSent(heap, this.#slots, this.#sent);
  }

  #takeLeaks(leaks: readonly Leak[]): void {
    for (const { kind, objects } of leaks) {
      this.#leakedObjects += objects;
      this.reports.push(`${objects} of ${kind} are left when everything was dropped`);
    }
  }
}

const describe = (error: unknown) => (error instanceof Error ? error.stack : String(error));

/** Blocks this thread. */
function block(ms: number): void {
  Atomics.wait(NEVER, 0, 0, ms);
}

/** Never notified. */
const NEVER = new Int32Array(new SharedArrayBuffer(4));
