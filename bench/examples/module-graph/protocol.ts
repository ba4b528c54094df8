/** What the main thread and the workers say to each other. All data is in the heap. */
import type { HeapToken } from '../../../src/index.ts';
import type { EditOrders } from './edits.ts';

export interface WorkerOrders extends EditOrders {
  readonly heap: HeapToken;
}

/** Worker to main: this thread is through with the phase. */
export type Milestone = 'built' | 'edited';

/** Main to worker, once all have reached a milestone: begin the next phase, or leave. */
export const GO_ON = 'go on';
