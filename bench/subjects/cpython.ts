/**
 * The machine's `python3`, its objects and its `gc` module: the model of our collector, and the
 * rival to it. Each cell is a run of `cpython.py`, which knows the workloads; the graphs come from
 * here, so that they are those of the other subjects.
 */

import { spawn, spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import {
  collectionChecksum,
  edgesOf,
  GC_COLLECT_RING,
  GC_COLLECT_RINGS,
  GC_TRAVERSAL_ARRAYS,
  MESSAGE_BYTES,
  MUTATOR_POOL,
  OLD_OBJECTS,
  SMALL_RING,
  WALK_STEPS,
  windowOf,
  youngEdgesOf,
} from '../graphs.ts';
import {
  besideFigures,
  churnFigures,
  explicitFigures,
  nanoseconds,
  pushFigures,
  repetitionsOf,
  shareOnly,
  type Timed,
} from '../harness/collection-figures.ts';
import { PAUSE_MIN_MS, pauseFigures, summaryOf } from '../harness/pauses.ts';
import type { BenchFactory, Cell, ManyFigures, Subject } from '../harness/types.ts';
import { aloneMs } from './beside.ts';

const PYTHON = 'python3';

/** The script lies with the sources: the compiler does not copy it. */
function findScript(): string {
  const besides = fileURLToPath(new URL('./cpython.py', import.meta.url));
  if (existsSync(besides)) return besides;
  return fileURLToPath(new URL('../../../bench/subjects/cpython.py', import.meta.url));
}

function versionOfPython(): string | undefined {
  const program =
    'import platform; print(platform.python_implementation(), platform.python_version())';
  const { status, stdout } = spawnSync(PYTHON, ['-c', program], { encoding: 'utf8' });
  return status === 0 ? stdout.trim() : undefined;
}

/** Runs the script on one cell; `edges` is what it reads from its standard input. */
function runPython<T>(workload: string, cell: Cell, edges: Int32Array | null): Promise<T> {
  const task = {
    workload,
    ...cell,
    repetitions: repetitionsOf(cell.operations),
    pauseMinMs: PAUSE_MIN_MS,
    walkSteps: WALK_STEPS,
    smallRing: SMALL_RING,
    rings: GC_COLLECT_RINGS,
    ring: GC_COLLECT_RING,
    arrays: GC_TRAVERSAL_ARRAYS,
    oldObjects: OLD_OBJECTS,
    mutatorPool: MUTATOR_POOL,
    aloneMs: aloneMs(cell.operations),
    messageBytes: MESSAGE_BYTES,
    window: windowOf(cell.operations),
  };
  const python = spawn(PYTHON, [findScript(), JSON.stringify(task)]);
  process.once('exit', () => python.kill('SIGKILL'));
  let answer = '';
  let complaint = '';
  python.stdout.setEncoding('utf8').on('data', (text: string) => {
    answer += text;
  });
  python.stderr.setEncoding('utf8').on('data', (text: string) => {
    complaint = (complaint + text).slice(-1000);
  });
  python.stdin.on('error', () => {}); // it has ended early: its exit code says more
  python.stdin.end(edges === null ? '' : Buffer.from(edges.buffer));
  return new Promise((resolve, reject) => {
    python.once('error', reject);
    python.once('close', (code) => {
      if (code === 0) resolve(JSON.parse(answer) as T);
      else reject(new Error(`python3 ended with ${code}: ${complaint.trim().split('\n').at(-1)}`));
    });
  });
}

/** What every collection answers. */
interface Answer {
  readonly runs: readonly Timed[];
  readonly walk: number;
  readonly live: number;
  readonly collected: number;
}

interface BesideAnswer extends Answer {
  readonly pauses: readonly number[];
  readonly jitter: number;
  readonly before: number;
  readonly during: number;
}

const edgesFor = (name: string, { operations }: Cell): Int32Array | null => {
  if (name.startsWith('half')) return edgesOf(operations / 2);
  if (name.startsWith('full') || name.startsWith('mutator')) return edgesOf(operations);
  if (name.startsWith('young')) return youngEdgesOf(operations);
  return null;
};

const explicit =
  (name: string): BenchFactory =>
  (cell) => ({
    measureAll: async () => {
      const answer = await runPython<Answer>(name, cell, edgesFor(name, cell));
      const figures = explicitFigures(cell.operations, answer.runs);
      return { figures, checksum: collectionChecksum(answer) };
    },
  });

const beside =
  (name: string): BenchFactory =>
  (cell) => ({
    measureAll: async () => {
      const answer = await runPython<BesideAnswer>(name, cell, edgesFor(name, cell));
      const { wall, cpu } = answer.runs[0]!;
      const pauses = pauseFigures(answer.pauses);
      const objects = cell.operations;
      const figures = besideFigures({ ...answer, objects, wall, cpu, pauses });
      const isShare = name === 'mutator-beside-scan';
      return {
        figures: isShare ? shareOnly(figures) : figures,
        checksum: collectionChecksum(answer),
      };
    },
  });

const youngLive: BenchFactory = (cell) => ({
  measureAll: async () => {
    const answer = await runPython<Answer>('young-live', cell, edgesFor('young-live', cell));
    const times = answer.runs.map(({ wall }) => (wall * 1e6) / cell.operations);
    return { figures: [nanoseconds(...times)], checksum: collectionChecksum(answer) };
  },
});

const latency =
  (name: string): BenchFactory =>
  (cell) => ({
    measureAll: async () => {
      type Pushes = { wall: number; pauses: number[]; checksum: number };
      const { wall, pauses, checksum } = await runPython<Pushes>(name, cell, null);
      return { figures: pushFigures(wall, pauses), checksum };
    },
  });

interface ChurnAnswer {
  readonly steps: number;
  readonly begin: number;
  readonly end: number;
  readonly longest: number;
  readonly pauses: readonly (readonly [start: number, length: number])[];
  readonly live: number;
}

async function measureMmu(cell: Cell): Promise<ManyFigures> {
  const answer = await runPython<ChurnAnswer>('mmu', cell, null);
  const { begin, end, steps, longest, live } = answer;
  const pauses = answer.pauses.map(([start, length]) => ({ start, length }));
  const figures = churnFigures({ begin, end, steps, pauses, summary: summaryOf(pauses, longest) });
  return { figures, checksum: collectionChecksum({ walk: 0, live, collected: 0 }) };
}

const EXPLICIT = ['gc_collect', 'gc_traversal', 'full-live', 'full-garbage', 'half-garbage'];
const RINGS = ['ring-garbage', 'rings-garbage'];
const BESIDE = ['full-live', 'full-garbage', 'half-garbage', ...RINGS];

const benches: Record<string, BenchFactory> = {
  'young-live': youngLive,
  'mutator-beside-scan': beside('mutator-beside-scan'),
  latency: latency('latency'),
  'latency-cycles': latency('latency-cycles'),
  mmu: (cell) => ({ measureAll: () => measureMmu(cell) }),
};
for (const name of [...EXPLICIT, ...RINGS]) benches[name] = explicit(name);
for (const name of BESIDE) benches[`${name}-automatic`] = beside(`${name}-automatic`);

const version = versionOfPython();

export const subject: Subject = {
  version: version ?? 'none',
  unavailable: version === undefined ? 'there is no python3 on this machine' : undefined,
  benches,
};
