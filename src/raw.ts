/** The surface of the raw layer, `sharc/raw`. */

export { type ObjectRef, type RawHeap, raw } from './raw-heap.ts';
