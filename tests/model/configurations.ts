/** What is checked: which threads there are, what they may do, and what must come true. */

export type Role = 'Writer' | 'Reader' | 'Collector' | 'AsyncWriter' | 'AsyncReader';

export interface Configuration {
  readonly name: string;
  /** Thread 1, 2, ... */
  readonly threads: readonly Role[];
  /** Macros of the model: DEATHS, ROUNDS, MAY_TIME_OUT, COARSE, DROPS, TIRELESS, RESPONSIVE. */
  readonly settings: Readonly<Record<string, number | string>>;
  /** A formula of linear temporal logic, checked under weak fairness; without it, safety. */
  readonly property?: string;
  /** Whether it takes seconds. */
  readonly isQuick?: boolean;
}

const W = 'Writer';
const R = 'Reader';
const C = 'Collector';
const AW = 'AsyncWriter';
const AR = 'AsyncReader';

/** Threads that begin one section each; searches are one step. */
const ONCE = { ROUNDS: 1, COARSE: 1 };
const TIMED = { MAY_TIME_OUT: 'true' };

/** Thread 1 gets what it wants, whatever the others do; no thread stops. */
const SERVED = '[] ((wanting & 2) -> <> !(wanting & 2))';
const TIRELESS = { TIRELESS: 1, COARSE: 1 };

export const CONFIGURATIONS: readonly Configuration[] = [
  { name: '2 writers, 1 death', threads: [W, W], settings: { DEATHS: 1 }, isQuick: true },
  { name: 'writer, reader, 1 death', threads: [W, R], settings: { DEATHS: 1 }, isQuick: true },
  {
    name: 'writer, asynchronous writer, once',
    threads: [W, AW],
    settings: { ...ONCE, DEATHS: 1 },
    isQuick: true,
  },
  {
    name: '2 writers that give up, reader, once',
    threads: [W, W, R],
    settings: { ...ONCE, ...TIMED },
  },
  { name: '3 writers', threads: [W, W, W], settings: {} },
  { name: '3 writers, 1 death, once', threads: [W, W, W], settings: { ...ONCE, DEATHS: 1 } },
  { name: '2 writers, reader', threads: [W, W, R], settings: { COARSE: 1 } },
  { name: '2 readers, writer, 1 death', threads: [R, R, W], settings: { ...ONCE, DEATHS: 1 } },
  { name: 'collector, writer, reader', threads: [C, W, R], settings: { COARSE: 1 } },
  { name: 'asynchronous writer, reader, 1 death', threads: [AW, R], settings: { DEATHS: 1 } },
  { name: 'asynchronous reader, writer, 1 death', threads: [AR, W], settings: { DEATHS: 1 } },
  { name: 'asynchronous writer, writer, reader, once', threads: [AW, W, R], settings: ONCE },
  {
    name: 'a writer is served',
    isQuick: true,
    threads: [W, W],
    settings: TIRELESS,
    property: SERVED,
  },
  {
    name: 'a reader is served',
    isQuick: true,
    threads: [R, W],
    settings: TIRELESS,
    property: SERVED,
  },
  { name: 'a writer is served by readers', threads: [W, R], settings: TIRELESS, property: SERVED },
  {
    name: 'an asynchronous writer is served',
    threads: [AW, W],
    settings: { ...TIRELESS, RESPONSIVE: 1 },
    property: SERVED,
  },
  {
    name: 'an asynchronous reader is served',
    threads: [AR, W],
    settings: { ...TIRELESS, RESPONSIVE: 1 },
    property: SERVED,
  },
];
