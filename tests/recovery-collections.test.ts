/** Collections of every form, killed at every store; and recovery itself. */
import { beforeAll, expect, test } from 'vitest';
import { runBackgroundCollection } from '../src/gc/background.ts';
import { wantBackground } from '../src/gc/background-state.ts';
import { Collector } from '../src/gc/collector.ts';
import { type Heap, sessionOf } from '../src/heap.ts';
import { GC_BUDGET_US, GC_SHARED_MIN } from '../src/memory/layout.ts';
import { killAtEveryStore, type Step } from './support/kill-steps.ts';
import { patchAtomics } from './support/killing.ts';

beforeAll(patchAtomics);

const RINGS = 12;

// biome-ignore lint/suspicious/noExplicitAny: what stands in the roots is known to each test.
type Any = any;

/** Garbage in rings that hold each other and survivors; some of it old. */
function makeGarbage(heap: Heap): void {
  const Node = heap.struct('Node', { next: 'ref', other: 'any', name: 'string' } as Any) as Any;
  const kept = heap.array();
  heap.root.set('kept', kept as Any);
  heap.gc.disable();
  heap.run(() => {
    for (let ring = 0; ring < RINGS; ring++) {
      const first = new Node({ name: `ring ${ring}` });
      const held = new Node({ name: `held ${ring}` });
      kept.push(held);
      const map = heap.map([['first', first]] as Any);
      first.next = new Node({ next: first, other: held });
      first.other = heap.array([map, held, first.next]);
      if (ring === RINGS / 2) heap.gc.collect(0);
      if (ring % 4 === 0) kept.push(first);
    }
  });
  for (let ring = 0; ring < RINGS; ring += 4) kept.push(`filler ${ring}`);
  heap.run(() => {
    const list = [...kept].filter((element: Any) => !String(element?.name).startsWith('ring'));
    kept.length = 0;
    kept.push(...(list as Any));
  });
}

function checkKept(heap: Heap): void {
  heap.struct('Node', { next: 'ref', other: 'any', name: 'string' } as Any);
  const kept = [...(heap.root.get('kept') as Any)] as Any[];
  const names = kept.filter((element) => typeof element === 'object').map(({ name }) => name);
  expect(names).toEqual(Array.from({ length: RINGS }, (_, ring) => `held ${ring}`));
}

const collectStep = (
  name: string,
  run: (heap: Heap) => unknown,
  options: Partial<Step<Any>> = {},
): Step<Any> => ({
  name,
  maxBytes: 8 * 2 ** 20,
  setup: makeGarbage,
  run,
  check: checkKept,
  every: 250,
  ...options,
});

const pageByPage = (heap: Heap) => {
  makeGarbage(heap);
  sessionOf(heap).mem.i32[GC_SHARED_MIN] = 0;
};

const background = (heap: Heap, budgetUs: number) => {
  const { mem } = sessionOf(heap);
  mem.i32[GC_BUDGET_US] = budgetUs;
  heap.run(() => wantBackground(mem, 2));
  const hooks = { startScanners: () => 0, isStopRequested: () => false };
  runBackgroundCollection(new Collector(mem), hooks);
};

const STEPS: Step<Any>[] = [
  collectStep('the youngest is collected', (heap) => heap.gc.collect(0)),
  collectStep('the middle is collected', (heap) => heap.gc.collect(1)),
  collectStep('everything is collected', (heap) => heap.gc.collect()),
  collectStep('the youngest is collected page by page', (heap) => heap.gc.collect(0), {
    setup: pageByPage,
  }),
  collectStep('everything is collected page by page', (heap) => heap.gc.collect(), {
    setup: pageByPage,
  }),
  collectStep('everything is collected beside others', (heap) => background(heap, 1_000_000)),
  collectStep('it is collected in many stops', (heap) => background(heap, 1)),
  collectStep('collections come by themselves', (heap) => {
    heap.gc.enable();
    heap.gc.setThreshold(10, 2, 2);
    heap.run(() => {
      for (let i = 0; i < 30; i++) {
        heap.array([heap.array()]);
        heap.safepoint();
      }
    });
  }),
];

test.each(STEPS.map((step) => [step.name, step] as const))('%s', (_, step) => {
  expect(killAtEveryStore(step)).toBeGreaterThan(3);
});
