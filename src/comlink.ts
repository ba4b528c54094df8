/**
 * `import 'sharc/comlink'`: handles pass through comlink as references, as arguments and results of
 * exposed functions and of callbacks. It is to be imported in both threads.
 *
 * @module
 */

import { installHandlers } from './comlink-handler.ts';

export { installHandler, type TransferHandlers, withHandles } from './comlink-handler.ts';

installHandlers();
