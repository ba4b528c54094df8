/**
 * References in transit: sent by one thread, and not received by another yet. The heap owns them.
 *
 * They are the values of an immortal map, made when it is first needed. So collector, verifier and
 * recovery know them as what is in a map, and need to know one more root.
 *
 *   key     addressee * 2^32 + serial number: a double, exact below 2^53
 *   value   what was sent; absent while an answer is awaited under this key
 *
 * The addressee is the worker_threads id of the thread, plus 1, with which unreceived references
 * die; 0 for none. Whoever knows a key can receive what is there: nobody checks who asks.
 */

import {
  CONTROL_TRANSIT_MAP,
  CONTROL_TRANSIT_SERIAL,
  ENTRY_KEY,
  ENTRY_VALUE,
  type ObjectRef,
  SIMPLE_ABSENT,
  TAG_INT32,
  TAG_SIMPLE,
  VALUE_HIGH,
  VALUE_LOW,
} from '../memory/layout.ts';
import type { Memory } from '../memory/memory.ts';
import {
  appendEntry,
  createMap,
  deleteEntry,
  findEntry,
  replaceValue,
  reserveEntry,
} from './map.ts';
import { firstEntry, nextEntry } from './map-chunks.ts';
import { makeImmortal } from './refcount.ts';
import { encodeAbsent, encodeNumber, hashValue, slot } from './value.ts';

const SERIALS = 2 ** 32;
/** No thread's: references that wait for whoever has the key. */
const NOBODY = 0;
/** Ids of threads are below this. */
export const NODE_THREADS_MAX = 2 ** 21 - 1;

/** The key in two words, and its hash: private, until the next call. */
let low = 0;
let high = 0;
let hash = 0;

function encodeKey(mem: Memory, key: number): void {
  encodeNumber(key);
  low = slot[VALUE_LOW];
  high = slot[VALUE_HIGH];
  hash = hashValue(mem, low, high);
}

/** The map of references in transit; NULL_REF when nothing was ever sent. */
export const transitMapOf = (mem: Memory) => mem.i32[CONTROL_TRANSIT_MAP] as ObjectRef;

/** As `transitMapOf`; makes it if need be. @throws HeapExhaustedError */
function ensureTransitMap(mem: Memory): ObjectRef {
  if (transitMapOf(mem) === 0) {
    const map = createMap(mem);
    makeImmortal(mem, map);
    mem.i32[CONTROL_TRANSIT_MAP] = map;
  }
  return transitMapOf(mem);
}

/**
 * A new key, and room for it. Nothing that can be seen has changed.
 *
 * @param nodeThreadId the worker_threads id of the addressee; null for none
 * @throws HeapExhaustedError
 */
export function reserveTransit(mem: Memory, nodeThreadId: number | null): number {
  const map = ensureTransitMap(mem);
  const addressee = nodeThreadId === null ? NOBODY : nodeThreadId + 1;
  let key: number;
  do {
    mem.i32[CONTROL_TRANSIT_SERIAL]++; // wraps: a key is not used again while it is in use
    key = addressee * SERIALS + (mem.i32[CONTROL_TRANSIT_SERIAL] >>> 0);
  } while (findTransit(mem, key) !== 0);
  encodeKey(mem, key);
  reserveEntry(mem, map, hash);
  return key;
}

/** Hands the value in `slot` over to the heap, under a key that was just reserved. */
export function putInTransit(mem: Memory, key: number): void {
  const valueLow = slot[VALUE_LOW];
  const valueHigh = slot[VALUE_HIGH];
  encodeKey(mem, key);
  slot[VALUE_LOW] = valueLow;
  slot[VALUE_HIGH] = valueHigh;
  appendEntry(mem, transitMapOf(mem), low, high, hash);
}

/** The entry of a key; 0 when there is none: received, taken back, or dropped. */
export function findTransit(mem: Memory, key: number): number {
  const map = transitMapOf(mem);
  if (map === 0) return 0;
  encodeKey(mem, key);
  return findEntry(mem, map, low, high, hash);
}

/** Whether nothing is under way at an entry, but an answer is awaited. */
function isAwaiting(mem: Memory, entry: number): boolean {
  const at = entry + ENTRY_VALUE;
  return mem.i32[at + VALUE_HIGH] === TAG_SIMPLE && mem.i32[at + VALUE_LOW] === SIMPLE_ABSENT;
}

/** The entry of a key under which something is to be received; 0 when there is none. */
export function findReceivable(mem: Memory, key: number): number {
  const entry = findTransit(mem, key);
  return entry !== 0 && isAwaiting(mem, entry) ? 0 : entry;
}

/** Takes an entry away. The receiver has counts of its own by now. */
export function endTransit(mem: Memory, entry: number): void {
  deleteEntry(mem, transitMapOf(mem), entry);
}

/** Takes away what is at an entry. From here on an answer is awaited there. */
export function awaitAnswer(mem: Memory, entry: number): void {
  encodeAbsent();
  replaceValue(mem, transitMapOf(mem), entry);
}

/** Hands the value in `slot` over to the heap, at an entry that awaits an answer. */
export function answer(mem: Memory, entry: number): void {
  replaceValue(mem, transitMapOf(mem), entry);
}

/** The entry of a key that awaits an answer; 0 when nobody does any more. */
export function findAwaiting(mem: Memory, key: number): number {
  const entry = findTransit(mem, key);
  return entry !== 0 && isAwaiting(mem, entry) ? entry : 0;
}

/** Drops what is under a key. Returns whether something was. */
export function dropTransit(mem: Memory, key: number): boolean {
  const entry = findTransit(mem, key);
  if (entry === 0) return false;
  const wasUnderWay = !isAwaiting(mem, entry);
  endTransit(mem, entry);
  return wasUnderWay;
}

/** Drops all references that were sent to a thread and not received: it has left, or has died. */
export function dropSentTo(mem: Memory, nodeThreadId: number): void {
  const keys: number[] = [];
  visitTransit(mem, (entry) => {
    const key = keyAt(mem, entry);
    if (Math.floor(key / SERIALS) === nodeThreadId + 1) keys.push(key);
  });
  for (const key of keys) dropTransit(mem, key);
}

/** How many references are in transit. O(that, and tasks of pools that run). */
export function countTransit(mem: Memory): number {
  let count = 0;
  visitTransit(mem, (entry) => {
    if (!isAwaiting(mem, entry)) count++;
  });
  return count;
}

function visitTransit(mem: Memory, visit: (entry: number) => void): void {
  const map = transitMapOf(mem);
  if (map === 0) return;
  for (let entry = firstEntry(mem, map); entry !== 0; entry = nextEntry(mem, entry)) visit(entry);
}

function keyAt(mem: Memory, entry: number): number {
  const at = entry + ENTRY_KEY;
  if (mem.i32[at + VALUE_HIGH] === TAG_INT32) return mem.i32[at + VALUE_LOW];
  return mem.f64[at >>> 1];
}
