/** Random sends, receipts, revocations and drops, against a model. */

import { expect, test } from 'vitest';
import type { Handle } from '../src/handle.ts';
import { sessionOf } from '../src/heap.ts';
import { CONTROL_TRANSIT_SERIAL } from '../src/memory/layout.ts';
import { dropSentTo } from '../src/object/transit.ts';
import type { SentToken } from '../src/send.ts';
import { Random } from './support/random.ts';
import { withHeap } from './support/with-heap.ts';

const STEPS = 6000;
const ADDRESSEES = 4;

/** What the model knows of a reference in transit. */
interface Sent {
  readonly token: SentToken<Handle>;
  readonly object: number;
  /** The thread it was sent to; none when undefined. */
  readonly to: number | undefined;
}

test.each([1, 2, 3, 4])('seed %i', (seed) => {
  withHeap({}, (heap) => {
    const numbers = new Random(seed);
    const random = (limit: number) => numbers.int(limit);
    const { mem } = sessionOf(heap);
    const objects = Array.from({ length: 20 }, (_, i) => heap.array([i]));
    const sent: Sent[] = [];
    const spent: SentToken<Handle>[] = [];
    // Grows to some thousands and shrinks to nothing, several times.
    const isGrowing = (step: number) => step % 2000 < 1200;
    const take = (): Sent => {
      const [one] = sent.splice(random(sent.length), 1);
      spent.push((one as Sent).token);
      return one as Sent;
    };
    const steps = [
      () => {
        const object = random(objects.length);
        const to = random(3) === 0 ? 1000 + random(ADDRESSEES) : undefined;
        const options = to === undefined ? undefined : { to };
        sent.push({ token: heap.send<Handle>(objects[object] as Handle, options), object, to });
      },
      () => {
        if (sent.length === 0) return;
        const { token, object } = take();
        const received = heap.receive(token);
        expect(received).toBe(objects[object]);
        received.release();
      },
      () => {
        if (sent.length > 0) expect(heap.revoke(take().token)).toBe(true);
      },
      () => {
        const token = spent[random(spent.length)];
        if (token !== undefined) expect(heap.revoke(token)).toBe(false);
      },
    ];
    for (let step = 0; step < STEPS; step++) {
      const limit = isGrowing(step) ? 12 : steps.length;
      const choice = random(limit);
      (steps[choice] ?? (steps[0] as () => void))();
      if (step % 400 === 399) {
        const to = 1000 + random(ADDRESSEES);
        heap.run(() => dropSentTo(mem, to));
        for (let i = sent.length - 1; i >= 0; i--) {
          if (sent[i]?.to === to) spent.push(...sent.splice(i, 1).map(({ token }) => token));
        }
      }
      if (step % 600 === 0) {
        heap.gc.collect();
        expect(heap.verify()).toEqual([]);
        expect(heap.stats().inTransit).toBe(sent.length);
        objects.forEach((one, i) => {
          const held = sent.filter(({ object }) => object === i).length;
          expect(heap.refcount(one)).toBe(1 + held);
        });
      }
    }
    while (sent.length > 0) expect(heap.revoke(take().token)).toBe(true);
    for (const one of objects) one.release();
  });
});

test('serial numbers that wrap pass over those in use', () => {
  withHeap({}, (heap) => {
    const { mem } = sessionOf(heap);
    const first = heap.send('first');
    expect(mem.i32[CONTROL_TRANSIT_SERIAL]).toBe(first.key);
    mem.i32[CONTROL_TRANSIT_SERIAL] = -2;
    const keys = Array.from({ length: 4 }, () => heap.send('next').key);
    expect(keys).toEqual([2 ** 32 - 1, 0, 2, 3]);
    for (const key of keys) expect(heap.receive({ ...first, key })).toBe('next');
    expect(heap.receive(first)).toBe('first');
  });
});
