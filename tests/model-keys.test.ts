/**
 * Maps and sets with keys and values of every kind, against JavaScript's own: random scripts,
 * compared after every step.
 */

import { describe, expect, test } from 'vitest';
import { CollectionScript, copyOf, keysOf, runScript } from './support/collection-script.ts';
import { SEED, withRandom } from './support/random.ts';
import { withHeap } from './support/with-heap.ts';

for (const isSet of [false, true]) {
  const name = isSet ? 'set' : 'map';

  describe.each([false, true])(`${name}s, in sections: %s`, (inSection) => {
    test.each([
      [0, 3000],
      [300, 2500],
      [1200, 1500],
    ])('%i keys besides, %i steps: each does what JavaScript says', (keyCount, steps) => {
      withHeap({}, (heap) => {
        withRandom(
          (random) => {
            const keys = keysOf(heap, keyCount);
            runScript(new CollectionScript(heap, random, keys, isSet), steps, inSection);
          },
          SEED + keyCount + (inSection ? 1 : 0),
        );
      });
    });

    test('scripts of few keys, so that all are met often', () => {
      for (let i = 0; i < 12; i++) {
        withHeap({}, (heap) => {
          withRandom(
            (random) => {
              const all = keysOf(heap, 0);
              const keys = Array.from({ length: 3 + i * 2 }, () => random.pick(all));
              runScript(new CollectionScript(heap, random, keys, isSet), 300, inSection);
            },
            SEED + i + (inSection ? 100 : 0),
          );
        });
      }
    });
  });

  test.each([
    ...[1, 4, 7, 8, 9, 15, 16, 17, 32, 205, 206, 207, 254, 255, 256, 411, 412, 413, 510, 511],
    ...[1023, 1024, 1025, 2047, 2048],
  ])(
    `a ${name} of %i entries that grows and shrinks by a few does what JavaScript says`,
    (size) => {
      withHeap({}, (heap) => {
        withRandom((random) => {
          const keys = keysOf(heap, size + 40);
          const script = new CollectionScript(heap, random, keys, isSet);
          heap.run(() => {
            for (const key of keys.slice(0, size)) script.put(key);
            script.compare();
            for (let round = 0; round < 12; round++) {
              if (round % 3 === 0) script.openIterator();
              if (round % 5 === 4) script.dropIterator();
              for (let i = random.int(14); i > 0; i--) {
                script.put(random.pick(keys));
                script.compare();
              }
              script.stepIterator();
              while (script.model.size > size - 5 && script.model.size > 0) {
                script.delete(random.pick([...script.model.keys()]));
                script.compare();
              }
            }
            script.finish();
          });
          expect(heap.verify()).toEqual([]);
        }, SEED + size);
      });
    },
  );

  test.each([
    'first in, first out',
    'last in, first out',
    'at random',
    'at random, beside an open iterator',
  ])(`a ${name} grows to 5,000 entries, and shrinks to none, %s`, (order) => {
    withHeap({}, (heap) => {
      withRandom((random) => {
        const keys = keysOf(heap, 5000);
        const script = new CollectionScript(heap, random, keys, isSet);
        const { model } = script;
        heap.run(() => {
          keys.forEach((key, i) => {
            script.put(key);
            if (order.endsWith('iterator') && i === 2500) script.openIterator();
            expect(script.actual.size).toBe(model.size);
            if (i % 500 === 0) script.compare();
          });
          script.stepIterator();
          script.compareLists();
          const left = [...model.keys()];
          if (order.startsWith('last')) left.reverse();
          if (order.startsWith('at')) left.sort(() => random.next() - 0.5);
          left.forEach((key, i) => {
            script.delete(key);
            if (i % 100 === 0) script.stepIterator();
            if (i % 250 === 0 || model.size < 20) script.compare();
          });
          expect(model.size).toBe(0);
          script.put('again');
          script.finish();
          script.compare();
        });
        expect(heap.verify()).toEqual([]);
      });
    });
  });

  test(`a ${name} whose keys hash alike finds each of them`, () => {
    withHeap({}, (heap) => {
      withRandom((random) => {
        // Equal low words, and doubles that differ in few bits.
        const keys = Array.from({ length: 600 }, (_, i) => (i + 1) * 2 ** 32 + 0.25 * (i % 4));
        const script = new CollectionScript(heap, random, keys, isSet);
        for (const key of keys) script.put(copyOf(key));
        script.compare();
        for (const key of keys) script.lookUp(key);
        for (const key of keys) script.delete(key);
        script.compare();
      });
    });
  });
}
