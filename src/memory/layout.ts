/**
 * The memory map: the only file that knows an offset.
 *
 * One fixed `SharedArrayBuffer`, seen as 4-byte words. A word index is the only address; 0 is
 * null. Each word names its discipline:
 *
 *   constant  written by the creator before anybody else attaches, or before it is published
 *   GIL       plain access, by the thread that holds the GIL
 *   atomic    only through `sync/`, by `Atomics`
 *   owner     written by one thread only (the one whose record it is), read by anybody
 *   counted   a reference count: GIL, or `Atomics` when the heap was created with atomic counts
 *
 *   word 0            ┌────────────────────────────────┐
 *                     │ control words                  │  CONTROL_WORDS
 *   threadTable       ├────────────────────────────────┤
 *                     │ 128 threads, collector, nobody │  ABANDONED * THREAD_WORDS
 *   deathEpochs       ├────────────────────────────────┤
 *                     │ a counter per string-cache line│  EPOCH_WORDS
 *   kindTable         ├────────────────────────────────┤
 *                     │ one record per kind            │  MAX_KINDS * KIND_WORDS
 *   youngPages        ├────────────────────────────────┤
 *                     │ a bit per page, twice          │  cards of generations 0 and 1
 *   headNumbers       ├────────────────────────────────┤
 *                     │ a word per page                │  pages: order of allocation, see cards.ts
 *   pageTable         ├────────────────────────────────┤
 *                     │ one record per page            │  pages * PAGE_RECORD_WORDS
 *   firstPage * 2^14  ├────────────────────────────────┤
 *                     │ pages of blocks                │
 *   maxWords          └────────────────────────────────┘
 *
 * The tables in front are reserved, not committed: the system gives memory to what is touched.
 */

import { assert } from '../base/assert.ts';

declare const unit: unique symbol;
declare const role: unique symbol;
/** An address: the index of a 4-byte word in the heap's buffer. */
export type WordIndex = number & { readonly [unit]: 'word' };
/** The address of an object's header. */
export type ObjectRef = WordIndex & { readonly [role]: 'object' };
/** A page's number, counted from word 0. */
export type PageIndex = number & { readonly [unit]: 'page' };
/** A thread's number in one heap: 1 to MAX_THREADS, or COLLECTOR_THREAD. */
export type ThreadId = number & { readonly [unit]: 'thread' };

export const NULL_REF = 0 as ObjectRef;
export const WORD_BYTES = 4;

// ── Control words ────────────────────────────────────────────────────────────────────────────

export const CONTROL_NULL = 0; //             constant  0: reading through null finds nothing
export const CONTROL_MAGIC = 46; //           constant  MAGIC
export const CONTROL_VERSION = 1; //          constant  LAYOUT_VERSION
export const CONTROL_PAGES = 2; //            constant  pages in the buffer, tables included
export const CONTROL_FIRST_PAGE = 3; //       constant  first page that holds blocks
export const CONTROL_ID_LOW = 4; //           constant  random: tells heaps apart
export const CONTROL_ID_HIGH = 5; //          constant
export const CONTROL_COUNTS = 6; //           constant  1: counts are atomic
export const CONTROL_SWITCH_US = 7; //        constant  switch interval in microseconds
export const CONTROL_CREATOR = 8; //          constant  thread id of the creator
export const CONTROL_ROOT_MAP = 9; //         GIL       the map of named roots
export const CONTROL_KIND_COUNT = 10; //      GIL       records used in the kind table
export const CONTROL_TOP_PAGE = 11; //        GIL       pages from here on were never touched
export const CONTROL_INTERN_ROOT = 12; //     GIL       buckets of the intern table (a vector)
export const CONTROL_INTERN_HEIGHT = 13; //   GIL
export const CONTROL_INTERN_BUCKETS = 14; //  GIL       buckets in use (linear hashing)
export const CONTROL_INTERN_COUNT = 15; //    GIL       interned strings
export const CONTROL_GIL = 16; //             atomic    see sync/gil.ts; a cache line of its own
export const CONTROL_STATE = 32; //           atomic    HEAP_OPEN to HEAP_RECOVERING
export const CONTROL_DEPOSING = 33; //        atomic    thread that deposes a dead owner
export const CONTROL_TICKET = 34; //          atomic    order in which threads began to wait
export const CONTROL_LOOKED_AT = 35; //       atomic    when waiters last looked who lives, in ms
export const CONTROL_WAITERS = 36; //         atomic    5 words: a bit per thread that is parked
export const CONTROL_LONG_STRINGS = 45; //   GIL       set of long strings that are interned, or 0
export const CONTROL_RUNS_OPENED = 47; //     GIL       runs of pages opened so far; wraps
export const CONTROL_DEATHS = 48; //          GIL       deaths written down so far; see DEATH_...
export const CONTROL_CHANGED = 49; //         GIL       map whose structure was changed last, or
//                                                      object that last became a dictionary
export const CONTROL_CHANGED_TO = 50; //      GIL       its chunk merged last; that dictionary's map
export const CONTROL_SUSPECT = 51; //         GIL       1: counts may be too high
export const CONTROL_THREADS_SEEN = 44; //    atomic    attaches so far
export const CONTROL_ROWS_LOCK = 58; //       atomic    the reader that makes room for rows; 0: none
export const CONTROL_SCANNED_AT = 59; //      atomic    when threads last looked who has died, in ms
export const CONTROL_FREE_RUNS = 64; //       GIL       heads of the lists of free page runs
export const CONTROL_TRANSIT_MAP = 56; //     GIL       see object/transit.ts
export const CONTROL_TRANSIT_SERIAL = 57; //  GIL       serial number of the last one; wraps
// What threads that have left add to the statistics: as the four words of a thread record.
export const CONTROL_LEFT = 112; //           GIL       4 words: sections .. handovers
// A bit for each thread: those that have begun read sections, and those that wait asynchronously.
export const CONTROL_READER_THREADS = 116; // atomic    5 words; sticky while a thread is attached
export const CONTROL_ASYNC_WAITERS = 121; //  atomic    5 words
export const CONTROL_WORDS = 1152; //         the collector's words follow from 128 on

