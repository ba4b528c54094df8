/** Finding a text among the keys of a map or set, without making a string of it. */

import {
  BUCKET_NEXT,
  CHUNK_ENTRIES,
  CHUNK_NEXT,
  CHUNK_STEP,
  CHUNK_USED,
  ENTRY_KEY,
  MAP_BUCKET_COUNT,
  MAP_FIRST,
  type ObjectRef,
  TAG_REFERENCE,
  VALUE_HIGH,
  VALUE_LOW,
} from '../memory/layout.ts';
import type { Memory } from '../memory/memory.ts';
import { encoded, equalsEncoded } from './encode-string.ts';
import { bucketOfHash, equalTags, slotOf, tagsOf } from './map-buckets.ts';

/** The entry whose key is a string with the text that was encoded last; 0 when there is none. */
export function findText(mem: Memory, map: ObjectRef): number {
  const { i32 } = mem;
  if (i32[map + MAP_BUCKET_COUNT] === 0) return findTextInChunks(mem, map);
  const { hash } = encoded;
  const tags = tagsOf(hash);
  for (let at = bucketOfHash(mem, map, hash); at !== 0; at = i32[at + BUCKET_NEXT]) {
    for (let equal = equalTags(i32, at, tags); equal !== 0; equal &= equal - 1) {
      const entry = i32[slotOf(at, equal)];
      if (isEncodedKey(mem, entry)) return entry;
    }
  }
  return 0;
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
