/** Sets that change while they are combined, by what they are combined with. */

import { describe, expect, test } from 'vitest';
import type { SetLike } from '../src/set-operations.ts';
import { withHeap } from './support/with-heap.ts';

const METHODS =
  'union intersection difference symmetricDifference isSubsetOf isSupersetOf isDisjointFrom'.split(
    ' ',
  );
const CALLS = ['size', 'has', 'keys', 'next'];
type Combiner = (other: unknown) => unknown;

/** Holds all but 2, says that it has `size` elements, and calls `change` once, when it is asked. */
function meddler(asked: string, size: number, change: () => void): SetLike<number> {
  let isDone = false;
  const call = (name: string) => {
    if (name !== asked || isDone) return;
    isDone = true;
    change();
  };
  return {
    get size() {
      call('size');
      return size;
    },
    has(value: number) {
      call('has');
      return value !== 2;
    },
    keys() {
      call('keys');
      const values = [9, 3, 1, 5].values();
      const next = () => {
        call('next');
        return values.next();
      };
      return { next } as Iterator<number>;
    },
  };
}

const CHANGES: Record<string, (set: Set<number>) => void> = {
  clear: (set) => set.clear(),
  'clear and fill': (set) => {
    set.clear();
    for (const value of [7, 1, 9]) set.add(value);
  },
  'delete and add': (set) => {
    for (const value of [3, 1]) set.delete(value);
    set.add(8).add(1);
  },
};

/** What all methods yield, and what the set of 1 to 5 holds then. */
function resultsOf(make: () => Set<number>, asked: string, size: number, change: string): string[] {
  return METHODS.map((method) => {
    const set = make();
    const other = meddler(asked, size, () => CHANGES[change]?.(set));
    const result = Reflect.apply(Reflect.get(set, method) as Combiner, set, [other]);
    return `${typeof result === 'boolean' ? result : [...(result as Set<number>)]} / ${[...set]}`;
  });
}

// Of Node 26: for sets of 1 to 5 that are cleared. The order is that of METHODS.
const CLEARED: Record<string, string[]> = {
  'size 1': ['9,3,1,5 / ', ' / ', ' / ', '9,3,1,5 / ', 'true / ', 'false / ', 'true / '],
  'has 1': [
    '1,2,3,4,5,9 / 1,2,3,4,5',
    '3,1,5 / 1,2,3,4,5',
    '2,4 / 1,2,3,4,5',
    '2,4,9 / 1,2,3,4,5',
    'false / 1,2,3,4,5',
    'false / 1,2,3,4,5',
    'false / 1,2,3,4,5',
  ],
  'keys 1': [
    '9,3,1,5 / ',
    ' / ',
    '2,4 / ',
    '9,3,1,5 / ',
    'false / 1,2,3,4,5',
    'false / ',
    'true / ',
  ],
  'next 1': [
    '1,2,3,4,5,9 / ',
    ' / ',
    '2,4 / ',
    '1,2,3,4,5,9 / ',
    'false / 1,2,3,4,5',
    'false / ',
    'true / ',
  ],
  'size 100': ['9,3,1,5 / ', ' / ', ' / ', '9,3,1,5 / ', 'true / ', 'false / ', 'true / '],
  'has 100': [
    '1,2,3,4,5,9 / 1,2,3,4,5',
    '1 / ',
    '2 / ',
    '2,4,9 / 1,2,3,4,5',
    'true / ',
    'false / 1,2,3,4,5',
    'false / ',
  ],
  'keys 100': [
    '9,3,1,5 / ',
    '1,3,4,5 / 1,2,3,4,5',
    '2 / 1,2,3,4,5',
    '9,3,1,5 / ',
    'false / 1,2,3,4,5',
    'false / 1,2,3,4,5',
    'false / 1,2,3,4,5',
  ],
  'next 100': [
    '1,2,3,4,5,9 / ',
    '1,3,4,5 / 1,2,3,4,5',
    '2 / 1,2,3,4,5',
    '1,2,3,4,5,9 / ',
    'false / 1,2,3,4,5',
    'false / 1,2,3,4,5',
    'false / 1,2,3,4,5',
  ],
};

// Node 22 copies the set for union() and symmetricDifference() before it calls keys().
const [major] = process.versions.node.split('.').map(Number);

describe.each([1, 100])('combined with something that says it has %i elements', (size) => {
  test.each(CALLS)('and clears the set in %s', (asked) => {
    withHeap({}, (heap) => {
      const make = () => heap.set([1, 2, 3, 4, 5]) as unknown as Set<number>;
      expect(resultsOf(make, asked, size, 'clear')).toEqual(CLEARED[`${asked} ${size}`]);
    });
  });

  test.runIf((major as number) >= 24)('and changes the set, it does what JavaScript does', () => {
    withHeap({}, (heap) => {
      for (const change of Object.keys(CHANGES)) {
        for (const asked of CALLS) {
          const make = () => heap.set([1, 2, 3, 4, 5]) as unknown as Set<number>;
          const own = resultsOf(() => new Set([1, 2, 3, 4, 5]), asked, size, change);
          expect(resultsOf(make, asked, size, change)).toEqual(own);
        }
      }
    });
  });
});