export const MAGIC = 0x53_48_52_43; // 'SHRC'
export const LAYOUT_VERSION = 6;
export const HEAP_OPEN = 1;
export const HEAP_CLOSED = 2;
export const HEAP_BROKEN = 3;
export const HEAP_RECOVERING = 4;

// ── Collector words ──────────────────────────────────────────────────────────────────────────
//
// What collections count, want and have done: generations first, on cache lines that allocation
// touches anyway, then what threads tell each other about collections, then the figures.

export const GENERATIONS = 3;
export const PERMANENT = 3; // frozen objects
export const GC_COUNTS = 128; //          GIL     3 words: CPython's count of each generation
export const GC_TRIGGER = 131; //         GIL     count0 above which a safepoint looks closer
export const GC_THRESHOLDS = 132; //      GIL     3 words
export const GC_ENABLED = 135; //         GIL     0: no automatic collections
export const GC_DISABLES = 136; //        GIL     `disabled()` guards that are open
export const GC_DEBUG = 137; //           GIL     debug flags, with CPython's numbers
export const GC_LONG_LIVED = 138; //      GIL     objects alive after the last full collection
export const GC_GARBAGE_ARRAY = 139; //   GIL     the array `gc.garbage`; 0 until it is needed
export const GC_SIZES = 140; //           GIL     4 words: tracked objects by generation, 0 unused
export const GC_OLD_AFTER_FULL = 154; //  GIL     of these, how many were tracked
export const GC_LIVE_AFTER_FULL = 144; // GIL     words live after the last full collection
export const GC_PAGES_IN_USE = 145; //    GIL     pages of runs in use
export const GC_PAGES_WANTED = 146; //    GIL     pages in use at which live bytes are looked at
export const GC_NOT_BEFORE = 147; //      GIL     throttle: no run before, ms of hrtime (wraps)
export const GC_CONDEMNED_LIST = 148; //   GIL     garbage to unlink, linked by the count words
export const GC_UNLINKED_LIST = 149; //        GIL     garbage to free, linked alike
export const GC_GROWTH_PERCENT = 150; //  constant  live bytes that start a full run; 0: never
export const GC_BUDGET_US = 151; //       constant  pause budget in microseconds
export const GC_SCANNERS = 152; //        constant  threads that share a scan, the caller included
export const GC_SCRATCH = 155; //         GIL     first run of side tables, linked by PAGE_NEXT
export const GC_SHARED_MIN = 156; //      GIL     objects from which on a scan goes page by page
export const GC_PARALLEL_MIN = 157; //    GIL     objects from which on the pool is asked for help
export const GC_BACKGROUND_MIN = 158; //  GIL     objects from which on mutators run meanwhile
export const GC_HEADS = 159; //           GIL     runs that have become the head of a bin (wraps)
export const GC_SHARE = 153; //           GIL     largest share of time for automatic runs, 1/1000
export const GC_COLLECTING = 160; //      atomic  whose collection is under way, see gc/claim.ts
export const GC_COLLECTIONS = 161; //     atomic  collections that have ended; wraps, notified
export const GC_LAST_RESULT = 162; //     atomic  what the last explicit one returned
export const GC_COLLECTOR = 176; //       atomic  id of the collector thread; 0: none
export const GC_REQUESTS = 177; //        atomic  see gc/requests.ts
export const GC_POOL = 178; //            atomic  scanners of the pool that are ready
export const GC_BACKGROUND = 179; //      GIL     see gc/background-state.ts
export const BACKGROUND_WANTED = 1; // asked for, and not yet open
export const GC_BACKGROUND_OF = 180; //   GIL     generation of the collection in the background
export const GC_BACKGROUND_NO = 181; //   GIL     collections in the background that have ended
export const GC_LOST_SCANNERS = 182; //   atomic  threads that have died in a scan, so far
export const GC_LOST_UNBOOKED = 183; //   atomic  of these, those that no generation has yet
export const GC_BACKGROUND_SERIAL = 184; // GIL    number of the one that was last asked for
export const GC_BACKGROUND_YOUNG = 185; // GIL     how many objects were young then
export const GC_UNBOOKED = 186; //        GIL     objects that it has condemned and nobody booked
export const GC_BACKGROUND_FIGURES = 768; // GIL  what the last of them did; see gc/figures.ts
export const BACKGROUND_RECORDS = 6; //           so many of them are remembered
export const GC_JOB = 192; //             atomic  64 words, see gc/job.ts
export const GC_STATS = 256; //           GIL     see gc/figures.ts
export const GC_STATS_WORDS = 40; //              per generation
export const GC_PAUSES = 384; //          GIL     histogram of pauses
export const GC_STOPS = 576; //           GIL     histogram of times to stop
export const HISTOGRAM_WORDS = 192;

