/** What the four sharc subjects have in common: the structs of the workloads, and the version. */

import { createRequire } from 'node:module';
import type { CountsMode, Heap, SharedStruct, StructClass } from '../../src/index.ts';

export interface Node {
  a: Node | null;
  b: Node | null;
  c: Node | null;
  d: Node | null;
}

export interface Item {
  value: number;
  name: string;
  next: Item | null;
}

export type NodeHandle = SharedStruct<Node>;
export type ItemHandle = SharedStruct<Item>;

export const declareNode = (heap: Heap): StructClass<Node> =>
  heap.struct<Node>('Node', { a: 'ref', b: 'ref', c: 'ref', d: 'ref' });

export const declareItem = (heap: Heap): StructClass<Item> =>
  heap.struct<Item>('Item', { value: 'int32', name: 'string', next: 'ref' });

/** Slots of the raw layer: `ref` and `string` fields in the order of their declaration. */
export const NODE_A = 0;
export const NODE_SLOTS = 4;
export const ITEM_NEXT = 1;

export function versionWith(counts: CountsMode): string {
  const { version } = createRequire(import.meta.url)('sharc/package.json') as { version: string };
  return `${version}, counts: ${counts}`;
}

/** Live bytes per object while what `build` makes is live, and how many of it are. */
export function liveBytesPerObject(
  heap: Heap,
  count: number,
  { build, countLive }: { build(): void; countLive(): number },
): { value: number; checksum: number } {
  const before = heap.stats().liveBytes;
  build();
  const after = heap.stats().liveBytes;
  return { value: (after - before) / count, checksum: countLive() };
}
