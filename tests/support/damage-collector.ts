/** Damages to what the collector goes by, each with the code it is found as. */

import {
  ABANDONED,
  GC_COLLECTING,
  GC_CONDEMNED,
  GC_CONDEMNED_LIST,
  GC_CONTAINER,
  GC_DISABLES,
  GC_ENABLED,
  GC_GARBAGE_ARRAY,
  GC_GENERATION_MASK,
  GC_PAGES_IN_USE,
  GC_PAGES_WANTED,
  GC_SCANNERS,
  GC_SCRATCH,
  GC_SHARE,
  GC_SIZES,
  GC_THRESHOLDS,
  GC_TRACKED,
  GC_TRIGGER,
  GC_UNLINKED,
  GC_UNLINKED_LIST,
  HEADER_COUNT,
  HEADER_INFO,
  PAGE_MIDDLE,
  PAGE_NEXT,
  PAGE_OWNER,
  PAGE_RECORD_WORDS,
  PAGE_RUN,
  PAGE_YOUNG,
} from '../../src/memory/layout.ts';
import { NEVER, pageOf, pageRecordOf } from '../../src/memory/memory.ts';
import { runRecordOf } from '../../src/memory/pages.ts';
import type { Damage } from './damage-memory.ts';
import { add, flip, NOWHERE, type Place, set, word } from './damage-objects.ts';
import type { Sample } from './sample-heap.ts';

/** A word of the record of the run that holds the structs. */
const run =
  (offset: number): Place =>
  ({ mem, first }) =>
    runRecordOf(mem, first) + offset;
/** A word of the record of the side tables, or of their second page. */
const scratch =
  (offset: number): Place =>
  ({ mem, scratch: page }) =>
    pageRecordOf(mem, page) + offset;
const control =
  (at: number): Place =>
  () =>
    at;

/** Takes the bit of the run of structs out of a table of pages. */
function clearPageBit({ mem, first }: Sample, table: number): void {
  const page = pageOf(first); // these runs have one page
  mem.i32[table + (page >>> 5)] &= ~(1 << (page & 31));
}