// ── Deaths ───────────────────────────────────────────────────────────────────────────────────
//
// A ring of records of the last threads that died and were recovered: see gc/deaths.ts. GIL.

export const DEATHS = 1024;
export const DEATH_RECORDS = 16;
export const DEATH_WORDS = 8;
export const DEATH_NUMBER = 0; //  its number from 1 on, written last; 0 while it is written
export const DEATH_THREAD = 1; //  the thread's number in the heap
export const DEATH_OS_ID = 2; //   the system's number of it
export const DEATH_WHERE = 3; //   DIED_...
export const DEATH_ROWS = 4; //    rows that were released
export const DEATH_BLOCKS = 5; //  blocks that became free by that
export const DEATH_PAGES = 6; //   pages that were abandoned
export const DEATH_US = 7; //      microseconds that recovery took

// Where a thread died.
export const DIED_OUTSIDE = 1;
export const DIED_WAITING = 2;
export const DIED_HOLDING = 3;
export const DIED_READING = 4;
export const DIED_COLLECTING = 5;
export const DIED_RECOVERING = 6;

/** Lists of free runs: by exact length up to 32 pages, then one list per power of two. */
export const FREE_RUN_LISTS = 48;
export const FREE_RUN_EXACT = 32;

// ── Thread records ───────────────────────────────────────────────────────────────────────────
//
// One per attached thread, at threadTable + (id - 1) * THREAD_WORDS. The collector thread has a
// record of its own. The last record is nobody's: its bins hold the pages of threads that left.

