/** The public surface of sharc. */

export { HeapArray } from './array.ts';
export type { HeapToken } from './attach.ts';
export { HeapBarrier } from './barrier.ts';
export {
  AtomicSectionError,
  HeapClosedError,
  HeapCorruptionError,
  HeapExhaustedError,
  InvalidTokenError,
  LockTimeoutError,
  NotShareableError,
  ReadOnlySectionError,
  SharcError,
  SpentTokenError,
  StaleHandleError,
  StructMismatchError,
  TooManyThreadsError,
} from './base/errors.ts';
export type { CountsMode, HeapOptions, Thresholds } from './base/options.ts';
export {
  BrokenBarrierError,
  QueueClosedError,
  WaitTimeoutError,
  WouldBlockError,
} from './base/wait-errors.ts';
export type { ViewType } from './byte-views.ts';
export { HeapBytes } from './bytes.ts';
export type { Shareable } from './codec.ts';
export { HeapCondition } from './condition.ts';
export { CoordinationObject } from './coordination-object.ts';
export { HeapCounter } from './counter.ts';
export type { DeathPlace, DeathRecord } from './gc/deaths.ts';
export type { Collection, GenerationStats } from './gc/figures.ts';
export type { Durations } from './gc/histogram.ts';
export type { Finding } from './gc/verify.ts';
export { type EveryOptions, HeapGc } from './gc.ts';
export type { CollectOptions } from './gc-arguments.ts';
export {
  DEBUG_COLLECTABLE,
  DEBUG_LEAK,
  DEBUG_SAVEALL,
  DEBUG_STATS,
  DEBUG_UNCOLLECTABLE,
  type GcLogger,
} from './gc-debug.ts';
export type {
  CollectionCallback,
  CollectionInfo,
  CollectionReason,
  CollectionStart,
  CollectionStop,
} from './gc-events.ts';
export type { EventSource, GcSchedule } from './gc-schedule.ts';
export { Handle } from './handle.ts';
export { Heap } from './heap.ts';
export { HeapData } from './heap-data.ts';
export { HeapMap } from './map.ts';
export { HeapMutex, type LockAsyncOptions, UnlockToken } from './mutex.ts';
export type { FieldKind, NumberKind } from './object/struct-layout.ts';
export { HeapObject, type Property } from './plain-object.ts';
export { HeapQueue, type QueueOptions } from './queue.ts';
export { IMMORTAL_REFCOUNT } from './refcounts.ts';
export type {
  ReadAsyncOptions,
  ReadOptions,
  RunAsyncOptions,
  RunOptions,
} from './section-options.ts';
export { HeapSemaphore, SemaphorePermit } from './semaphore.ts';
export type { SendOptions, SentToken } from './send.ts';
export { HeapSet } from './set.ts';
export type { SetLike } from './set-operations.ts';
export type { CollectorStats, HeapStats, LockStats } from './stats.ts';
export {
  type AnyStructClass,
  HeapStruct,
  type StructClass,
  type StructOptions,
  type SubstructClass,
  type SubstructNew,
} from './struct.ts';
export type { ThreadStats } from './sync/thread-table.ts';
export type { DeathListener } from './thread-deaths.ts';
export { HeapTuple } from './tuple.ts';
export type {
  Atom,
  FieldsOf,
  FlatShared,
  FromJS,
  Guard,
  KindFor,
  ProxyOf,
  Reduce,
  Shared,
  SharedStruct,
  ToJS,
  ToJSCoordination,
  TypeOfKind,
  TypesOf,
  Visit,
} from './types.ts';
export type { AsyncWaitOptions, WaitOptions } from './waiting.ts';
