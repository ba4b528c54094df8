/**
 * The named workloads: what each asks, how large it is, and what must come out. Those of the
 * collector stand in `collections.ts`. `README.md` says what each does not answer.
 */

import { COLLECTIONS } from './collections.ts';
import type { Cell, Scale, Workload } from './harness/types.ts';
import { answersChecksum } from './lru.ts';
import {
  fieldValueOf,
  indexOfKey,
  inspectedKeysOf,
  mapRoundsOf,
  mapSizeOf,
  NAME_PROBE,
  nameOf,
  POOL_SIZE,
  poolChecksum,
  recordOf,
  recordsChecksum,
  referentIndexOf,
  targetIndexOf,
} from './shapes.ts';

type Cells = Readonly<Record<Scale, readonly Cell[]>>;

const cell = (operations: number, size: number | null = null, threads = 1): Cell => ({
  operations,
  size,
  threads,
});

/** Repeated operations without a size of their own; one sample takes a millisecond or more. */
const operations = (perSample: number, smoke = 2000, threads = 1): Cells => ({
  smoke: [cell(smoke, null, threads)],
  quick: [cell(perSample, null, threads)],
  full: [cell(perSample, null, threads)],
});

/** Rounds over the pool of objects. */
const rounds = (perSample: number): Cells => operations(perSample * POOL_SIZE, 10 * POOL_SIZE);

/** Maps: a small one is filled, or gone through, as often as a sample of a millisecond needs. */
const maps: Cells = {
  smoke: [cell(2000, 1000)],
  quick: [cell(16_000, 1000), cell(100_000, 100_000)],
  full: [cell(16_000, 1000), cell(100_000, 100_000), cell(1_000_000, 1_000_000)],
};

/** One operation per object. */
const objects = (smoke: number, quick: number, full: number): Cells => ({
  smoke: [cell(smoke, smoke)],
  quick: [cell(quick, quick)],
  full: [cell(full, full)],
});

const busyThreads = (milliseconds: number): Cell[] =>
  [1, 2, 3].map((threads) => cell(milliseconds, null, threads));

const allOperations = ({ operations }: Cell): number => operations;
const lastRoundOf = ({ operations }: Cell): number => operations / POOL_SIZE - 1;
const roundsTimes = ({ operations }: Cell, numberAt: (index: number) => number): number => {
  let sum = 0;
  for (let index = 0; index < POOL_SIZE; index++) sum += numberAt(index);
  return ((operations / POOL_SIZE) * sum) | 0;
};
const nameProbeOf = (index: number): number => nameOf(index).charCodeAt(NAME_PROBE);

const micro = {
  'alloc-drop': {
    question: 'What does an object with 4 reference slots cost that dies at once?',
    metric: 'time',
    unit: 'ns/op',
    cells: operations(100_000),
    expected: allOperations,
  },
  'alloc-keep': {
    question: 'What does an object cost that stays: a chain built, then dropped as a whole?',
    metric: 'time',
    unit: 'ns/op',
    cells: objects(1000, 200_000, 1_000_000),
    expected: allOperations,
  },
  'store-ref': {
    question: 'What does storing a reference over another one cost?',
    metric: 'time',
    unit: 'ns/op',
    cells: rounds(2000),
    expected: (cell) => poolChecksum((index) => targetIndexOf(index, lastRoundOf(cell))),
  },
  'load-field': {
    question: 'What does reading an int32 field cost?',
    metric: 'time',
    unit: 'ns/op',
    cells: rounds(8000),
    expected: (cell) => roundsTimes(cell, fieldValueOf),
  },
  'store-field': {
    question: 'What does writing an int32 field cost?',
    metric: 'time',
    unit: 'ns/op',
    cells: rounds(8000),
    expected: (cell) => poolChecksum((index) => lastRoundOf(cell) + index),
  },
  'get-ref': {
    question: 'What does reading a reference cost, together with the object that stands for it?',
    metric: 'time',
    unit: 'ns/op',
    cells: rounds(1000),
    expected: () => poolChecksum((index) => fieldValueOf(referentIndexOf(index))),
    comparedWith: { workload: 'plain-wrapper', subject: 'calibration' },
  },
  'string-get': {
    question: 'What does reading a 12-character string field cost, one character looked at?',
    metric: 'time',
    unit: 'ns/op',
    cells: rounds(1000),
    expected: (cell) => roundsTimes(cell, nameProbeOf),
  },
  'string-set': {
    question: 'What does writing a 12-character string field cost?',
    metric: 'time',
    unit: 'ns/op',
    cells: rounds(1000),
    expected: (cell) =>
      poolChecksum((index) => nameProbeOf(targetIndexOf(index, lastRoundOf(cell)))),
  },
  'map-set': {
    question: 'What does filling a new map cost, per 12-character string key?',
    metric: 'time',
    unit: 'ns/op',
    cells: maps,
    expected: ({ operations }) =>
      inspectedKeysOf(operations).reduce((sum, key) => sum + indexOfKey(key), operations) | 0,
  },
  'map-get': {
    question:
      'What does finding a string key cost, in random order and with equal, not same, keys?',
    metric: 'time',
    unit: 'ns/op',
    cells: maps,
    expected: (cell) => {
      const size = mapSizeOf(cell);
      return (mapRoundsOf(cell) * ((size * (size - 1)) / 2)) | 0;
    },
  },
} satisfies Record<string, Workload>;

