/**
 * `sharc/testing`: what sharc is tested with, for the suites of those who use it.
 *
 * - hostile modes: allocations fail, free memory is poisoned, collections run all the time
 * - leak checks: what a piece of code has left behind
 * - graph shapes: rings, trees, cliques and others, with known numbers of objects
 * - seeded programs: random operations, run on a heap and on a model at once, shrunk when they fail
 * - rounds: such programs in several threads on one heap, which hand parts of it to each other
 */

export type { Census } from './testing/census.ts';
export { createProgram, type ProgramOptions } from './testing/create.ts';
export { type FailureKind, ProgramFailure } from './testing/failure.ts';
export {
  type HostileOptions,
  type Hostility,
  hostile,
  type TuneOptions,
} from './testing/hostile.ts';
export { expectNoLeaks, type Leak, leakCheck } from './testing/leaks.ts';
export type { Operation, OperationName } from './testing/operations.ts';
export type { Parcel, ParcelObject, Post } from './testing/parcel.ts';
export { countExpected, Participant, type ParticipantOptions } from './testing/participant.ts';
export { POISON_FREED, poisonFreeMemory, type SpoiledWord } from './testing/poison.ts';
export {
  formatProgram,
  type Program,
  type ProgramResult,
  parseProgram,
  runProgram,
  tryProgram,
} from './testing/program.ts';
export { Random } from './testing/random.ts';
export { watchRecovery } from './testing/recovery.ts';
export {
  createRound,
  formatRound,
  isRoundText,
  parseRound,
  type Round,
  type RoundOptions,
  type RoundProgram,
} from './testing/round.ts';
export {
  chain,
  clique,
  hub,
  nodeStruct,
  ring,
  type TangleOptions,
  type TestNode,
  type TestNodeHandle,
  tangle,
  torus,
  tree,
} from './testing/shapes.ts';
export { type ShrinkOptions, shrink } from './testing/shrink.ts';
export { type RoundVerdict, type ShrinkRoundOptions, shrinkRound } from './testing/shrink-round.ts';
export { describeThreads } from './testing/threads.ts';
export { type UnreachableObject, unreachableObjects } from './testing/tracer.ts';
