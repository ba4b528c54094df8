/** Finding a text among the keys of a map or set, without making a string of it. */

import {
  CHUNK_ENTRIES,
  CHUNK_NEXT,
  CHUNK_STEP,
  CHUNK_USED,
  ENTRY_KEY,
  ENTRY_NEXT,
  MAP_BUCKET_COUNT,
  MAP_BUCKETS_ROOT,
  MAP_FIRST,
  type ObjectRef,
  TAG_REFERENCE,
  VALUE_HIGH,
  VALUE_LOW,
} from '../memory/layout.ts';
import type { Memory } from '../memory/memory.ts';
import { encoded, equalsEncoded } from './encode-string.ts';
import { bucketOf } from './linear-hash.ts';
import { wordAt } from './vector.ts';

/** The first entry of the chain for a hash. The map has a table. */
export function chainOf(mem: Memory, map: ObjectRef, hash: number, buckets: number): number {
  return mem.i32[wordAt(mem, map + MAP_BUCKETS_ROOT, bucketOf(hash, buckets))];
}

/** The entry whose key is a string with the text that was encoded last; 0 when there is none. */
export function findText(mem: Memory, map: ObjectRef): number {
  const { i32 } = mem;
  const buckets = i32[map + MAP_BUCKET_COUNT];
  if (buckets === 0) return findTextInChunks(mem, map);
  let entry = chainOf(mem, map, encoded.hash, buckets);
  while (entry !== 0 && !isEncodedKey(mem, entry)) entry = i32[entry + ENTRY_NEXT];
  return entry;
}

/** Whether a key is the text that was encoded last. */
function isEncodedKey(mem: Memory, entry: number): boolean {
  if (mem.i32[entry + ENTRY_KEY + VALUE_HIGH] !== TAG_REFERENCE) return false;
  return equalsEncoded(mem, mem.i32[entry + ENTRY_KEY + VALUE_LOW]);
}

function findTextInChunks(mem: Memory, map: ObjectRef): number {
  const { i32 } = mem;
  for (let chunk = i32[map + MAP_FIRST]; chunk !== 0; chunk = i32[chunk + CHUNK_NEXT]) {
    const step = i32[chunk + CHUNK_STEP];
    const end = chunk + CHUNK_ENTRIES + i32[chunk + CHUNK_USED] * step;
    for (let entry = chunk + CHUNK_ENTRIES; entry < end; entry += step) {
      if (isEncodedKey(mem, entry)) return entry; // a hole is no reference
    }
  }
  return 0;
}
