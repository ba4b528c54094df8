/**
 * Findings: what `heap.verify()` answers. Every code names one broken rule; the text beside it
 * states the rule that was found broken.
 */

/** The rules, by the code that reports their breach. The codes are stable. */
export const FINDING_CODES = {
  // Control words, lock, threads
  CONTROL_WRONG: 'a control word has the value the layout gives it',
  LOCK_WRONG: 'the lock word names the verifying thread and carries known flags only',
  THREAD_STATE_WRONG: 'a thread record is free or attached, that of the verifying thread attached',
  THREAD_RECORD_STALE: 'the record of a thread that has left has no rows and no runs',
  PARK_WRONG: 'a park word has a known state, AWAKE in the verifying thread',
  WAITER_BIT_WRONG: 'only attached threads that do not hold the lock are marked as waiting',
  // Pages and runs
  TOP_PAGE_WRONG: 'the first untouched page lies behind the last run and before the end',
  PAGE_STATE_WRONG: 'a page begins a run, continues one, or was never touched',
  RUN_LENGTH_WRONG: 'a run in use has the length of its class and ends before the untouched pages',
  PAGE_TAIL_WRONG: 'a further page of a run in use says how far its head is, and has no owner',
  PAGE_CLASS_WRONG: 'a run in use has a known size class that fits its blocks',
  PAGE_BLOCK_WORDS_WRONG: 'the blocks of a run have the size of their class',
  PAGE_CAPACITY_WRONG: 'the capacity of a run is what its pages hold of its blocks',
  PAGE_CARVED_WRONG: 'the carved blocks of a run are the live ones and those on its lists',
  PAGE_USED_WRONG: 'the used blocks of a run are the live ones and those freed by others',
  PAGE_REMOTE_COUNT_WRONG: 'the remote count is the length of the list of blocks freed by others',
  PAGE_OWNER_WRONG: 'a run in use belongs to an attached thread or to nobody, a free run to none',
  FREE_LIST_BROKEN: 'a free list links carved blocks of its own run',
  FREE_LIST_CYCLE: 'a free list ends',
  FREE_BLOCK_TWICE: 'a free block stands on one list only',
  FREE_BLOCK_NOT_FREE: 'a block on a free list holds nothing',
  BLOCK_LOST: 'a carved block that holds nothing stands on a free list',
  RUN_NOT_FULL: 'a run marked as full has no free block',
  BIN_BROKEN: 'a bin links records of runs in use',
  BIN_CYCLE: 'a run stands in a bin once',
  BIN_MEMBER_WRONG: "a bin holds runs of its thread and class only, and no full ones' records",
  BIN_LINK_WRONG: 'the links of a bin are symmetric',
  RUN_NOT_IN_BIN: 'a run not marked as full stands in the bin of its owner',
  RETIRE_AT_WRONG: 'the first run of a bin is kept when empty, the others are not',
  FREE_RUN_TAG_WRONG: 'the last page of a free run tells the way back to the first',
  FREE_RUN_LIST_BROKEN: 'a list of free runs links records of free runs',
  FREE_RUN_CYCLE: 'a free run is listed once',
  FREE_RUN_LIST_WRONG: 'a free run stands in the list for its length',
  FREE_RUN_LINK_WRONG: 'the links of a list of free runs are symmetric',
  FREE_RUN_LOST: 'every free run is listed',
  FREE_RUNS_ADJACENT: 'neighbouring free runs are joined',
  SCRATCH_RUN_WRONG: 'a run of side tables has a length, its tails, and no owner',
  SCRATCH_LIST_WRONG: 'every run of side tables is linked, once, and nothing else is',
  ACCOUNTING_WRONG: 'live, free and overhead words add up to the heap and to what stats say',
  // Kinds
  KIND_COUNT_WRONG: 'the kinds in use are those whose records are written',
  KIND_RECORD_WRONG: 'a kind record says what its descriptor lays out',
  KIND_DESCRIPTOR_WRONG: 'a struct kind has an immortal string that declares it',
  KIND_NAME_TWICE: 'no two structs have one name',
  // Headers
  KIND_UNKNOWN: 'an object has a declared kind',
  BLOCK_CLASS_WRONG:
    'a block is large enough for what it holds, and a large run no larger than it must be',
  INFO_WRONG: 'the info word of an object has the kind bits of its kind and no others',
  CONTAINER_WRONG:
    'an object is marked as a container exactly when its kind can hold some, a tuple when it does',
  TRACKED_WRONG:
    'a struct is tracked exactly when it is a container, and nothing but containers is',
  UNTRACKED_HOLDER: 'an untracked container holds no other',
  GENERATION_WRONG: 'an untracked object has no generation',
  REFCOUNT_ZERO: 'a living object has a count',
  // The collector
  COLLECTOR_WORD_WRONG: 'a control word of the collector has a value that it can have',
  THRESHOLD_WRONG: 'a threshold is at least 0 and at most the largest one',
  TRIGGER_WRONG: 'safepoints look closer from the threshold on, or since the heap has grown',
  PAGES_IN_USE_WRONG: 'the pages in use are those of the runs of blocks',
  GARBAGE_ARRAY_WRONG: 'what is uncollectable stands in an immortal array',
  GENERATION_SIZE_WRONG: 'a generation but the youngest counts its objects',
  YOUNG_CARD_MISSING: 'an object of generation 0 lies in a young card of its run',
  MIDDLE_CARD_MISSING: 'an object of generation 1 lies in a middle card of its run',
  YOUNG_PAGE_MISSING: 'a run with young objects, or first in its bin, has its bit among the young',
  MIDDLE_PAGE_MISSING: 'a run with objects of generation 1 has its bit among the middle ones',
  CONDEMNED_WRONG: 'only tracked objects that are not frozen are condemned, and only such unlinked',
  CONDEMNED_LIST_BROKEN: 'a list of garbage links objects',
  CONDEMNED_LIST_WRONG: 'garbage stands in the list of those unlinked exactly when it is',
  CONDEMNED_CYCLE: 'a list of garbage ends',
  CONDEMNED_LOST: 'every condemned object stands in a list of garbage',
  CONDEMNED_REFERENCED: 'nothing but garbage refers to garbage',
  // References, counts, values
  DANGLING_REFERENCE: 'a reference leads to a living object',
  REFCOUNT_TOO_LOW: 'the count of an object is at least the number of references to it',
  REFCOUNT_TOO_HIGH: 'the count of an object is at most the number of references to it',
  FIELD_WRONG: 'a string field holds a string, a reference field an object of another kind',
  VALUE_TAG_UNKNOWN: 'a value has a known tag',
  VALUE_SIMPLE_WRONG: 'a simple value is undefined, null, false, true or absent',
  VALUE_INT_AS_DOUBLE: 'a number that is an int32 is stored as one',
  VALUE_NAN_WRONG: 'NaN is stored in its one form',
  DATE_WRONG: 'a date is a time that JavaScript has',
  BIGINT_WRONG: 'a bigint is marked as unsigned exactly when it needs to be',
  // Strings
  STRING_INTERNED_WRONG: 'exactly the short strings are interned',
  STRING_PADDING_WRONG: 'the bytes behind the last character are 0',
  STRING_FORM_WRONG: 'a string takes two bytes per character only when it must',
  STRING_HASH_WRONG: 'a string carries the hash of its characters',
  INTERN_TABLE_WRONG: 'the intern table has a word per bucket and nothing beyond',
  INTERN_LINK_BROKEN: 'the intern table links short strings only',
  INTERN_TWICE: 'an interned string stands in the table once',
  INTERN_BUCKET_WRONG: 'an interned string stands in the bucket of its hash',
  INTERN_EQUAL: 'no two interned strings have one text',
  INTERN_LOST: 'every interned string stands in the table',
  INTERN_COUNT_WRONG: 'the table counts its strings',
  // Vectors, arrays, rows
  VECTOR_HEIGHT_WRONG: 'a vector is one to four levels high',
  NODE_BROKEN: 'a vector links nodes',
  NODE_SHARED: 'a node belongs to one vector',
  NODE_OWNER_WRONG: 'a node names the owner of its vector',
  NODE_LEVEL_WRONG: 'a node tells how many levels of nodes are below it',
  NODE_NOT_FULL: 'only the root of a vector is smaller than full',
  BACKING_LOST: 'every node and every chunk belongs to something',
  ARRAY_LENGTH_WRONG: 'the length of an array is within its limits',
  ARRAY_ELEMENTS_MISSING: 'every element below the length of an array has its words',
  ROWS_MISSING: 'every row that was ever used has its word',
  ROWS_STRAY: 'the words of a root table outside of its rows are 0',
  ROOT_MAP_WRONG: 'the named roots, and what is in transit, stand in a map',
  // Maps
  CHUNK_BROKEN: 'a map links chunks',
  CHUNK_SHARED: 'a chunk belongs to one map',
  CHUNK_OWNER_WRONG: 'a chunk names its map',
  CHUNK_STEP_WRONG: 'the entries of a chunk are those of its map, or of its set',
  CHUNK_LINK_WRONG: 'the list of chunks is symmetric',
  CHUNK_USED_WRONG: 'a chunk has no more entries than it has room for',
  CHUNK_LIVE_WRONG: 'a chunk counts its live entries',
  MAP_LAST_WRONG: 'a map knows its last chunk',
  MAP_SIZE_WRONG: 'a map counts its entries',
  MAP_HOLE_WRONG: 'key and value of a deleted entry are both holes',
  MAP_ITERATORS_WRONG: 'a map is held by each of its open iterators',
  MAP_EMPTY_WRONG:
    'empty chunks stand in no list but that of such, and there only while iterators are open',
  MAP_TABLE_WRONG: 'a large map has a table with enough buckets and nothing beyond',
  BUCKET_BROKEN: 'a bucket links further ones of its map, which no other does',
  MAP_SLOT_BROKEN: 'the slots of a table hold live entries of its map',
  MAP_SLOT_TWICE: 'an entry stands in one slot',
  MAP_TAG_WRONG: 'a slot has the tag of its entry, and none when it is free',
  MAP_BUCKET_WRONG: 'an entry stands in the bucket of its hash',
  MAP_ENTRY_LOST: 'every live entry stands in a slot',
  MAP_KEY_TWICE: 'the keys of a map are different',
  MAP_KEY_MINUS_ZERO: 'no key is -0',
} as const;

/** A code of a finding. */
export type FindingCode = keyof typeof FINDING_CODES;

/** One broken rule at one place. */
export interface Finding {
  readonly code: FindingCode;
  /** The address of the object, block or record where it was found; a word index. */
  readonly object: number;
  readonly expected: number;
  readonly found: number;
  readonly message: string;
}

/** A heap that is damaged all over is described well enough by so many findings. */
export const FINDINGS_MAX = 1000;

/** Findings so far, up to FINDINGS_MAX. */
export class Findings {
  readonly list: Finding[] = [];

  /** Reports a breach: at `object`, `expected` should be where `found` is. */
  add(code: FindingCode, object: number, expected: number, found: number): void {
    if (this.list.length >= FINDINGS_MAX) return;
    const rule = FINDING_CODES[code];
    const message = `${code} at word ${object}: expected ${expected}, found ${found} (${rule})`;
    this.list.push({ code, object, expected, found, message });
  }
}
