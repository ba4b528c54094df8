/**
 * `import 'sharc/comlink'`: handles pass through comlink as references, as arguments and results of
 * exposed functions and of callbacks. It is to be imported in both threads.
 *
 * What cannot be received, since the heap is closed, is full, or has no place for the thread,
 * rejects the promise of the call. As an argument it throws the error wherever the function uses
 * it, so a function that does not look at it does not fail. A call with handles in an atomic
 * section throws AtomicSectionError, and nothing is sent: it would be run even if that is undone.
 *
 * @module
 */

import { installHandlers } from './comlink-handler.ts';

export { installHandler, type TransferHandlers, withHandles } from './comlink-handler.ts';

installHandlers();
