/**
 * The work, and who does it: structs in the heap through which the threads share it out. A thread
 * takes its next step in one section, so two never take the same.
 *
 * The build is a list of batches and a counter. An edit is a *round*: its package is dropped by one
 * thread and linked anew by another. Rounds are claimed through a counter too, and a round's
 * package is a function of seed and round.
 *
 *     claimed ── its package is free ──▶ dropping ──▶ dropped
 *             ── another thread takes it ──▶ linking ──▶ finished
 *
 * From `dropping` to `finished` the package is in `busy`: no second round touches it. A thread
 * whose claimed package is busy goes on taking dropped ones, so the rounds cannot wait in a circle.
 */
import type { Heap, HeapArray, HeapMap } from '../../../src/index.ts';
import type { PackageName } from './graph.ts';
import { packageOfRound } from './random.ts';
import type { PackageSource, SourceFile } from './walk.ts';

/** A package as it lies on disk. */
interface Source {
  directory: string;
  label: string;
  paths: HeapArray<string>;
}

/** A run of files of one package, read by one thread and linked in one section. */
interface Batch {
  source: Source | null;
  first: number;
  count: number;
}

/** A round between its two halves. */
interface Dropped {
  round: number;
  source: Source | null;
  /** The thread that dropped it, and so may not link it. */
  thread: number;
}

interface Progress {
  nextBatch: number;
  filesDone: number;
  nextRound: number;
  roundsFinished: number;
}

/** What one thread has done in the edits phase. */
export interface Tally {
  thread: number;
  walks: number;
  modulesSeen: number;
  drops: number;
  links: number;
}

export interface Work {
  readonly name: PackageName;
  readonly paths: readonly string[];
}

type Structs = ReturnType<typeof declareStructs>;

export interface Job extends Structs {
  readonly heap: Heap;
  readonly progress: InstanceType<Structs['Progress']>;
  readonly sources: HeapArray<Source>;
  readonly batches: HeapArray<Batch>;
  readonly dropped: HeapArray<Dropped>;
  /** Package directory -> the round that it is in. */
  readonly busy: HeapMap<string, number>;
  readonly tallies: HeapMap<number, Tally>;
  /** Path -> why it could not be read. */
  readonly unreadable: HeapMap<string, string>;
}

// A batch ends with the file that reaches either bound: enough work to outweigh a section, and
// short enough for the threads to finish together.
const BATCH_FILES_MAX = 16;
const BATCH_BYTES_MAX = 1 << 18;

function declareStructs(heap: Heap) {
  return {
    Source: heap.struct<Source>('Source', { directory: 'string', label: 'string', paths: 'ref' }),
    Batch: heap.struct<Batch>('Batch', { source: 'ref', first: 'uint32', count: 'uint32' }),
    Dropped: heap.struct<Dropped>('Dropped', { round: 'uint32', source: 'ref', thread: 'uint32' }),
    Progress: heap.struct<Progress>('Progress', {
      nextBatch: 'uint32',
      filesDone: 'uint32',
      nextRound: 'uint32',
      roundsFinished: 'uint32',
    }),
    Tally: heap.struct<Tally>('Tally', {
      thread: 'uint32',
      walks: 'uint32',
      modulesSeen: 'float64',
      drops: 'uint32',
      links: 'uint32',
    }),
  };
}

const ROOT_NAMES = [
  'progress',
  'sources',
  'batches',
  'dropped',
  'busy',
  'tallies',
  'unreadable',
] as const;

/** Lays the work out in the heap. */
export function createJob(heap: Heap, packages: readonly PackageSource[]): Job {
  const structs = declareStructs(heap);
  heap.run(() => {
    const { root } = heap;
    const progress = { nextBatch: 0, filesDone: 0, nextRound: 0, roundsFinished: 0 };
    root.set('progress', new structs.Progress(progress));
    root.set('sources', heap.array());
    root.set('batches', heap.array());
    root.set('dropped', heap.array());
    root.set('busy', heap.map());
    root.set('tallies', heap.map());
    root.set('unreadable', heap.map());
  });
  const job = attachJob(heap);
  for (const { directory, label, files } of packages) {
    heap.run(() => {
      const paths = heap.array<string>();
      for (const file of files) paths.push(file.path);
      job.sources.push(new job.Source({ directory, label, paths }));
    });
  }
  addBatches(job, packages);
  return job;
}

