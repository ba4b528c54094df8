/** What a pool and its workers tell each other. */

import { Piscina } from 'piscina';
import type { HeapToken } from './attach.ts';
import type { PackedValue } from './passing.ts';
import { handleIn } from './proxy-targets.ts';
import type { Parcel } from './send.ts';

/** Where the heap's token stands in the `workerData` of a pool's workers. */
export const HEAP_KEY = 'sharc.heap';

export const TASK_TYPE = 'sharc.task';
export const ANSWER_TYPE = 'sharc.answer';

/** What a worker gets: a question in transit, and what is around its references. */
export interface TaskMessage extends PackedValue {
  readonly type: typeof TASK_TYPE;
  readonly heap: HeapToken;
  readonly question: Parcel;
}

/** What it returns. */
export interface AnswerMessage extends PackedValue {
  readonly type: typeof ANSWER_TYPE;
  readonly answer: Parcel;
}

/** Whether a value is a message of this type. */
export function isMessage(value: unknown, type: string): boolean {
  return typeof value === 'object' && value !== null && (value as TaskMessage).type === type;
}

/** What `Piscina.move()` has made of a value. */
export interface Moved {
  readonly value: unknown;
  readonly transferable: unknown;
}

/** What is behind a value that was given to `Piscina.move()`; null for any other. */
export function movedOf(value: unknown): Moved | null {
  if (typeof value !== 'object' || value === null || handleIn(value) !== undefined) return null;
  const { transferableSymbol, valueSymbol } = Piscina;
  if (!(transferableSymbol in value && valueSymbol in value)) return null;
  const moved = value as Record<symbol, unknown>;
  return { value: moved[valueSymbol], transferable: moved[transferableSymbol] };
}

/** What inputs and results are unless a program says so: as in Piscina itself. */
// biome-ignore lint/suspicious/noExplicitAny: with `unknown`, untyped pools could not be used
export type Anything = any;
