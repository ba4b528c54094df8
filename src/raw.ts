/** The surface of the raw layer, `sharc/raw`. */

export type { WordIndex } from './memory/layout.ts';
export { type ObjectRef, type RawHeap, raw } from './raw-heap.ts';
