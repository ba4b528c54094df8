/**
 * Objects that threads wait for: structs of the library's own. What they hold, and where.
 *
 *   mutex      its owner: a thread's number (0: free) and serial; a line
 *   condition  an array of its waiters, see `condition.ts`; the next waiter's ticket; a line
 *   queue      a ring of values; its capacity; where it begins and ends; whether it is closed; the
 *              line of those that push and the line of those that pop: see `queue-ring.ts`
 *   semaphore  permits that are free; a line
 *   barrier    parties; how many have arrived; the phase; whether it is broken; a line; which
 *              phases were broken: see `barrier.ts`
 *   counter    64 bits
 *
 * Lines are drawn in `sync/line.ts`. Programs cannot declare structs of these names, so nobody else
 * writes the fields.
 */

import { assert } from '../base/assert.ts';
import type { ObjectRef } from '../memory/layout.ts';
import type { Memory } from '../memory/memory.ts';
import { readInt64 } from '../sync/int64.ts';
import { LINE_FIELDS } from '../sync/line.ts';
import { arrayLength } from './array.ts';
import { declareStruct } from './kinds.ts';
import type { Mutator } from './mutator.ts';
import { type FieldKind, layOutStruct, reservedName } from './struct-layout.ts';

/** What there is to wait for, by number. */
export const MUTEX = 0;
export const CONDITION = 1;
export const QUEUE = 2;
export const SEMAPHORE = 3;
export const BARRIER = 4;
export const COUNTER = 5;
/** What they are called. */
export const COORDINATION_NAMES = [
  'mutex',
  'condition',
  'queue',
  'semaphore',
  'barrier',
  'counter',
] as const;

type Fields = readonly (readonly [string, FieldKind])[];

const int32s = (...names: string[]): Fields => names.map((name) => [name, 'int32'] as const);
const lineOf = (name: string): Fields => int32s(...LINE_FIELDS.map((field) => `${name}.${field}`));

/** Ranges of broken phases that a barrier knows. */
export const BROKEN_RANGES = 8;
/** Words of one, and where in it its first and its last phase stand. */
export const BROKEN_RANGE_WORDS = 2;
export const BROKEN_FIRST = 0;
export const BROKEN_LAST = 1;
const BROKEN_FIELDS = Array.from({ length: BROKEN_RANGES }, (_, i) => [`first${i}`, `last${i}`]);

const FIELDS: Fields[] = [
  [...int32s('owner', 'serial'), ...lineOf('line')],
  [['waiters', 'ref'], ...int32s('ticket'), ...lineOf('line')],
  [
    ['ring', 'ref'],
    ...int32s('capacity', 'begin', 'end', 'closed'),
    ...lineOf('pushers'),
    ...lineOf('poppers'),
  ],
  [...int32s('permits'), ...lineOf('line')],
  [
    ...int32s('parties', 'arrived', 'phase', 'broken'),
    ...lineOf('line'),
    ...int32s('ranges', ...BROKEN_FIELDS.flat()),
  ],
  [['value', 'bigint64']],
];

const LAYOUTS = FIELDS.map((fields, what) =>
  layOutStruct(reservedName(COORDINATION_NAMES[what]), new Map(fields), 0),
);

/** Words from an object's header to a field. */
function offsetOf(what: number, field: string): number {
  const place = LAYOUTS[what].places.get(field);
  assert(place !== undefined, `coordination: ${COORDINATION_NAMES[what]} has a field ${field}`);
  return place.offset;
}

/** Words from an object's header to a line. */
function lineIn(what: number, name: string): number {
  const first = offsetOf(what, `${name}.${LINE_FIELDS[0]}`);
  const isWhole = LINE_FIELDS.every((field, i) => offsetOf(what, `${name}.${field}`) === first + i);
  assert(isWhole, `coordination: the words of the line ${name} stand in order`);
  return first;
}

