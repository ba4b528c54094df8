/** A program with a pool that it never closes. */

const library = process.argv[2] ?? '';
const { Heap } = await import(library);
const { createPool } = await import(new URL('./piscina.js', library).href);

const heap = Heap.create();
const pool = createPool(heap, { filename: new URL('./pool-worker.mjs', import.meta.url).href });
const map = heap.map().set('n', 1);
process.stdout.write(`${await pool.run(map, { name: 'size' })}\n`);
