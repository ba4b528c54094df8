/**
 * Public handles, one operation at a time: each takes the lock for itself. The lock row is the
 * operation that does least, `heap.refcount`.
 */

import { Heap } from '../../src/index.ts';
import type { Bench, Cell } from '../harness/types.ts';
import { handleSubject } from './handle-benches.ts';

function leastOperation({ operations }: Cell): Bench {
  const heap = Heap.create();
  const map = heap.map();
  const run = () => {
    let handles = 0; // one handle holds the map
    for (let i = 0; i < operations; i++) handles += heap.refcount(map);
    return handles;
  };
  return { run };
}

export const subject = handleSubject((_heap, body) => body(), {
  'lock-uncontended': leastOperation,
});