export const COLLECTOR_DAMAGES: readonly Damage[] = [
  // Info words
  [
    'CONTAINER_WRONG',
    'a struct that is no container',
    flip(word('first', HEADER_INFO), GC_CONTAINER),
  ],
  ['CONTAINER_WRONG', 'an array that is none', flip(word('otherArray', HEADER_INFO), GC_CONTAINER)],
  ['CONTAINER_WRONG', 'a string that is one', flip(word('long', HEADER_INFO), GC_CONTAINER)],
  ['TRACKED_WRONG', 'an untracked struct', flip(word('first', HEADER_INFO), GC_TRACKED)],
  ['TRACKED_WRONG', 'an untracked old struct', flip(word('old', HEADER_INFO), GC_TRACKED)],
  ['TRACKED_WRONG', 'a tracked string', flip(word('long', HEADER_INFO), GC_TRACKED)],
  [
    'UNTRACKED_HOLDER',
    'an untracked array that holds a struct',
    flip(word('smallArray', HEADER_INFO), GC_TRACKED),
  ],
  [
    'UNTRACKED_HOLDER',
    'an untracked map that holds itself',
    flip(word('tableMap', HEADER_INFO), GC_TRACKED),
  ],
  ['GENERATION_WRONG', 'a string of a generation', flip(word('long', HEADER_INFO), 2)],
  ['GENERATION_WRONG', 'an untracked map of a generation', flip(word('otherMap', HEADER_INFO), 3)],

  // Generations and cards
  ['GENERATION_SIZE_WRONG', 'a young object grown old', flip(word('first', HEADER_INFO), 2)],
  ['GENERATION_SIZE_WRONG', 'a young object grown up', flip(word('first', HEADER_INFO), 1)],
  ['GENERATION_SIZE_WRONG', 'an old object grown young', flip(word('old', HEADER_INFO), 2)],
  ['GENERATION_SIZE_WRONG', 'an old object in the middle', flip(word('old', HEADER_INFO), 3)],
  [
    'GENERATION_SIZE_WRONG',
    'a frozen object that is not',
    flip(word('frozen', HEADER_INFO), GC_GENERATION_MASK),
  ],
  ['GENERATION_SIZE_WRONG', 'one object less', add(control(GC_SIZES + 1), -1)],
  ['GENERATION_SIZE_WRONG', 'a frozen object more', add(control(GC_SIZES + 3), 1)],
  ['YOUNG_CARD_MISSING', 'a run without young cards', set(run(PAGE_YOUNG), 0)],
  ['MIDDLE_CARD_MISSING', 'a run without middle cards', set(run(PAGE_MIDDLE), 0)],
  ['YOUNG_PAGE_MISSING', 'a run not among the young', (s) => clearPageBit(s, s.mem.youngPages)],
  [
    'YOUNG_PAGE_MISSING',
    'the first run of a bin not among the young, though it has nothing young',
    (sample) => {
      const { mem, long } = sample;
      clearPageBit({ ...sample, first: long }, mem.youngPages);
    },
  ],
  ['MIDDLE_PAGE_MISSING', 'a run not in the middle', (s) => clearPageBit(s, s.mem.middlePages)],

  // Control words
  ['COLLECTOR_WORD_WRONG', 'a switch half on', set(control(GC_ENABLED), 2)],
  ['COLLECTOR_WORD_WRONG', 'less than no guards', set(control(GC_DISABLES), -1)],
  ['COLLECTOR_WORD_WRONG', 'no scanners', set(control(GC_SCANNERS), 0)],
  ['COLLECTOR_WORD_WRONG', 'more than all the time', set(control(GC_SHARE), 1001)],
  ['COLLECTOR_WORD_WRONG', 'a collection by nobody', set(control(GC_COLLECTING), ABANDONED)],
  ['THRESHOLD_WRONG', 'a negative threshold', set(control(GC_THRESHOLDS), -1)],
  ['THRESHOLD_WRONG', 'a threshold too high', set(control(GC_THRESHOLDS + 2), NEVER)],
  ['TRIGGER_WRONG', 'a trigger of its own', set(control(GC_TRIGGER), 699)],
  ['TRIGGER_WRONG', 'a trigger that waits for ever', set(control(GC_TRIGGER), NEVER)],
  ['TRIGGER_WRONG', 'a trigger though collections are off', set(control(GC_ENABLED), 0)],
  ['TRIGGER_WRONG', 'a trigger though there is a guard', set(control(GC_DISABLES), 1)],
  ['TRIGGER_WRONG', 'growth that nobody noticed', set(control(GC_PAGES_WANTED), 2)],
  ['PAGES_IN_USE_WRONG', 'a page too many', add(control(GC_PAGES_IN_USE), 1)],
  ['GARBAGE_ARRAY_WRONG', 'a map of garbage', (s) => set(control(GC_GARBAGE_ARRAY), s.rootMap)(s)],
  [
    'GARBAGE_ARRAY_WRONG',
    'an array of garbage that can die',
    (s) => set(control(GC_GARBAGE_ARRAY), s.smallArray)(s),
  ],
  ['DANGLING_REFERENCE', 'no array of garbage', set(control(GC_GARBAGE_ARRAY), NOWHERE)],

  // Garbage that is being swept
  [
    'CONDEMNED_WRONG',
    'an unlinked object not condemned',
    flip(word('unlinked', HEADER_INFO), GC_CONDEMNED),
  ],
  ['CONDEMNED_WRONG', 'a living object unlinked', flip(word('first', HEADER_INFO), GC_UNLINKED)],
  ['CONDEMNED_WRONG', 'a condemned string', flip(word('long', HEADER_INFO), GC_CONDEMNED)],
  ['CONDEMNED_WRONG', 'a condemned object frozen', flip(word('condemned', HEADER_INFO), 3)],
  ['CONDEMNED_LIST_BROKEN', 'garbage nowhere', set(control(GC_CONDEMNED_LIST), NOWHERE)],
  ['CONDEMNED_LIST_BROKEN', 'unlinked garbage nowhere', set(word('unlinked', HEADER_COUNT), -4)],
  [
    'CONDEMNED_LIST_WRONG',
    'a condemned object that is not',
    flip(word('condemned', HEADER_INFO), GC_CONDEMNED),
  ],
  [
    'CONDEMNED_LIST_WRONG',
    'a condemned object that seems unlinked',
    flip(word('condemned', HEADER_INFO), GC_UNLINKED),
  ],
  [
    'CONDEMNED_LIST_WRONG',
    'an unlinked object that seems not to be',
    flip(word('unlinked', HEADER_INFO), GC_UNLINKED),
  ],
  [
    'CONDEMNED_LIST_WRONG',
    'a living object in the list of garbage',
    (s) => set(word('condemned', HEADER_COUNT), s.second)(s),
  ],
  [
    'CONDEMNED_CYCLE',
    'a list of garbage without end',
    (s) => set(word('condemned', HEADER_COUNT), s.condemned)(s),
  ],
  ['CONDEMNED_LOST', 'a living object condemned', flip(word('first', HEADER_INFO), GC_CONDEMNED)],
  ['CONDEMNED_LOST', 'a middle object condemned', flip(word('middle', HEADER_INFO), GC_CONDEMNED)],
  ['CONDEMNED_LOST', 'garbage that is in no list', set(control(GC_CONDEMNED_LIST), 0)],
  ['CONDEMNED_LOST', 'unlinked garbage that is in no list', set(control(GC_UNLINKED_LIST), 0)],
  [
    'CONDEMNED_REFERENCED',
    'a local that holds garbage',
    ({ locals, condemned }) => {
      locals.push(condemned);
    },
  ],
  [
    'CONDEMNED_REFERENCED',
    'an object that holds unlinked garbage',
    ({ mem, old, twin, unlinked }) => {
      mem.i32[old + twin.fields[0].offset] = unlinked;
    },
  ],

  // Side tables
  ['SCRATCH_RUN_WRONG', 'side tables a page too long', add(scratch(PAGE_RUN), 1)],
  ['SCRATCH_RUN_WRONG', 'side tables a page too short', add(scratch(PAGE_RUN), -1)],
  ['SCRATCH_RUN_WRONG', 'side tables of no page', set(scratch(PAGE_RUN), 0)],
  ['SCRATCH_RUN_WRONG', 'side tables with an owner', set(scratch(PAGE_OWNER), 1)],
  [
    'SCRATCH_RUN_WRONG',
    'a page of side tables that misses its head',
    add(scratch(PAGE_RECORD_WORDS + PAGE_RUN), 1),
  ],
  ['SCRATCH_LIST_WRONG', 'side tables that nobody would return', set(control(GC_SCRATCH), 0)],
  ['SCRATCH_LIST_WRONG', 'side tables nowhere', set(scratch(PAGE_NEXT), NOWHERE)],
  [
    'SCRATCH_LIST_WRONG',
    'side tables without end',
    (s) => set(scratch(PAGE_NEXT), s.mem.i32[GC_SCRATCH])(s),
  ],
  [
    'SCRATCH_LIST_WRONG',
    'a run of objects among the side tables',
    (s) => set(scratch(PAGE_NEXT), runRecordOf(s.mem, s.first))(s),
  ],
];