export const MAX_THREADS = 128;
export const COLLECTOR_THREAD = (MAX_THREADS + 1) as ThreadId;
export const ABANDONED = (MAX_THREADS + 2) as ThreadId;
export const WAITER_WORDS = 5;
export const THREAD_STATE = 0; //          atomic  THREAD_FREE, THREAD_ATTACHED
export const THREAD_PARK = 1; //           atomic  see sync/gil.ts
export const THREAD_TICKET = 2; //         owner   order among waiters
export const THREAD_OS_ID = 3; //          owner   thread id of the system; 0 when unknown
export const THREAD_START_LOW = 4; //      owner   the system's start time of that thread
export const THREAD_START_HIGH = 5; //     owner
export const THREAD_SECTIONS = 6; //       owner   sections begun (wraps)
export const THREAD_WAITS = 7; //          owner   times the lock was waited for
export const THREAD_WAIT_US = 8; //        owner   microseconds waited (wraps)
export const THREAD_HANDOVERS = 9; //      owner   times it handed the lock over
export const THREAD_ROWS_ROOT = 10; //     GIL     root table: a vector of references
export const THREAD_ROWS_HEIGHT = 11; //   GIL
export const THREAD_ROWS_COUNT = 12; //    GIL     rows ever used; a free row is 0
/** In a row: it stands for an open iterator of its map. */
export const ROW_ITERATOR = 1;
export const THREAD_GUARDS = 14; //        GIL     `disabled()` guards that it holds open
export const THREAD_HELD_ROOT = 20; //     GIL     stack of references: copies half made
export const THREAD_HELD_HEIGHT = 21; //   GIL
export const THREAD_HELD_COUNT = 22; //    GIL
export const THREAD_DIED = 23; //          GIL     DIED_... once it was found dead in a section
export const THREAD_NODE_ID = 28; //       owner   its id in worker_threads
export const THREAD_SERIAL = 29; //        owner   number of this attachment: unique in the heap
export const THREAD_READING = 32; //       atomic  1 in a read section; a cache line of its own
export const THREAD_ASYNC = 48; //         atomic  see sync/waiters.ts
export const THREAD_ASYNC_TICKET = 49; //  atomic  order among waiters
export const THREAD_UNDO = 50; //          GIL     undo log of its atomic section, an array; or 0
export const THREAD_BINS = 64; //          GIL     per size class: first run with free blocks
export const THREAD_WORDS = 192;

export const THREAD_FREE = 0;
export const THREAD_ATTACHED = 1;

// ── Death epochs ─────────────────────────────────────────────────────────────────────────────
//
// Threads cache decoded strings by address. A string's death advances the counter of its cache
// line, so a cached entry is valid exactly while the counter has the value seen when it was made.
// GIL.

export const EPOCH_WORDS = 4096;
export const EPOCH_MASK = EPOCH_WORDS - 1;
/** Blocks are at least 4 words, so neighbours fall on different lines. */
export const EPOCH_SHIFT = 2;

// ── Kind records ─────────────────────────────────────────────────────────────────────────────
//
// Where the references of a kind live. References come first, those to strings behind the others,
// then two-word values, then scalars.

export const MAX_KINDS = 4096;
export const KIND_WORDS = 8;
export const KIND_RECORD_SHIFT = 3;
export const KIND_REFERENCES = 0; //  constant  one-word reference slots
export const KIND_VALUES = 1; //      constant  two-word value slots; -1: walked by code
export const KIND_VALUES_AT = 2; //   constant  offset of the first value slot
export const KIND_OBJECT_WORDS = 3; //constant  words of an object
export const KIND_SIZE_CLASS = 4; //  constant
export const KIND_BITS = 5; //        constant  the info word of a new object
export const KIND_DESCRIPTOR = 6; //  constant  an immortal string: the declaration as JSON
export const KIND_TRACED = 7; //      constant  of the reference slots, the first: no strings

// ── Page records ─────────────────────────────────────────────────────────────────────────────
//
// Pages are 64 KiB. A run of pages holds blocks of one size class, or one large object. The head's
// record describes the run; a tail's record only says how far its head is.
// One record is one cache line: the free list, the count and the owner are read together.

export const PAGE_WORDS_SHIFT = 14;
export const PAGE_WORDS = 1 << PAGE_WORDS_SHIFT;
export const PAGE_RECORD_SHIFT = 4;
export const PAGE_RECORD_WORDS = 1 << PAGE_RECORD_SHIFT;
export const PAGE_FREE = 0; //         GIL  first free block, linked through word 0 of each
export const PAGE_USED = 1; //         GIL  blocks carved and not on the free list
export const PAGE_OWNER = 2; //        GIL  id of the owning thread; negated while the run is full
export const PAGE_RETIRE_AT = 3; //    GIL  `used` at which a free looks closer: 0, or -1 for never
export const PAGE_BLOCK_WORDS = 4; //  GIL
export const PAGE_CAPACITY = 5; //     GIL  blocks the run can hold
export const PAGE_CARVED = 6; //       GIL  blocks handed out at least once; the rest is untouched
export const PAGE_REMOTE_FREE = 7; //  GIL  blocks freed by other threads, taken in one batch
export const PAGE_REMOTE_COUNT = 8; // GIL
export const PAGE_CLASS = 9; //        GIL  size class; LARGE_CLASS for a run of one large block
export const PAGE_STATE = 10; //       GIL  PAGE_UNUSED .. PAGE_TAIL
export const PAGE_NEXT = 11; //        GIL  in the owner's bin, or in a list of free runs
export const PAGE_PREVIOUS = 12; //    GIL
export const PAGE_RUN = 13; //         GIL  head: pages of the run; tail: pages back to the head
export const PAGE_YOUNG = 14; //       GIL  cards (below) that may hold objects of generation 0
export const PAGE_MIDDLE = 15; //      GIL  cards that may hold objects of generation 1

