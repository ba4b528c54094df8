/** All methods of arrays against JavaScript's: random scripts, compared after every step. */

import { describe, expect, test } from 'vitest';
import { type Either, expectSame, makeStep, outcomeOf, valuesOf } from './support/array-steps.ts';
import { SEED, withRandom } from './support/random.ts';
import { withHeap } from './support/with-heap.ts';

const LENGTH_MAX = 1500;

describe.each([false, true])('random scripts, in sections: %s', (inSection) => {
  test.each([0, 1, 2, 3])('script %i: every method does what it does to an Array', (number) => {
    withHeap({}, (heap) => {
      withRandom((random) => {
        const actual = heap.array<unknown>() as Either;
        const model = [] as unknown as Either;
        const values = valuesOf(heap);
        const body = () => {
          const step = makeStep(random, values, model.length);
          expectSame(
            outcomeOf(actual, () => step(actual)),
            outcomeOf(model, () => step(model)),
          );
          expectSame(actual.slice(), [...model]);
          if (model.length > LENGTH_MAX) actual.length = model.length = 10;
        };
        for (let done = 0; done < 1500; ) {
          const batch = inSection ? random.between(1, 20) : 1;
          const steps = () => {
            for (let i = 0; i < batch; i++) body();
          };
          if (inSection) heap.run(steps);
          else steps();
          done += batch;
          if (random.chance(0.03)) expect(heap.verify()).toEqual([]);
        }
      }, SEED + number);
    });
  });
});
