/** Watching a thread make the heap sound again after another one has died. */

import { type Heap, sessionOf } from '../heap.ts';

/**
 * Calls `listener` in this thread right before it recovers the heap from a thread that has died in
 * a section (false), and right after (true). The heap is closed for all others meanwhile, and must
 * not be used: it is for delays. Disposing of the result ends it.
 *
 * @throws HeapClosedError
 */
export function watchRecovery(heap: Heap, listener: (isOver: boolean) => void): Disposable {
  const { mem } = sessionOf(heap);
  const { recover } = mem;
  mem.recover = () => {
    listener(false);
    recover?.();
    listener(true);
  };
  return {
    [Symbol.dispose]() {
      mem.recover = recover;
    },
  };
}