export const PAGE_UNUSED = 0; // never touched
export const PAGE_FREE_RUN = 1; // first page of a free run
export const PAGE_BLOCKS = 2; // first page of a run in use
export const PAGE_TAIL = 3; // further page of a run, free or in use
export const PAGE_SCRATCH = 4; // first page of a run of the collector's side tables

// Cards: each page is 32 cards of 512 words; a block belongs to the card of its header. A mask of
// 32 bits in the record of the run says which cards young objects may be in, so that a young
// collection finds them without walking the heap. In a run of several pages card n is that of all
// pages. The run's bit in the table of young (middle) pages says that the mask may not be 0.

export const CARD_SHIFT = 9;
export const CARD_WORDS = 1 << CARD_SHIFT;

// ── Object header ────────────────────────────────────────────────────────────────────────────
//
//      31                    16 15        8 7                 0
//     ┌──────────────────────────────────────────────────────┐
//  +0 │ refcount; negative: immortal (saturation is sticky)   │  counted
//     ├────────────────────────┬───────────┬─────────────────┤
//  +1 │ kind (0: a free block)  │ kind bits │ collector bits  │  constant, constant, GIL
//     └────────────────────────┴───────────┴─────────────────┘
//  +2   payload
//
// A block is an object from the one store that publishes word 1. In a free block word 1 is 0 and
// word 0 links to the next free block; in an object that is dying word 0 links the worklist.

export const HEADER_COUNT = 0;
export const HEADER_INFO = 1;
export const HEADER_WORDS = 2;
export const KIND_SHIFT = 16;
export const GC_GENERATION_MASK = 0b11; // 0 young .. 2 oldest, 3 permanent
export const GC_TRACKED = 1 << 2;
export const GC_FINALIZED = 1 << 3;
export const GC_HAS_WEAKREFS = 1 << 4;
export const GC_CONTAINER = 1 << 5; // constant: may hold references to objects that may be tracked
export const GC_CONDEMNED = 1 << 6; // garbage that is being swept; its count is a link
export const GC_UNLINKED = 1 << 7; // of these: its references no longer count
// A kind bit of arrays, maps, sets and structs: an undo log has, or had, an entry that tells of the
// object. It stays. See object/undo-log.ts.
export const UNDO_NOTED = 1 << 8;
export const IMMORTAL_COUNT = -0x40000000; // far from both ends: a stray change stays negative

export const KIND_FREE = 0;
export const KIND_STRING = 1;
export const KIND_BIGINT = 2;
export const KIND_ARRAY = 3;
export const KIND_MAP = 4;
export const KIND_NODE = 5; // backing: node of a vector
export const KIND_CHUNK = 6; // backing: entries of a map or set
export const KIND_SET = 7;
export const KIND_TUPLE = 8;
export const KIND_BYTES = 9;
export const KIND_DATE = 10;
export const FIRST_STRUCT_KIND = 16;

// ── Strings ──────────────────────────────────────────────────────────────────────────────────

//  interned: count | info with the length | hash | next string in the bucket | characters ...
//  long:     count | info                 | hash | length                    | characters ...

export const STRING_HASH = 2; //   constant
export const STRING_LINK = 3; //   GIL       interned: next string in the bucket
export const STRING_LENGTH = 3; // constant  long: UTF-16 code units
export const STRING_CHARS = 4; //  constant
export const STRING_TWO_BYTE = 1 << 8; // else one byte per character; the smaller one that fits
export const STRING_INTERNED = 1 << 9; // exactly the strings of up to INTERN_MAX units
export const STRING_LENGTH_AT = 10; // bits 10..15 of the info word: the length when interned
export const STRING_LONG = 63; // there: the length is in STRING_LENGTH
/** The bits of the info word that equal strings share, and the collector's do not. */
export const STRING_INFO_MASK = ~0xff;
export const INTERN_MAX = 32;
/** V8's own limit, near 2^29. */
export const STRING_MAX = 0x1fffffe8;

