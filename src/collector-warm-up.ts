/**
 * The collector thread collects garbage of its own before that of others: its first collections
 * would run code that is not compiled yet, and compilers would take processors away from it and
 * from the mutators, both while the world is stopped. In that state a stop of half a millisecond
 * was seen to last five.
 */

import { createHeap } from './attach.ts';
import { resolveOptions } from './base/options.ts';
import { runBackgroundCollection } from './gc/background.ts';
import { closeBackground, wantBackground } from './gc/background-state.ts';
import { Collector, noteFull } from './gc/collector.ts';
import { readBackground } from './gc/figures.ts';
import { openJob } from './gc/job.ts';
import { OLDEST } from './gc/members.ts';
import { closeJob, layOutJob, runsOf } from './gc/shared-scan.ts';
import {
  CONTROL_COUNTS,
  GC_BACKGROUND_MIN,
  GC_BACKGROUND_SERIAL,
  HEADER_WORDS,
  type ObjectRef,
  VALUE_HIGH,
  VALUE_LOW,
} from './memory/layout.ts';
import { BACKGROUND_MIN, type Memory } from './memory/memory.ts';
import { appendElement, createArray, reserveElements } from './object/array.ts';
import { declareStruct } from './object/kinds.ts';
import { appendEntry, createMap, reserveEntry } from './object/map.ts';
import type { Mutator } from './object/mutator.ts';
import { incref } from './object/refcount.ts';
import { createStruct } from './object/struct.ts';
import type { FieldKind } from './object/struct-layout.ts';
import { encodeReference, encodeSimple, hashValue, slot } from './object/value.ts';
import { acquireGil, releaseGil } from './sync/gil.ts';

const HEAP_BYTES = 2 ** 24;
/** Rounds at most, and milliseconds after which no other one begins. */
const ROUNDS = 6;
const LIMIT_MS = 250;
/** Small components, which are settled in batches: of structs, and of a map and an array each. */
const RINGS = 3000;
const RING_OBJECTS = 20;
const CONTAINERS = 500;
/** A large component, which is tested at once. */
const LARGE_OBJECTS = 24_000;
const NODE_FIELDS = new Map<string, FieldKind>([
  ['next', 'ref'],
  ['first', 'ref'],
]);
const NEXT = 0;
const FIRST = 1;
/** How often the heap's pages, some thirty, are gone through in each round. */
const OPENINGS = 10;

/**
 * Runs collections of every kind over a small heap that nobody else knows, without the lock of
 * `mem`. It is made of objects and not of handles: this thread loads none of what programs hold.
 * Takes a quarter of a second; ends early when `isStopRequested` says so. Does nothing where even
 * small collections are to run beside the mutators: those are short, warm or not.
 *
 * @returns how many objects were collected
 */
export function warmUpCollector(mem: Memory, isStopRequested: () => boolean): number {
  if (mem.i32[GC_BACKGROUND_MIN] < BACKGROUND_MIN) return 0;
  const counts = mem.i32[CONTROL_COUNTS] === 1 ? 'atomic' : 'plain';
  const options = { maxBytes: HEAP_BYTES, thresholds: [0, 0, 0], counts } as const;
  const own = createHeap(resolveOptions(options));
  const collector = new Collector(own);
  const end = performance.now() + LIMIT_MS;
  const mayGoOn = () => performance.now() < end && !isStopRequested();
  let collected = 0;
  for (let round = 0; round < ROUNDS && mayGoOn(); round++) {
    acquireGil(own, Number.POSITIVE_INFINITY);
    dropRings(own, RINGS, RING_OBJECTS);
    dropRings(own, 1, LARGE_OBJECTS);
    for (let i = 0; i < CONTAINERS; i++) dropContainers(own);
    for (let i = 0; i < OPENINGS; i++) openAndClose(own);
    wantBackground(own, OLDEST);
    releaseGil(own);
    runBackgroundCollection(collector, { startScanners: () => 0, isStopRequested });
    collected += readBackground(own, own.i32[GC_BACKGROUND_SERIAL])?.collected ?? 0;
  }
  return collected;
}

/** What is done with each page at the opening and at the end of a collection. Under the lock. */
function openAndClose(mem: Mutator): void {
  openJob(mem);
  layOutJob(mem, runsOf(mem, OLDEST), OLDEST, () => {});
  closeBackground(mem);
  closeJob(mem);
  noteFull(mem);
}

/** Makes garbage: rings, each of whose objects also holds the first one. Under the lock. */
function dropRings(mem: Mutator, rings: number, objects: number): void {
  const { kind } = declareStruct(mem, 'Node', NODE_FIELDS);
  const put = (node: ObjectRef, slotIndex: number, value: ObjectRef) => {
    mem.i32[node + HEADER_WORDS + slotIndex] = value;
  };
  for (let ring = 0; ring < rings; ring++) {
    const first = createStruct(mem, kind);
    let last = first;
    for (let i = 1; i < objects; i++) {
      const node = createStruct(mem, kind);
      put(node, NEXT, last); // its count goes with it
      incref(mem, first);
      put(node, FIRST, first);
      last = node;
    }
    put(first, NEXT, last);
  }
}

/** Makes garbage: a map and an array that hold each other. Under the lock. */
function dropContainers(mem: Mutator): void {
  const map = createMap(mem);
  const array = createArray(mem);
  reserveElements(mem, array, 1);
  encodeReference(map);
  appendElement(mem, array);
  encodeSimple(null);
  const [low, high] = [slot[VALUE_LOW], slot[VALUE_HIGH]];
  const hash = hashValue(mem, low, high);
  reserveEntry(mem, map, hash);
  encodeReference(array);
  appendEntry(mem, map, low, high, hash);
}
