/**
 * The same graph read by several threads at once. Each lap of `threads` threads is preceded by one
 * of a single thread, so that what else happens on the machine meets both: their ratio is the
 * scaling. All threads are warm: each has gone through the graph before.
 */

import type { Cell, Figure, FiguresBench } from '../harness/types.ts';
import { Crew, type CrewTask, type Lap } from './crew.ts';

/** Pairs of laps. */
const ROUNDS = 7;
/** Walks of each thread before anything is measured. */
const WARM_UP = 4;

/** A lap of walks, all of which must find the same. */
interface Walks {
  readonly checksum: number;
  /** Nodes per second, over all threads. */
  readonly throughput: number;
  /** Nanoseconds of CPU for each node. */
  readonly cpu: number | undefined;
}

function walksOf({ milliseconds, turns }: Lap, nodes: number): Walks {
  const total = turns.length * nodes;
  const { checksum } = turns[0]!;
  if (turns.some((turn) => turn.checksum !== checksum)) throw new Error('threads differ');
  let cpu: number | undefined = 0;
  for (const turn of turns) cpu = turn.cpu === undefined ? undefined : cpu! + turn.cpu;
  if (cpu !== undefined) cpu = (cpu * 1e6) / total;
  return { checksum, throughput: (total / milliseconds) * 1000, cpu };
}

const defined = (values: readonly (number | undefined)[]): number[] =>
  values.filter((value) => value !== undefined);

function figuresOf(alone: readonly Walks[], together: readonly Walks[], threads: number): Figure[] {
  const figures: Figure[] = [
    {
      metric: 'throughput',
      unit: 'objects/s',
      samples: together.map(({ throughput }) => throughput),
    },
  ];
  const cpu = defined(together.map((walks) => walks.cpu));
  if (cpu.length > 0) figures.push({ metric: 'cpu', unit: 'ns cpu', samples: cpu });
  if (threads > 1) {
    const samples = together.map(({ throughput }, i) => throughput / alone[i]!.throughput);
    figures.push({ metric: 'scaling', unit: 'x', samples });
  }
  return figures;
}

/** Here `operations` counts the milliseconds for which one thread walks. */
export function parallelRead(
  { operations, size, threads }: Cell,
  task: Pick<CrewTask, 'module' | 'shared'>,
): FiguresBench {
  const measureAll = async () => {
    const crew = await Crew.start({ ...task, workload: 'parallel-read' }, threads);
    try {
      await crew.lap(threads, WARM_UP);
      const { milliseconds } = await crew.lap(1, WARM_UP);
      const walks = Math.max(1, Math.round((operations * WARM_UP) / milliseconds));
      const lap = async (members: number) => walksOf(await crew.lap(members, walks), walks * size!);
      const alone: Walks[] = [];
      const together: Walks[] = [];
      for (let round = 0; round < ROUNDS; round++) {
        alone.push(await lap(1));
        together.push(threads === 1 ? alone[round]! : await lap(threads));
      }
      const figures = figuresOf(alone, together, threads);
      return { figures, checksum: together[0]!.checksum };
    } finally {
      await crew.close();
    }
  };
  return { measureAll };
}

/** A member that walks so many times: all walks must find the same sum. */
export const walkerOf = (walk: () => number) => ({
  turn: (walks: number) => {
    const checksum = walk();
    for (let i = 1; i < walks; i++) if (walk() !== checksum) throw new Error('walks differ');
    return { checksum, count: walks };
  },
});