export const BIGINT_VALUE = 2; // constant  a signed or unsigned 64-bit integer, low word first
export const BIGINT_HIGH = 3; //  constant
export const BIGINT_WORDS = 4;
export const BIGINT_UNSIGNED = 1 << 8; // read it as unsigned

export const DATE_TIME = 2; // constant  a float64: milliseconds since 1970, or NaN
export const DATE_WORDS = 4;

// ── Tuples and bytes: of fixed size, the content behind the header ───────────────────────────

export const TUPLE_LENGTH = 2; // constant  values
export const TUPLE_VALUES = 4; // constant  two words each

export const BYTES_LENGTH = 2; // constant  a float64: bytes
export const BYTES_DATA = 4; //   any       what users do with it is theirs to order
export const BYTES_TYPE_AT = 8; // bits 8..11 of the info word: what `toJS` makes of it

// ── Vectors: words addressed by index, grown without ever moving more than a leaf ────────────
//
// A radix tree of nodes. Height 1: the root is a leaf of up to LEAF_WORDS words. Height h + 1:
// the root points to up to LEAF_WORDS nodes of height h. Only a root may be smaller than full.

export const NODE_OWNER = 0; // GIL  the object it belongs to; -thread id for a root table
export const NODE_PAYLOAD = 2;
export const LEAF_SHIFT = 10;
export const LEAF_WORDS = 1 << LEAF_SHIFT;
export const LEAF_MASK = LEAF_WORDS - 1;
export const NODE_WORDS_MAX = LEAF_WORDS + NODE_PAYLOAD;
/** Blocks of full nodes have a size class of their own, 63 in four pages: 1.5 % larger, not 6 %. */
export const NODE_RUN_PAGES = 4;
export const NODE_BLOCK_WORDS = 1040;
export const NODE_SHIFT_AT = 8; // bits 8..11 of the info word: log2 of the words it holds
export const NODE_SHIFT_MASK = 0xf;
export const NODE_LEVEL_AT = 12; // bits 12..15: levels of nodes below it
export const CHUNK_CAPACITY_AT = 8; // of a chunk, bits 8..15 of the info word: entries that fit

export const ARRAY_LENGTH = 2; // GIL
export const ARRAY_ROOT = 3; //   GIL
export const ARRAY_HEIGHT = 4; // GIL
export const ARRAY_WORDS = 6;

// ── Maps and sets: entries in insertion order in a list of chunks, found through a table ──────
//
//  chunk:  owner | info | next | previous | used | live | empty link | entry words | entries ...
//  entry:  key (2 words) | of a map: value (2 words)
//  bucket: 12 tags (3 words) | 12 addresses of entries | next bucket of the same hashes
//
// A tag is 0 when the slot is free, else eight bits of the hash of the entry's key: of the entries
// in a bucket only those are read that are most likely the one looked for. Hashes are not stored:
// a string has its own, and the others are quick to compute. The payload of a full node begins two
// words behind a cache line, so all but the last slot of a bucket are in one line with the tags.

export const MAP_SIZE = 2; //         GIL  entries
export const MAP_FIRST = 3; //        GIL  first chunk
export const MAP_LAST = 4; //         GIL  chunk that takes new entries
export const MAP_BUCKETS_ROOT = 5; // GIL  vector of buckets
export const MAP_BUCKETS_HEIGHT = 6; // GIL
export const MAP_BUCKET_COUNT = 7; // GIL  0: small, searched one by one
export const MAP_ITERATORS = 8; //    GIL  open iterators: entries stay where they are meanwhile
export const MAP_EMPTY = 9; //        GIL  empty chunks to be freed when the last iterator closes
export const MAP_WORDS = 10;

export const CHUNK_OWNER = 0; //      GIL
export const CHUNK_NEXT = 2; //       GIL
export const CHUNK_PREVIOUS = 3; //   GIL
export const CHUNK_USED = 4; //       GIL  entries appended so far, holes included
export const CHUNK_LIVE = 5; //       GIL
export const CHUNK_EMPTY_LINK = 6; // GIL
export const CHUNK_STEP = 7; //       constant  words of an entry
export const CHUNK_ENTRIES = 8;
export const CHUNK_CAPACITY_MIN = 4;

