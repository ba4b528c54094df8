/** What `heap.stats()` counts by walking the pages. The caller holds the GIL. */

import { countWords } from '../memory/accounting.ts';
import { visitBlocks } from '../memory/blocks.ts';
import { HEADER_INFO, KIND_SHIFT, type ObjectRef, WORD_BYTES } from '../memory/layout.ts';
import { visitRuns } from '../memory/pages.ts';
import { generationOf, isBackingKind } from '../object/header.ts';
import type { Mutator } from '../object/mutator.ts';
import { isImmortal } from '../object/refcount.ts';

/** Sizes in bytes and numbers of objects. live + free + overhead is the size of the heap. */
export interface ObjectStats {
  /** In blocks in use, backing of containers included. */
  readonly liveBytes: number;
  /** In free blocks and in pages free or never touched. */
  readonly freeBytes: number;
  /**
   * Of these, those in free blocks of runs in use: they serve objects of their size only. Blocks
   * never move, so this is what fragmentation costs (semantics E6).
   */
  readonly freeBlockBytes: number;
  /** The part of the runs in use that is free blocks, from 0 to 1. */
  readonly fragmentation: number;
  /** In the heap's own tables, and behind the last block of page runs. */
  readonly overheadBytes: number;
  /** In pages touched so far: what the system may have given memory to. */
  readonly committedBytes: number;
  readonly liveObjects: number;
  /** Of these, how many never die: named roots' map, struct declarations. */
  readonly immortalObjects: number;
  /** By kind number; names are the facade's. */
  readonly byKind: ReadonlyMap<number, number>;
  /** By generation: 0, 1, 2 and the permanent one. */
  readonly objectsByGeneration: readonly number[];
}

/** Counts what lives. O(heap). */
export function countObjects(mem: Mutator): ObjectStats {
  const { liveWords, freeWords, freeBlockWords, overheadWords, committedWords } = countWords(mem);
  const blockWords = liveWords + freeBlockWords;
  const byKind = new Map<number, number>();
  const objectsByGeneration = [0, 0, 0, 0];
  let liveObjects = 0;
  let immortalObjects = 0;
  visitRuns(mem, (record) => {
    visitBlocks(mem, record, (block) => {
      const kind = mem.i32[block + HEADER_INFO] >>> KIND_SHIFT;
      if (isBackingKind(kind)) return;
      liveObjects++;
      if (isImmortal(mem, block)) immortalObjects++;
      byKind.set(kind, (byKind.get(kind) ?? 0) + 1);
      objectsByGeneration[generationOf(mem, block as number as ObjectRef)]++;
    });
  });
  return {
    liveBytes: liveWords * WORD_BYTES,
    freeBytes: freeWords * WORD_BYTES,
    freeBlockBytes: freeBlockWords * WORD_BYTES,
    fragmentation: blockWords === 0 ? 0 : freeBlockWords / blockWords,
    overheadBytes: overheadWords * WORD_BYTES,
    committedBytes: committedWords * WORD_BYTES,
    liveObjects,
    immortalObjects,
    byKind,
    objectsByGeneration,
  };
}