const locks = {
  'lock-uncontended': {
    question: 'What do one lock and one unlock cost when nobody else wants the lock?',
    metric: 'time',
    unit: 'ns/op',
    cells: operations(50_000),
    expected: allOperations,
    comparedWith: { workload: 'lock-uncontended', subject: 'calibration' },
  },
  'lock-contended': {
    question: 'How much wall time passes per lock and unlock while two threads want nothing else?',
    metric: 'time',
    unit: 'ns/op',
    cells: operations(400_000, 2000, 2),
    expected: allOperations,
    comparedWith: { workload: 'lock-contended', subject: 'calibration' },
  },
  'section-enter-leave': {
    question: 'What does an empty exclusive section cost, callback included?',
    metric: 'time',
    unit: 'ns/op',
    cells: operations(50_000),
    expected: allOperations,
    comparedWith: { workload: 'lock-uncontended', subject: 'calibration' },
  },
  fairness: {
    question: 'Which share of the held time has the luckier of two threads with 10 us sections?',
    metric: 'share',
    unit: '%',
    // Here `operations` counts the milliseconds for which both threads want the lock.
    cells: {
      smoke: [cell(50, null, 2)],
      quick: [cell(1000, null, 2)],
      full: [cell(5000, null, 2)],
    },
    expected: ({ threads }) => threads,
    comparedWith: { workload: 'fairness', subject: 'calibration' },
  },
} satisfies Record<string, Workload>;

/** What `sharc-op` would only repeat, and the raw layer has no notion of. */
const ONE_OF_OURS = ['sharc', 'plain'];

const entryBytes = {
  subjects: ONE_OF_OURS,
  metric: 'bytes-per-object',
  unit: 'bytes',
  cells: objects(10_000, 100_000, 1_000_000),
  expected: allOperations,
  processes: { smoke: 1, quick: 3, full: 5 },
} satisfies Omit<Workload, 'question'>;

const memory = {
  'bytes-per-object': {
    question: 'How much memory does a live object with 4 reference slots take?',
    metric: 'bytes-per-object',
    unit: 'bytes',
    cells: objects(10_000, 200_000, 1_000_000),
    expected: allOperations,
  },
  'map-bytes': {
    ...entryBytes,
    question:
      'How much memory does an entry of a map take, from a 12-character string to an integer?',
  },
  'array-bytes-integers': {
    ...entryBytes,
    question: 'How much memory does an element of an array of small integers take?',
  },
  'array-bytes-doubles': {
    ...entryBytes,
    question: 'How much memory does an element of an array of fractional numbers take?',
  },
} satisfies Record<string, Workload>;

/** Deep copies of plain data, against `structuredClone`. */
const copied = {
  subjects: ONE_OF_OURS,
  metric: 'time',
  unit: 'ns/op',
  cells: objects(1000, 10_000, 1_000_000),
  expected: ({ operations }) => recordsChecksum(operations, recordOf),
} satisfies Omit<Workload, 'question'>;

const copies = {
  'from-records': {
    ...copied,
    question: 'What does copying an array of flat records into the heap cost, per record?',
  },
  'to-records': {
    ...copied,
    question: 'What does copying them out of the heap cost, per record?',
  },
} satisfies Record<string, Workload>;

/** From one thread's hand to another's. */
const handedOver = {
  subjects: ['sharc', 'clone'],
  metric: 'time',
  unit: 'us/op',
  cells: {
    smoke: [cell(1, 1000, 2)],
    quick: [cell(1, 1000, 2), cell(1, 1_000_000, 2)],
    full: [cell(1, 1000, 2), cell(1, 100_000, 2), cell(1, 1_000_000, 2)],
  },
} satisfies Omit<Workload, 'question' | 'expected'>;

