/**
 * An operation, killed at every store: afterwards the heap must verify clean, hold what it held
 * before or what it was to hold, and after one full collection not a byte more.
 */
import { expect } from 'vitest';
import { traceReachable } from '../../src/gc/trace.ts';
import { verifyHeap } from '../../src/gc/verify.ts';
import { Heap, sessionOf } from '../../src/heap.ts';
import { visitBlocks } from '../../src/memory/blocks.ts';
import { KIND_SHIFT } from '../../src/memory/layout.ts';
import { visitRuns } from '../../src/memory/pages.ts';
import { isBackingKind } from '../../src/object/header.ts';
import { killAt, survive } from './killing.ts';
import { COUNTS } from './with-heap.ts';

export interface Step<C> {
  readonly name: string;
  readonly maxBytes?: number;
  /** Makes what the operation works on. Whatever is to survive stands in the named roots. */
  setup(heap: Heap): C;
  run(heap: Heap, context: C): unknown;
  /** Fails when the heap holds what it cannot: by now the thread is another one. */
  check?(heap: Heap, isDone: boolean): void;
  /** Kills at every store up to here, and at some beyond. */
  readonly every?: number;
}

const MIB = 2 ** 20;

/** Kills `step` at its stores, one heap for each. Returns how many deaths that were. */
export function killAtEveryStore<C>(step: Step<C>): number {
  const every = step.every ?? 250;
  let deaths = 0;
  let stride = 1;
  for (let n = 1; ; n += stride) {
    if (n >= every) stride = 1 + Math.floor((n * 7) / every);
    if (!killOnce(step, n)) return deaths;
    deaths++;
  }
}

function killOnce<C>(step: Step<C>, n: number): boolean {
  const heap = Heap.create({ maxBytes: step.maxBytes ?? 4 * MIB, counts: COUNTS });
  const context = step.setup(heap);
  const session = sessionOf(heap);
  const killer = killAt(heap, n, () => step.run(heap, context));
  const at = `${step.name}, store ${n}`;
  if (killer === null) {
    if (session.isOpen) step.check?.(heap, true);
    heap[Symbol.dispose]();
    return false;
  }
  let other: Heap;
  try {
    other = survive(session);
  } catch (error) {
    throw new Error(`${at}: not recovered`, { cause: error });
  }
  expectSoundAfter(other, at, killer.isTorn);
  if (!killer.isTorn) {
    try {
      step.check?.(other, false);
    } catch (error) {
      throw new Error(`${at}: ${(error as Error).message}`, { cause: error });
    }
  }
  other.gc.collect();
  expectSoundAfter(other, `${at}, collected`, killer.isTorn);
  expectNoLeak(other, at);
  other.detach();
  return true;
}

/** The heap verifies clean. */
export function expectSoundAfter(heap: Heap, at: string, isTorn: boolean): void {
  const session = sessionOf(heap);
  const findings = heap.run(() => verifyHeap(session.mem, session.handles.localRefs()));
  // A value of which one word is missing is some value.
  const found = findings.filter(({ code }) => !isTorn || !code.startsWith('VALUE_'));
  expect(found.map(({ code, message }) => `${at}: ${code} ${message}`)).toEqual([]);
}

/** Everything that lives can be reached. */
export function expectNoLeak(heap: Heap, at: string): void {
  const { mem } = sessionOf(heap);
  heap.run(() => {
    const reached = traceReachable(mem, []);
    const lost: string[] = [];
    visitRuns(mem, (record) =>
      visitBlocks(mem, record, (block, info) => {
        const kind = info >>> KIND_SHIFT;
        if (!isBackingKind(kind) && !reached.has(block as never)) lost.push(`${kind} at ${block}`);
      }),
    );
    expect(lost, `${at}: leaked`).toEqual([]);
  });
}

// biome-ignore lint/suspicious/noExplicitAny: what stands in the roots is known to each test.
type Any = any;

/** What an operation may leave of elements: those it keeps, and any of those it has or brings. */
export function expectBetween(found: unknown[], before: unknown[], after: unknown[]): void {
  const known = new Set<unknown>([...before, ...after, undefined]);
  expect(found.filter((element) => !known.has(element))).toEqual([]);
  const left = new Set(found);
  const kept = new Set(after);
  expect(before.filter((element) => kept.has(element) && !left.has(element))).toEqual([]);
}

/** A step on an array of the root: `change` is done to it, and to an ordinary one. */
export function arrayStep(
  name: string,
  elements: unknown[],
  change: (array: Any[]) => unknown,
  options: Partial<Step<Any>> = {},
): Step<Any> {
  const after = [...elements];
  change(after);
  return {
    name,
    setup: (heap) => {
      heap.root.set('list', heap.array(elements as Any) as Any);
      return heap.root.get('list') as Any;
    },
    run: (_, array) => change(array),
    check: (heap, isDone) => {
      const found = [...(heap.root.get('list') as Any)];
      if (isDone) expect(found).toEqual(after);
      else expectBetween(found, elements, after);
    },
    ...options,
  };
}

/** A step on a map of the root, as `arrayStep`. Every key has a value that it had, or is to get. */
export function mapStep(
  name: string,
  entries: [unknown, unknown][],
  change: (map: Any) => unknown,
  options: Partial<Step<Any>> = {},
): Step<Any> {
  const before = new Map(entries);
  const after = new Map(entries);
  change(after);
  return {
    name,
    setup: (heap) => {
      heap.root.set('map', heap.map(entries as Any) as Any);
      return heap.root.get('map') as Any;
    },
    run: (_, map) => change(map),
    check: (heap, isDone) => {
      const found = heap.root.get('map') as Any;
      const list: [unknown, unknown][] = [...found];
      if (isDone) {
        expect(list).toEqual([...after]);
        return;
      }
      expect(list.length).toBe(found.size);
      expect(new Set(list.map(([key]) => key)).size).toBe(list.length);
      for (const [key, value] of list) {
        expect([before.get(key), after.get(key)]).toContainEqual(value);
        expect(found.get(key)).toEqual(value);
      }
      expectBetween(
        list.map(([key]) => key),
        [...before.keys()],
        [...after.keys()],
      );
    },
    ...options,
  };
}
