/**
 * The naive trace: what can be reached from outside the heap, found by marking from the roots.
 *
 * It is the oracle of the collector's tests: what a collection frees must not be reachable before,
 * and after a full one nothing unreachable may be left. So it shares no code with the collector, is
 * as plain as can be, and needs neither counts, cards, generations nor candidates. It reads a
 * sound heap at rest; `verify.ts` is for heaps that may be damaged.
 *
 *   roots   rows of all threads, named roots, what is in transit, the locals given, immortals
 *
 * Locals of other threads that wait at a safepoint are rows by then.
 */

import {
  ABANDONED,
  ARRAY_HEIGHT,
  ARRAY_LENGTH,
  ARRAY_ROOT,
  CHUNK_ENTRIES,
  CHUNK_NEXT,
  CHUNK_USED,
  CONTROL_ROOT_MAP,
  CONTROL_TOP_PAGE,
  CONTROL_TRANSIT_MAP,
  ENTRY_KEY,
  ENTRY_VALUE,
  FIRST_STRUCT_KIND,
  GC_CONDEMNED,
  GC_GENERATION_MASK,
  GC_TRACKED,
  HEADER_COUNT,
  HEADER_INFO,
  HEADER_WORDS,
  KIND_ARRAY,
  KIND_CHUNK,
  KIND_MAP,
  KIND_NODE,
  KIND_REFERENCES,
  KIND_SET,
  KIND_SHIFT,
  KIND_TUPLE,
  KIND_VALUES,
  KIND_VALUES_AT,
  KIND_WORDS,
  LEAF_WORDS,
  MAP_ENTRY_WORDS,
  MAP_FIRST,
  NODE_PAYLOAD,
  NODE_SHIFT_AT,
  NODE_SHIFT_MASK,
  type ObjectRef,
  PAGE_BLOCK_WORDS,
  PAGE_BLOCKS,
  PAGE_CARVED,
  PAGE_RECORD_WORDS,
  PAGE_RUN,
  PAGE_STATE,
  PAGE_WORDS,
  PERMANENT,
  ROW_ITERATOR,
  SET_ENTRY_WORDS,
  TAG_REFERENCE,
  THREAD_ATTACHED,
  THREAD_HELD_COUNT,
  THREAD_HELD_ROOT,
  THREAD_ROWS_COUNT,
  THREAD_ROWS_ROOT,
  THREAD_STATE,
  THREAD_WORDS,
  TUPLE_LENGTH,
  TUPLE_VALUES,
  VALUE_HIGH,
  VALUE_LOW,
  VALUE_WORDS,
} from '../memory/layout.ts';
import type { Memory } from '../memory/memory.ts';

/** The height of a vector stands behind its root, wherever that is. */
const HEIGHT = ARRAY_HEIGHT - ARRAY_ROOT;

/** All objects that are reachable, strings and bigints included. The caller holds the GIL. */
export function traceReachable(mem: Memory, locals: readonly ObjectRef[]): Set<ObjectRef> {
  const reached = new Set<ObjectRef>();
  const worklist: ObjectRef[] = [];
  const reach = (object: number) => {
    if (object === 0 || reached.has(object as ObjectRef)) return;
    reached.add(object as ObjectRef);
    worklist.push(object as ObjectRef);
  };
  for (const local of locals) reach(local);
  reachRoots(mem, reach);
  for (;;) {
    const object = worklist.pop();
    if (object === undefined) return reached;
    reachReferences(mem, object, reach);
  }
}

/**
 * The tracked objects that are not reachable, by address: what a full collection has to free.
 * Frozen objects count as roots here, since no collection examines them. Garbage that a sweep was
 * left off in is not listed: it is found already.
 */
export function findUnreachable(mem: Memory, locals: readonly ObjectRef[]): ObjectRef[] {
  const roots = [...locals];
  forEachObject(mem, (object, info) => {
    if ((info & GC_GENERATION_MASK) === PERMANENT) roots.push(object);
  });
  const reached = traceReachable(mem, roots);
  const unreachable: ObjectRef[] = [];
  forEachObject(mem, (object, info) => {
    if ((info & (GC_TRACKED | GC_CONDEMNED)) !== GC_TRACKED) return;
    if (!reached.has(object)) unreachable.push(object);
  });
  return unreachable;
}

