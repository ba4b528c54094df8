/** Every operation with every of its allocations failing: it has not happened, and all goes on. */

import { describe, expect, test } from 'vitest';
import type { Handle } from '../src/handle.ts';
import { checkEveryFailure, failAllocation, type OperationCase } from './support/exhaustion.ts';
import { operations as firstOperations } from './support/operations.ts';
import { otherOperations } from './support/operations-others.ts';
import { withHeap } from './support/with-heap.ts';

const operations = { ...firstOperations, ...otherOperations };

for (const inSection of [false, true]) {
  describe(inSection ? 'in a section' : 'outside of sections', () => {
    test.each(Object.keys(operations))('a failing allocation undoes: %s', (name) => {
      const operation = operations[name] as OperationCase<never>;
      const count = checkEveryFailure(operation, inSection);
      if (!inSection) expect(count).toBeGreaterThanOrEqual(operation.atLeast ?? 0);
    });
  });
}

test('an iterator whose step fails for want of a row gives the same entry again', () => {
  withHeap({}, (heap) => {
    const map = heap.map<number, Handle>();
    heap.run(() => {
      for (let i = 0; i < 30; i++) map.set(i, heap.map().set('i', i));
    });
    const seen: unknown[] = [];
    let failures = 0;
    const values = map.values();
    for (;;) {
      let step: IteratorResult<Handle> | undefined;
      try {
        failAllocation(heap, 1, () => {
          step = values.next();
        });
      } catch {
        failures++;
        step = values.next();
      }
      if (step === undefined || step.done === true) break;
      seen.push((step.value as unknown as Map<string, number>).get('i'));
    }
    expect(failures).toBeGreaterThanOrEqual(2);
    expect(seen).toEqual(Array.from({ length: 30 }, (_, i) => i));
  });
});

test('a slice that fails for want of rows keeps none of its elements', () => {
  withHeap({}, (heap) => {
    const array = heap.array<Handle>();
    heap.run(() => {
      for (let i = 0; i < 30; i++) array.push(heap.map());
    });
    expect(() => failAllocation(heap, 1, () => array.slice())).toThrow('heap exhausted');
    const counts = heap.run(() => [...array].map((element) => heap.refcount(element)));
    expect(counts).toEqual(Array.from({ length: 30 }, () => 2)); // the array, and a local
    array.length = 0;
    expect(heap.stats().objectsByKind.map).toBe(1); // the named roots
  });
});

test('a section whose result finds no row throws, and has ended', () => {
  withHeap({}, (heap) => {
    const array = heap.array<Handle>();
    heap.run(() => {
      for (let i = 0; i < 30; i++) array.push(heap.map());
    });
    const kept: Handle[] = [];
    let error: unknown;
    for (let i = 0; i < 30 && error === undefined; i++) {
      try {
        failAllocation(heap, 1, () => kept.push(heap.run(() => array.at(i) as Handle)));
      } catch (thrown) {
        error = thrown;
      }
    }
    expect((error as Error).name).toBe('HeapExhaustedError');
    expect(() => heap.detach).not.toThrow();
    expect(heap.run(() => array.length)).toBe(30);
  });
});
