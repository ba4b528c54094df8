/**
 * How much garbage the edits may leave: what the collector's thresholds let wait.
 *
 * A young collection is due when more than `t0` containers have been allocated than freed; the
 * section in which that happens goes on to its end. In the place of every (t1 + 2)th of these comes
 * a middle one, and after t2 + 1 of those the next is a full one: with 700, 10, 10 the 133rd. So
 * between two full collections there are
 *
 *     triggers = (t1 + 2) (t2 + 1) + 1
 *     containers <= triggers (t0 + 1) + what the sections in question allocated on top
 *
 * A section that allocates many containers links a whole package, once per round: on top come at
 * most the `triggers` largest packages of the rounds. A full collection that is due is put off
 * while the oldest generation has grown by less than a quarter of the objects that lived after the
 * last one: these come on top as well. What lived after the last full collection is not more than
 * the graph, which is as large as before when the edits are done: all the rest may be garbage.
 *
 * Nor is there more of it than the edits have dropped, which is the lower bound in a short run.
 */

export interface AllowanceInput {
  readonly thresholds: readonly [number, number, number];
  /** Containers of the package that each round drops and links anew. */
  readonly roundContainers: readonly number[];
  /** Containers of the whole graph. */
  readonly graphContainers: number;
  /** Objects of any kind that lived when the graph was built. */
  readonly builtObjects: number;
  /** Live bytes of the graph when it was built. */
  readonly graphBytes: number;
  readonly threads: number;
}

/** Packages differ in bytes per container (paths are long or short): at most by this factor. */
const UNEVEN = 2;
/**
 * The living keep what they have needed at the most: lists of importers and the table of those that
 * wait grow by doubling. After hundreds of edits that is a thirtieth of the graph.
 */
const SPARE_SHARE = 1 / 8;
/** What each thread leaves in the job: its tally, and its round among the busy ones. */
const THREAD_BYTES = 512;
/** The smallest tables. */
const BASE_BYTES = 4096;

/** Containers that may be garbage when the edits are done. */
export function waitingContainers(
  input: Pick<AllowanceInput, 'thresholds' | 'roundContainers' | 'builtObjects'>,
): number {
  const [t0, t1, t2] = input.thresholds;
  const triggers = (t1 + 2) * (t2 + 1) + 1;
  const largest = [...input.roundContainers].sort((a, b) => b - a).slice(0, triggers);
  const allowed = triggers * (t0 + 1) + sum(largest) + Math.ceil(input.builtObjects / 4);
  return Math.min(allowed, sum(input.roundContainers));
}

/** Bytes by which the heap may be larger after the edits than before them. */
export function allowedGarbageBytes(input: AllowanceInput): number {
  const { graphBytes, graphContainers, threads } = input;
  const containerBytes = graphContainers === 0 ? 0 : graphBytes / graphContainers;
  const garbageBytes = waitingContainers(input) * containerBytes * UNEVEN;
  const spareBytes = graphBytes * SPARE_SHARE + threads * THREAD_BYTES + BASE_BYTES;
  return Math.ceil(garbageBytes + spareBytes);
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((total, n) => total + n, 0);
}