const chainSum = ({ size }: Cell): number => ((size! * (size! - 1)) / 2) | 0;

/** Here `operations` counts the milliseconds of a lap of one thread. */
const laps = (milliseconds: number, nodes: number, threads: readonly number[]): Cell[] =>
  threads.map((count) => cell(milliseconds, nodes, count));

const sharing = {
  'share-graph': {
    ...handedOver,
    question: 'How long is a linked list of so many nodes on its way to a worker?',
    expected: chainSum,
  },
  'share-records': {
    ...handedOver,
    question: 'How long is an array of so many flat records on its way to a worker?',
    expected: ({ size }) => recordsChecksum(size!, recordOf),
  },
  'parallel-read': {
    question: 'How many nodes a second do so many threads read that walk the same linked list?',
    subjects: ['sharc-raw', 'sharc', 'v8-shared-struct', 'plain', 'lmdb', 'calibration'],
    metric: 'throughput',
    unit: 'objects/s',
    cells: {
      smoke: laps(2, 1000, [1, 2]),
      quick: laps(25, 200_000, [1, 2]),
      full: laps(150, 1_000_000, [1, 2, 4]),
    },
    expected: chainSum,
  },
} satisfies Record<string, Workload>;

/** Here `operations` counts the requests of all threads in a lap, and `size` the entries. */
const cached = (quick: number, full: number) =>
  ({
    metric: 'throughput',
    unit: 'requests/s',
    cells: {
      smoke: [cell(2000, 400, 2)],
      quick: [cell(quick, 10_000, 4)],
      full: [cell(full, 40_000, 1), cell(full, 40_000, 4)],
    },
    expected: ({ operations, size, threads }) =>
      answersChecksum(threads, operations / threads, size!),
  }) satisfies Omit<Workload, 'question'>;

const caches = {
  lru: {
    ...cached(20_000, 200_000),
    question:
      'How many requests a second does a cache answer that drops what was not used for longest?',
    subjects: ['sharc', 'plain', 'lmdb'],
  },
  'lru-second-chance': {
    ...cached(100_000, 400_000),
    question: 'The same where a hit only sets a bit, for which an entry gets a second chance.',
    subjects: ['sharc', 'lmdb'],
  },
} satisfies Record<string, Workload>;

/** Rows that tell how fast this machine is today; nobody competes in them. */
const calibration = {
  'plain-store': {
    question: 'Calibration: one plain store into an Int32Array on shared memory.',
    metric: 'time',
    unit: 'ns/op',
    cells: rounds(8000),
    expected: (cell) => poolChecksum((index) => lastRoundOf(cell) + index),
  },
  'atomics-add': {
    question: 'Calibration: one Atomics.add.',
    metric: 'time',
    unit: 'ns/op',
    cells: operations(200_000),
    expected: allOperations,
  },
  'atomics-cas': {
    question: 'Calibration: one Atomics.compareExchange that succeeds.',
    metric: 'time',
    unit: 'ns/op',
    cells: operations(200_000),
    expected: allOperations,
  },
  'cas-store': {
    question: 'Calibration: compareExchange, then Atomics.store: the least a lock could cost.',
    metric: 'time',
    unit: 'ns/op',
    cells: operations(100_000),
    expected: allOperations,
  },
  'plain-wrapper': {
    question: 'Calibration: allocating a plain { ref, kind } that escapes.',
    metric: 'time',
    unit: 'ns/op',
    cells: rounds(1000),
    expected: () => poolChecksum(referentIndexOf),
  },
  'piscina-round-trip': {
    question: 'Calibration: an empty task sent to a piscina worker and its answer awaited.',
    metric: 'time',
    unit: 'us/op',
    cells: operations(100, 5),
    expected: allOperations,
  },
  jitter: {
    question: 'Calibration: the longest stall of an empty loop with so many busy threads.',
    metric: 'pause-max',
    unit: 'ms',
    // Here `operations` counts the milliseconds for which the threads are busy.
    cells: { smoke: busyThreads(20), quick: busyThreads(200), full: busyThreads(1000) },
    expected: ({ threads }) => threads,
    processes: { smoke: 1, quick: 5, full: 5 },
  },
} satisfies Record<string, Workload>;

/** Only the subject `calibration` has these. */
export const CALIBRATION_WORKLOADS: ReadonlySet<string> = new Set(Object.keys(calibration));

export const WORKLOADS: Readonly<Record<string, Workload>> = {
  ...micro,
  ...locks,
  ...memory,
  ...copies,
  ...sharing,
  ...caches,
  ...COLLECTIONS,
  ...calibration,
};
