/** What the threads of a heap are doing, read without its lock: for watchdogs. */

import { backgroundState } from '../gc/background-state.ts';
import { isCollectorServing, readyScanners } from '../gc/requests.ts';
import { type Heap, sessionOf } from '../heap.ts';
import { COLLECTOR_THREAD } from '../memory/layout.ts';
import { gilOwner } from '../sync/gil.ts';
import { readThread, readThreads } from '../sync/thread-table.ts';

/**
 * Describes who holds the lock, and how each attached thread has used it so far, a line each.
 * Takes no lock, so that it answers also when everything hangs.
 *
 * @throws HeapClosedError when this thread has left the heap.
 */
export function describeThreads(heap: Heap): string {
  const { mem } = sessionOf(heap);
  const owner = gilOwner(mem);
  const threads = readThreads(mem);
  const lines = [`lock: ${owner === 0 ? 'free' : `held by thread ${owner}`}`];
  if (isCollectorServing(mem)) {
    threads.push(readThread(mem, COLLECTOR_THREAD));
    const state = `background ${backgroundState(mem)}, ${readyScanners(mem)} scanners`;
    lines.push(`collector: thread ${COLLECTOR_THREAD}, ${state}`);
  }
  for (const { id, osThread, sections, waits, waitMs, handovers } of threads) {
    const waited = `${waits} waits (${waitMs} ms), ${handovers} hand-overs`;
    lines.push(`thread ${id} (${osThread}): ${sections} sections, ${waited}`);
  }
  return lines.join('\n');
}
