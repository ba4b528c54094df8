/** Rounds of `npm run stress`: threads that share a heap agree with their models. */

import { expect, test } from 'vitest';
import { createRound } from '../src/testing.ts';
import { COUNTS } from './support/with-heap.ts';

const STRESS = new URL('../dist/bench/stress/', import.meta.url);
const PATIENCE_MS = 30_000;

/** Imports a compiled module of the stress: its threads are compiled, too. */
async function load<Module>(name: string): Promise<Module> {
  return (await import(new URL(name, STRESS).href)) as Module;
}

for (const threads of [1, 2, 3, 4]) {
  const [first, last] = [10 * threads, 10 * threads + 4];
  test(`threads in one heap agree with their models: ${threads}, seeds from ${first}`, async () => {
    const { Pool } = await load<typeof import('../bench/stress/pool.ts')>('pool.js');
    const { playRound } = await load<typeof import('../bench/stress/rounds.ts')>('rounds.js');
    const pool = new Pool();
    let [parcels, collections] = [0, 0];
    for (let seed = first; seed <= last; seed++) {
      const round = createRound(seed, { threads, operations: 500, heap: { counts: COUNTS } });
      const result = await playRound(pool, round, PATIENCE_MS);
      expect(result.failure, `round ${seed}`).toBeNull();
      parcels += result.parcels;
      collections += result.collections;
    }
    await pool.close();
    expect(collections).toBeGreaterThan(0);
    expect(parcels > 0).toBe(threads > 1);
  });
}