export const MUTEX_OWNER = offsetOf(MUTEX, 'owner');
export const MUTEX_SERIAL = offsetOf(MUTEX, 'serial');
export const MUTEX_LINE = lineIn(MUTEX, 'line');
export const CONDITION_WAITERS = offsetOf(CONDITION, 'waiters');
export const CONDITION_TICKET = offsetOf(CONDITION, 'ticket');
/** Elements of the array of waiters for each of them. */
export const WAITER_PARTS = 3;
export const CONDITION_LINE = lineIn(CONDITION, 'line');
export const QUEUE_RING = offsetOf(QUEUE, 'ring');
export const QUEUE_CAPACITY = offsetOf(QUEUE, 'capacity');
export const QUEUE_BEGIN = offsetOf(QUEUE, 'begin');
export const QUEUE_END = offsetOf(QUEUE, 'end');
export const QUEUE_CLOSED = offsetOf(QUEUE, 'closed');
export const QUEUE_PUSHERS = lineIn(QUEUE, 'pushers');
export const QUEUE_POPPERS = lineIn(QUEUE, 'poppers');
export const SEMAPHORE_PERMITS = offsetOf(SEMAPHORE, 'permits');
export const SEMAPHORE_LINE = lineIn(SEMAPHORE, 'line');
export const BARRIER_PARTIES = offsetOf(BARRIER, 'parties');
export const BARRIER_ARRIVED = offsetOf(BARRIER, 'arrived');
export const BARRIER_PHASE = offsetOf(BARRIER, 'phase');
export const BARRIER_BROKEN = offsetOf(BARRIER, 'broken');
export const BARRIER_LINE = lineIn(BARRIER, 'line');
export const BARRIER_RANGES = offsetOf(BARRIER, 'ranges');
export const BARRIER_RANGE = offsetOf(BARRIER, 'first0');
export const COUNTER_VALUE = offsetOf(COUNTER, 'value');

assert(
  QUEUE_BEGIN % 2 === 0 && QUEUE_END === QUEUE_BEGIN + 1,
  'coordination: begin and end of a queue are written by one store',
);

assert(
  BROKEN_FIELDS.flat().every((field, i) => offsetOf(BARRIER, field) === BARRIER_RANGE + i),
  'coordination: the ranges of broken phases stand in order',
);

const NUMBERS: ReadonlyMap<string, number> = new Map(LAYOUTS.map(({ name }, what) => [name, what]));

/** Which of them the structs of a name are; undefined for any other. */
export const coordinationOf = (name: string): number | undefined => NUMBERS.get(name);

/** The kind of such objects in a heap, found or declared. @throws HeapExhaustedError, RangeError */
export const declareCoordination = (mem: Mutator, what: number): number =>
  declareStruct(mem, LAYOUTS[what].name, new Map(FIELDS[what])).kind;

/** What can be said of such an object, but for the values in a queue. */
export function stateOf(
  mem: Memory,
  ref: ObjectRef,
  what: number,
): Record<string, number | boolean> {
  const { i32 } = mem;
  switch (what) {
    case MUTEX:
      return { isLocked: i32[ref + MUTEX_OWNER] !== 0 };
    case CONDITION:
      return {
        waiting: arrayLength(mem, i32[ref + CONDITION_WAITERS] as ObjectRef) / WAITER_PARTS,
      };
    case QUEUE: {
      const capacity = i32[ref + QUEUE_CAPACITY];
      return { capacity, size: queueSize(mem, ref), isClosed: i32[ref + QUEUE_CLOSED] !== 0 };
    }
    case SEMAPHORE:
      return { permits: i32[ref + SEMAPHORE_PERMITS] };
    case BARRIER:
      return {
        parties: i32[ref + BARRIER_PARTIES],
        waiting: i32[ref + BARRIER_ARRIVED],
        isBroken: i32[ref + BARRIER_BROKEN] !== 0,
      };
    default:
      return { value: readInt64(mem, ref + COUNTER_VALUE) };
  }
}

/** Values in a queue. */
export function queueSize({ i32 }: Memory, queue: ObjectRef): number {
  const size = i32[queue + QUEUE_END] - i32[queue + QUEUE_BEGIN];
  return size < 0 ? size + 2 * i32[queue + QUEUE_CAPACITY] : size;
}