export const ENTRY_KEY = 0; //   GIL
export const ENTRY_VALUE = 2; // GIL
export const MAP_ENTRY_WORDS = 4;
export const SET_ENTRY_WORDS = 2;
/** Entries of the largest chunks: as many as eight bits count, and as fill a block of 496 words. */
export const MAP_CHUNK_MAX = 255;
export const SET_CHUNK_MAX = 244;

export const BUCKET_SHIFT = 4;
export const BUCKET_WORDS = 1 << BUCKET_SHIFT;
export const BUCKET_TAGS = 0; //   GIL  a byte per slot: three words
export const BUCKET_TAGS_4 = 1; // GIL  from slot 4 on
export const BUCKET_TAGS_8 = 2; // GIL  from slot 8 on
export const BUCKET_SLOTS = 3; //  GIL  addresses of entries
export const BUCKET_NEXT = 15; //  GIL  a bucket that takes what does not fit, in a node of its own
export const BUCKET_CAPACITY = BUCKET_NEXT - BUCKET_SLOTS;
/** Entries for each bucket at which a table grows. */
export const BUCKET_LOAD = 8;
/** Buckets of a new table. */
export const FIRST_MAP_BUCKETS = 2;
/** Maps of up to this many entries have no table. */
export const MAP_SMALL = 8;

// ── Values: two words, the second (high) tells what it is ────────────────────────────────────
//
// A number is a float64, or an int32 when it is one. Everything else lives in the space of
// negative quiet NaNs, which no stored number uses: NaN itself is stored as the positive one.

export const VALUE_LOW = 0;
export const VALUE_HIGH = 1;
export const VALUE_WORDS = 2;
export const TAG_MIN = 0xfff9_0000 | 0; // tags are the high words from here to -1
export const TAG_REFERENCE = 0xfff9_0000 | 0;
export const TAG_INT32 = 0xfffa_0000 | 0;
export const TAG_SIMPLE = 0xfffb_0000 | 0; // low: SIMPLE_...
export const TAG_HOLE = 0xfffc_0000 | 0; // no value here: a deleted entry
export const NAN_HIGH = 0x7ff8_0000;
export const SIMPLE_UNDEFINED = 0;
export const SIMPLE_NULL = 1;
export const SIMPLE_FALSE = 2;
export const SIMPLE_TRUE = 3;
export const SIMPLE_ABSENT = 4; // a hole of an array that was copied: reads as undefined

// ── Relations ────────────────────────────────────────────────────────────────────────────────