function reachRoots(mem: Memory, reach: (object: number) => void): void {
  const { i32 } = mem;
  for (let id = 1; id < ABANDONED; id++) {
    const thread = mem.threadTable + (id - 1) * THREAD_WORDS;
    if (i32[thread + THREAD_STATE] !== THREAD_ATTACHED) continue;
    for (const at of wordsOf(mem, thread + THREAD_ROWS_ROOT, i32[thread + THREAD_ROWS_COUNT])) {
      reach(i32[at] & ~ROW_ITERATOR);
    }
    for (const at of wordsOf(mem, thread + THREAD_HELD_ROOT, i32[thread + THREAD_HELD_COUNT])) {
      reach(i32[at]);
    }
  }
  reach(i32[CONTROL_ROOT_MAP]);
  reach(i32[CONTROL_TRANSIT_MAP]);
  forEachObject(mem, (object) => {
    if (i32[object + HEADER_COUNT] < 0) reach(object);
  });
}

function reachReferences(mem: Memory, object: number, reach: (object: number) => void): void {
  const { i32 } = mem;
  const kind = i32[object + HEADER_INFO] >>> KIND_SHIFT;
  const reachValue = (at: number) => {
    if (i32[at + VALUE_HIGH] === TAG_REFERENCE) reach(i32[at + VALUE_LOW]);
  };
  if (kind >= FIRST_STRUCT_KIND) {
    const record = mem.kindTable + kind * KIND_WORDS;
    for (let i = 0; i < i32[record + KIND_REFERENCES]; i++) reach(i32[object + HEADER_WORDS + i]);
    const values = object + i32[record + KIND_VALUES_AT];
    for (let i = 0; i < i32[record + KIND_VALUES]; i++) reachValue(values + i * VALUE_WORDS);
  } else if (kind === KIND_ARRAY) {
    const words = i32[object + ARRAY_LENGTH] * VALUE_WORDS;
    // Of the two words of an element the first stands at an even address.
    for (const at of wordsOf(mem, object + ARRAY_ROOT, words)) if (at % 2 === 0) reachValue(at);
  } else if (kind === KIND_TUPLE) {
    const length = i32[object + TUPLE_LENGTH];
    for (let i = 0; i < length; i++) reachValue(object + TUPLE_VALUES + i * VALUE_WORDS);
  } else if (kind === KIND_MAP || kind === KIND_SET) {
    const isMap = kind === KIND_MAP;
    for (let chunk = i32[object + MAP_FIRST]; chunk !== 0; chunk = i32[chunk + CHUNK_NEXT]) {
      for (let i = 0; i < i32[chunk + CHUNK_USED]; i++) {
        const entry = chunk + CHUNK_ENTRIES + i * (isMap ? MAP_ENTRY_WORDS : SET_ENTRY_WORDS);
        reachValue(entry + ENTRY_KEY);
        if (isMap) reachValue(entry + ENTRY_VALUE);
      }
    }
  }
}

/** The addresses of the first `count` words of the vector whose root and height stand at `at`. */
function* wordsOf(mem: Memory, at: number, count: number): Generator<number> {
  const { i32 } = mem;
  let left = count;
  for (const leaf of leavesOf(mem, i32[at], i32[at + HEIGHT])) {
    for (let i = 0; i < LEAF_WORDS && left > 0; i++, left--) yield leaf + NODE_PAYLOAD + i;
  }
}

/** The leaves of a tree of nodes, from the first on. At most four levels deep. */
function* leavesOf(mem: Memory, node: number, height: number): Generator<number> {
  if (node === 0) return;
  if (height === 1) {
    yield node;
    return;
  }
  const slots = 1 << ((mem.i32[node + HEADER_INFO] >>> NODE_SHIFT_AT) & NODE_SHIFT_MASK);
  for (let i = 0; i < slots; i++) {
    yield* leavesOf(mem, mem.i32[node + NODE_PAYLOAD + i], height - 1);
  }
}

/** Calls `visit` with every object and its info word, by address. */
function forEachObject(mem: Memory, visit: (object: ObjectRef, info: number) => void): void {
  const { i32 } = mem;
  let page: number = mem.firstPage;
  while (page < i32[CONTROL_TOP_PAGE]) {
    const record = mem.pageTable + page * PAGE_RECORD_WORDS;
    const carved = i32[record + PAGE_STATE] === PAGE_BLOCKS ? i32[record + PAGE_CARVED] : 0;
    for (let i = 0; i < carved; i++) {
      const block = page * PAGE_WORDS + i * i32[record + PAGE_BLOCK_WORDS];
      const info = i32[block + HEADER_INFO];
      const kind = info >>> KIND_SHIFT;
      if (info !== 0 && kind !== KIND_NODE && kind !== KIND_CHUNK) visit(block as ObjectRef, info);
    }
    page += i32[record + PAGE_RUN];
  }
}
