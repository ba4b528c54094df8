/**
 * `import { createPool, task } from 'sharc/piscina'`: pools of workers whose tasks get handles, and
 * return some. What a task forgets to release is released when it ends.
 *
 * @module
 */

export type { Anything } from './piscina-messages.ts';
export { createPool, HeapPool, type PoolOptions } from './piscina-pool.ts';
export { retain, type TaskFunction, task, unretain, workerHeap } from './piscina-task.ts';