assert(
  CONTROL_NULL === NULL_REF + PAGE_FREE,
  'a missing page record reads as one without free blocks',
);
assert(HEADER_WORDS % 2 === 0, 'payloads are 8-byte aligned, so they can hold a float64');
assert(CONTROL_FREE_RUNS + FREE_RUN_LISTS <= CONTROL_LEFT, 'the run lists have their words');
assert(THREAD_HANDOVERS - THREAD_SECTIONS === 3, 'the counters of a thread are four words');
assert(CONTROL_LEFT + 4 <= CONTROL_READER_THREADS, 'the counters have their words');
assert(CONTROL_READER_THREADS + WAITER_WORDS <= CONTROL_ASYNC_WAITERS, 'so have the reader bits');
assert(CONTROL_ASYNC_WAITERS + WAITER_WORDS <= GC_COUNTS, 'the collector words follow the others');
assert(THREAD_READING % 16 === 0 && THREAD_WORDS % 16 === 0, 'readers have a cache line each');
assert(THREAD_ASYNC >= THREAD_READING + 16 && THREAD_UNDO < THREAD_BINS, 'and no more');
assert(GC_STATS + GENERATIONS * GC_STATS_WORDS <= GC_PAUSES, 'the figures have their words');
assert(GC_PAUSES + HISTOGRAM_WORDS <= GC_STOPS, 'histograms do not overlap');
assert(GC_STOPS + HISTOGRAM_WORDS <= GC_BACKGROUND_FIGURES, 'the histograms have their words');
assert(
  GC_BACKGROUND_FIGURES + BACKGROUND_RECORDS * GC_STATS_WORDS <= CONTROL_WORDS,
  'the last figures, too',
);
assert(DEATHS + DEATH_RECORDS * DEATH_WORDS <= CONTROL_WORDS, 'deaths have their words');
assert(PAGE_WORDS === CARD_WORDS * 32, 'a word has a bit for every card of a page');
assert(CONTROL_GIL % 16 === 0, 'the lock word starts a cache line');
assert(CONTROL_STATE >= CONTROL_GIL + 16, 'the lock word has its cache line to itself');
assert(COLLECTOR_THREAD <= WAITER_WORDS * 32, 'there is a bit for every thread that can wait');
assert(CONTROL_WAITERS + WAITER_WORDS <= CONTROL_THREADS_SEEN, 'the waiter bits have their words');
assert(KIND_WORDS === 1 << KIND_RECORD_SHIFT, 'a kind record is found by a shift');
assert(MAX_KINDS <= 1 << (32 - KIND_SHIFT), 'kinds fit the info word');
assert(PAGE_MIDDLE < PAGE_RECORD_WORDS, 'a page record is one cache line');
assert(STRING_LONG << STRING_LENGTH_AT < 1 << KIND_SHIFT, 'string bits do not overlap the kind');
assert(GC_UNLINKED < 1 << 8, 'collector bits do not overlap the kind bits');
assert(
  CHUNK_ENTRIES + MAP_CHUNK_MAX * MAP_ENTRY_WORDS <= NODE_BLOCK_WORDS,
  'a full chunk of a map fits the block of a full node',
);
assert(MAP_CHUNK_MAX < 256 && SET_CHUNK_MAX < 256, 'the info word counts entries in eight bits');
assert(
  (CHUNK_ENTRIES | MAP_ENTRY_WORDS | SET_ENTRY_WORDS | ENTRY_VALUE) % 2 === 0,
  'values stand at even addresses, so they can be read as a float64',
);
assert(BUCKET_CAPACITY === 4 * (BUCKET_SLOTS - BUCKET_TAGS), 'a bucket has a tag for every slot');
assert(BUCKET_WORDS === BUCKET_NEXT + 1 && LEAF_WORDS % BUCKET_WORDS === 0, 'buckets fill leaves');
assert(
  FIRST_MAP_BUCKETS * BUCKET_LOAD >= MAP_SMALL && MAP_SMALL < BUCKET_CAPACITY,
  'what a map without table holds, and one more, fits any of its first buckets',
);
assert(INTERN_MAX < STRING_LONG, 'the length of an interned string fits its six bits');
assert(BYTES_DATA % 2 === 0, 'bytes are 8-byte aligned, so they can hold any element type');
assert(MAP_SMALL >= CHUNK_CAPACITY_MIN, 'a map without table needs no more than two chunks');
assert(TAG_HOLE < 0, 'tags are negative as signed words');

const ceilTo = (value: number, step: number) => Math.ceil(value / step) * step;

/** Where the tables of a heap of `maxBytes` stand; derived, never stored. */
export interface HeapMap {
  readonly maxWords: number;
  readonly pages: number;
  readonly threadTable: WordIndex;
  readonly deathEpochs: WordIndex;
  readonly kindTable: WordIndex;
  readonly youngPages: WordIndex;
  readonly middlePages: WordIndex;
  readonly headNumbers: WordIndex;
  readonly pageTable: WordIndex;
  readonly firstPage: PageIndex;
}

/** Lays out a heap of `maxBytes`, rounded down to whole pages. */
export function layOut(maxBytes: number): HeapMap {
  const pages = Math.floor(maxBytes / WORD_BYTES / PAGE_WORDS);
  const threadTable = CONTROL_WORDS;
  const deathEpochs = ceilTo(threadTable + ABANDONED * THREAD_WORDS, 64);
  const kindTable = deathEpochs + EPOCH_WORDS;
  const youngPages = kindTable + MAX_KINDS * KIND_WORDS;
  const middlePages = youngPages + Math.ceil(pages / 32);
  const headNumbers = middlePages + Math.ceil(pages / 32);
  const pageTable = ceilTo(headNumbers + pages, PAGE_RECORD_WORDS);
  const firstPage = Math.ceil((pageTable + pages * PAGE_RECORD_WORDS) / PAGE_WORDS);
  assert(firstPage < pages, 'heap: the tables leave room for pages');
  return {
    maxWords: pages * PAGE_WORDS,
    pages,
    threadTable: threadTable as WordIndex,
    deathEpochs: deathEpochs as WordIndex,
    kindTable: kindTable as WordIndex,
    youngPages: youngPages as WordIndex,
    middlePages: middlePages as WordIndex,
    headNumbers: headNumbers as WordIndex,
    pageTable: pageTable as WordIndex,
    firstPage: firstPage as PageIndex,
  };
}