/** The job that another thread has created. */
export function attachJob(heap: Heap): Job {
  return {
    heap,
    ...declareStructs(heap),
    progress: heap.root.get('progress') as Job['progress'],
    sources: heap.root.get('sources') as HeapArray<Source>,
    batches: heap.root.get('batches') as HeapArray<Batch>,
    dropped: heap.root.get('dropped') as HeapArray<Dropped>,
    busy: heap.root.get('busy') as HeapMap<string, number>,
    tallies: heap.root.get('tallies') as HeapMap<number, Tally>,
    unreadable: heap.root.get('unreadable') as HeapMap<string, string>,
  };
}

/** Lets go of everything: `job` must not be used afterwards. */
export function dropJob(job: Job): void {
  for (const name of ROOT_NAMES) {
    job.heap.root.delete(name);
    job[name].release();
  }
}

/** Largest batches first: nobody begins one file of nine megabytes when the others are done. */
function addBatches(job: Job, packages: readonly PackageSource[]): void {
  const batches = packages.flatMap(({ files }, source) => {
    return batchesOf(files).map((batch) => ({ source, ...batch }));
  });
  batches.sort((a, b) => b.bytes - a.bytes);
  for (const { source: index, first, count } of batches) {
    job.heap.run(() => {
      job.batches.push(new job.Batch({ source: job.sources.at(index)!, first, count }));
    });
  }
}

interface BatchRange {
  first: number;
  count: number;
  bytes: number;
}

export function batchesOf(files: readonly SourceFile[]): BatchRange[] {
  const batches: BatchRange[] = [];
  let batch: BatchRange = { first: 0, count: 0, bytes: 0 };
  for (const [index, file] of files.entries()) {
    if (batch.count === BATCH_FILES_MAX || batch.bytes >= BATCH_BYTES_MAX) {
      batches.push(batch);
      batch = { first: index, count: 0, bytes: 0 };
    }
    batch.count++;
    batch.bytes += file.bytes;
  }
  if (batch.count > 0) batches.push(batch);
  return batches;
}

/** The next batch that nobody has taken, null when there is none. */
export function takeBatch(job: Job): Work | null {
  return job.heap.run(() => {
    const index = job.progress.nextBatch;
    if (index === job.batches.length) return null;
    job.progress.nextBatch = index + 1;
    const { source, first, count } = job.batches.at(index)!;
    return workOf(source!, first, count);
  });
}

/**
 * The next round for the calling thread to drop, null when all are taken, or when `waitingMax`
 * packages wait to be linked: else one thread drops them all while the other reads a large one.
 */
export function claimRound(job: Job, rounds: number, waitingMax: number): number | null {
  return job.heap.run(() => {
    const round = job.progress.nextRound;
    if (round === rounds || job.dropped.length >= waitingMax) return null;
    job.progress.nextRound = round + 1;
    return round;
  });
}

/** Reserves the package of a claimed round, null while another round has it. */
export function beginDrop(job: Job, round: number, seed: number): PackageName | null {
  return job.heap.run(() => {
    const source = sourceOfRound(job, round, seed);
    if (job.busy.has(source.directory)) return null;
    job.busy.set(source.directory, round);
    return { directory: source.directory, label: source.label };
  });
}

/** Hands a dropped package on to the other threads. */
export function offerDropped(job: Job, round: number, seed: number, thread: number): void {
  job.heap.run(() => {
    const source = sourceOfRound(job, round, seed);
    job.dropped.push(new job.Dropped({ round, source, thread }));
  });
}

/** The oldest dropped package that `thread` may link, null when there is none. */
export function takeDropped(job: Job, thread: number, isAlone: boolean): Work | null {
  return job.heap.run(() => {
    for (let index = 0; index < job.dropped.length; index++) {
      const { source, thread: dropper } = job.dropped.at(index)!;
      if (dropper === thread && !isAlone) continue;
      const work = workOf(source!, 0, source!.paths.length);
      job.dropped.splice(index, 1);
      return work;
    }
    return null;
  });
}

/** Ends a round: its package is in the graph again, and free for the next one. */
export function finishRound(job: Job, directory: string): void {
  job.heap.run(() => {
    job.busy.delete(directory);
    job.progress.roundsFinished++;
  });
}

function sourceOfRound(job: Job, round: number, seed: number): Source {
  return job.sources.at(packageOfRound(seed, round, job.sources.length))!;
}

function workOf({ directory, label, paths }: Source, first: number, count: number): Work {
  const taken: string[] = [];
  for (let index = first; index < first + count; index++) taken.push(paths.at(index)!);
  return { name: { directory, label }, paths: taken };
}
