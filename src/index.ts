/** The public surface of sharc. */

export { HeapArray } from './array.ts';
export type { HeapToken } from './attach.ts';
export {
  HeapClosedError,
  HeapCorruptionError,
  HeapExhaustedError,
  InvalidTokenError,
  LockTimeoutError,
  NotShareableError,
  SharcError,
  StaleHandleError,
  StructMismatchError,
  TooManyThreadsError,
} from './base/errors.ts';
export type { CountsMode, HeapOptions } from './base/options.ts';
export type { Shareable } from './codec.ts';
export type { Finding } from './gc/verify.ts';
export { Handle } from './handle.ts';
export { Heap, IMMORTAL_REFCOUNT, type RunOptions } from './heap.ts';
export { HeapMap } from './map.ts';
export type { FieldKind } from './object/struct-layout.ts';
export type { HeapStats, LockStats } from './stats.ts';
export { HeapStruct, type StructClass } from './struct.ts';
export type { ThreadStats } from './sync/thread-table.ts';
export type {
  FieldsOf,
  KindFor,
  Shared,
  SharedStruct,
  TypeOfKind,
  TypesOf,
} from './types.ts';
