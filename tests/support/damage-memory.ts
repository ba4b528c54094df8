/** Damages to control words, threads, pages, lists and kinds, each with the code it is found as. */
import type { FindingCode } from '../../src/gc/verify-findings.ts';
import {
  CONTROL_FREE_RUNS,
  CONTROL_GIL,
  CONTROL_KIND_COUNT,
  CONTROL_TOP_PAGE,
  CONTROL_VERSION,
  CONTROL_WAITERS,
  FREE_RUN_LISTS,
  HEADER_INFO,
  KIND_DESCRIPTOR,
  KIND_VALUES,
  PAGE_BLOCK_WORDS,
  PAGE_CAPACITY,
  PAGE_CARVED,
  PAGE_CLASS,
  PAGE_FREE,
  PAGE_FREE_RUN,
  PAGE_NEXT,
  PAGE_OWNER,
  PAGE_PREVIOUS,
  PAGE_RECORD_WORDS,
  PAGE_REMOTE_COUNT,
  PAGE_REMOTE_FREE,
  PAGE_RETIRE_AT,
  PAGE_RUN,
  PAGE_STATE,
  PAGE_USED,
  THREAD_BINS,
  THREAD_PARK,
  THREAD_STATE,
} from '../../src/memory/layout.ts';
import { threadRecordOf } from '../../src/memory/memory.ts';
import { runRecordOf } from '../../src/memory/pages.ts';
import { kindRecordOf } from '../../src/object/kinds.ts';
import type { Sample } from './sample-heap.ts';

/** A damage: the code it must be found as, what it is, and the deed. */
export type Damage = readonly [FindingCode, string, (sample: Sample) => void];

const NOWHERE = 12_345;

/** The record of the run that holds structs: one page, owned by thread 1, with free blocks. */
const structRun = ({ mem, first }: Sample) => runRecordOf(mem, first);
/** The run of the large string. */
const largeRun = ({ mem, large }: Sample) => runRecordOf(mem, large);
/** The bin in which the run of structs stands. */
const structBin = (sample: Sample) =>
  sample.mem.bins + sample.mem.i32[structRun(sample) + PAGE_CLASS];

/** The first list of free runs that has a member. */
function freeRunList({ mem }: Sample): number {
  for (let list = 0; list < FREE_RUN_LISTS; list++) {
    if (mem.i32[CONTROL_FREE_RUNS + list] !== 0) return CONTROL_FREE_RUNS + list;
  }
  throw new Error('the sample has free runs');
}
const freeRun = (sample: Sample) => sample.mem.i32[freeRunList(sample)];

/** Sets a word of the run of structs. */
const setRun = (offset: number, value: number) => (sample: Sample) => {
  sample.mem.i32[structRun(sample) + offset] = value;
};
const addToRun = (offset: number, value: number) => (sample: Sample) => {
  sample.mem.i32[structRun(sample) + offset] += value;
};
const setControl =
  (at: number, value: number) =>
  ({ mem }: Sample) => {
    mem.i32[at] = value;
  };

/** Cuts a free run in two that are both listed. */
function splitFreeRun(sample: Sample): void {
  const { i32 } = sample.mem;
  const record = freeRun(sample);
  const pages = i32[record + PAGE_RUN];
  const rest = record + PAGE_RECORD_WORDS;
  i32[freeRunList(sample)] = 0;
  i32[record + PAGE_RUN] = 1;
  i32[rest + PAGE_RUN] = pages - 1;
  i32[rest + PAGE_STATE] = PAGE_FREE_RUN;
  i32[rest + PAGE_OWNER] = 0;
  i32[rest + PAGE_NEXT] = 0;
  i32[rest + PAGE_PREVIOUS] = 0;
  i32[record + (pages - 1) * PAGE_RECORD_WORDS + PAGE_RUN] = pages - 2;
  i32[CONTROL_FREE_RUNS] = record;
  i32[CONTROL_FREE_RUNS + pages - 2] = rest;
}

export const MEMORY_DAMAGES: readonly Damage[] = [
  ['CONTROL_WRONG', 'another layout version', setControl(CONTROL_VERSION, 99)],
  ['LOCK_WRONG', 'a lock that names another thread', setControl(CONTROL_GIL, 2)],
  ['LOCK_WRONG', 'a lock with an unknown flag', setControl(CONTROL_GIL, 1 | (1 << 20))],
  [
    'THREAD_STATE_WRONG',
    'a thread that is neither attached nor free',
    ({ mem, other }) => {
      mem.i32[other.thread + THREAD_STATE] = 7;
    },
  ],
  [
    'THREAD_RECORD_STALE',
    'a bin of a thread that has left',
    (sample) => {
      sample.mem.i32[threadRecordOf(sample.mem, 50) + THREAD_BINS] = structRun(sample);
    },
  ],
  [
    'PARK_WRONG',
    'a thread that is parked while it verifies',
    ({ mem }) => {
      mem.i32[mem.thread + THREAD_PARK] = 1;
    },
  ],
  ['WAITER_BIT_WRONG', 'a holder of the lock that waits for it', setControl(CONTROL_WAITERS, 1)],
  ['WAITER_BIT_WRONG', 'a waiter that is not attached', setControl(CONTROL_WAITERS, 1 << 9)],
  [
    'TOP_PAGE_WRONG',
    'a first untouched page before the first page',
    setControl(CONTROL_TOP_PAGE, 0),
  ],
  ['TOP_PAGE_WRONG', 'a first untouched page too far', setControl(CONTROL_TOP_PAGE, 1 << 30)],
  [
    'TOP_PAGE_WRONG',
    'a first untouched page one too far',
    ({ mem }) => {
      mem.i32[CONTROL_TOP_PAGE]++;
    },
  ],
  ['PAGE_STATE_WRONG', 'a page of unknown state', setRun(PAGE_STATE, 7)],
  [
    'PAGE_STATE_WRONG',
    'a touched page behind the last',
    ({ mem }) => {
      mem.i32[mem.pageTable + (mem.pages - 1) * PAGE_RECORD_WORDS + PAGE_STATE] = PAGE_FREE_RUN;
    },
  ],
  ['RUN_LENGTH_WRONG', 'a run longer than its class', setRun(PAGE_RUN, 5)],
  [
    'RUN_LENGTH_WRONG',
    'a large run of another length',
    (sample) => {
      sample.mem.i32[largeRun(sample) + PAGE_RUN]--;
    },
  ],
  [
    'PAGE_TAIL_WRONG',
    'a tail that misses its head',
    (sample) => {
      sample.mem.i32[largeRun(sample) + PAGE_RECORD_WORDS + PAGE_RUN] = 9;
    },
  ],
  ['PAGE_CLASS_WRONG', 'a run of another class', addToRun(PAGE_CLASS, 1)],
  ['PAGE_CLASS_WRONG', 'a run of no class', setRun(PAGE_CLASS, -1)],
  ['PAGE_BLOCK_WORDS_WRONG', 'a run of other blocks', addToRun(PAGE_BLOCK_WORDS, 2)],
  [
    'PAGE_BLOCK_WORDS_WRONG',
    'a large block of another size',
    (sample) => {
      sample.mem.i32[largeRun(sample) + PAGE_BLOCK_WORDS] += 2;
    },
  ],
  ['PAGE_CAPACITY_WRONG', 'a run of other capacity', addToRun(PAGE_CAPACITY, 1)],
  ['PAGE_CARVED_WRONG', 'a run with a carved block too many', addToRun(PAGE_CARVED, 1)],
  ['PAGE_CARVED_WRONG', 'a run with less than no carved block', setRun(PAGE_CARVED, -1)],
  ['PAGE_USED_WRONG', 'a run with a used block too many', addToRun(PAGE_USED, 1)],
  ['PAGE_REMOTE_COUNT_WRONG', 'a run with a remote block too many', addToRun(PAGE_REMOTE_COUNT, 1)],
  ['PAGE_OWNER_WRONG', 'a run of a thread that is not there', setRun(PAGE_OWNER, 77)],
  [
    'PAGE_OWNER_WRONG',
    'a free run with an owner',
    (sample) => {
      sample.mem.i32[freeRun(sample) + PAGE_OWNER] = 1;
    },
  ],
  ['FREE_LIST_BROKEN', 'a free list that leads nowhere', setRun(PAGE_FREE, NOWHERE)],
  ['FREE_LIST_BROKEN', 'a free list with a negative link', setRun(PAGE_FREE, -8)],
  [
    'FREE_LIST_CYCLE',
    'a free list without end',
    (sample) => {
      const block = sample.mem.i32[structRun(sample) + PAGE_FREE];
      sample.mem.i32[block] = block;
    },
  ],
  [
    'FREE_BLOCK_TWICE',
    'a block on both free lists',
    (sample) => {
      const { i32 } = sample.mem;
      const record = structRun(sample);
      i32[record + PAGE_REMOTE_FREE] = i32[record + PAGE_FREE];
    },
  ],
  [
    'FREE_BLOCK_NOT_FREE',
    'an object on a free list',
    (sample) => {
      const { i32 } = sample.mem;
      i32[i32[structRun(sample) + PAGE_FREE] + HEADER_INFO] = i32[sample.first + HEADER_INFO];
    },
  ],
  [
    'BLOCK_LOST',
    'an object without header',
    ({ mem, second }) => {
      mem.i32[second + HEADER_INFO] = 0;
    },
  ],
  ['RUN_NOT_FULL', 'a run marked as full that is not', setRun(PAGE_OWNER, -1)],
  [
    'BIN_BROKEN',
    'a bin that leads nowhere',
    (sample) => {
      sample.mem.i32[structBin(sample)] = NOWHERE;
    },
  ],
  [
    'BIN_CYCLE',
    'a bin without end',
    (sample) => {
      sample.mem.i32[structRun(sample) + PAGE_NEXT] = structRun(sample);
    },
  ],
  [
    'BIN_MEMBER_WRONG',
    'a run in the bin of another class',
    (sample) => {
      const { mem, short } = sample;
      mem.i32[structBin(sample)] = runRecordOf(mem, short);
    },
  ],
  ['BIN_MEMBER_WRONG', 'a run in the bin of another thread', setRun(PAGE_OWNER, 2)],
  ['BIN_LINK_WRONG', 'a run whose way back is wrong', setRun(PAGE_PREVIOUS, NOWHERE)],
  [
    'RUN_NOT_IN_BIN',
    'a run in no bin',
    (sample) => {
      sample.mem.i32[structBin(sample)] = 0;
    },
  ],
  ['RETIRE_AT_WRONG', 'a first run that would not be kept', setRun(PAGE_RETIRE_AT, 0)],
  [
    'FREE_RUN_TAG_WRONG',
    'a free run that misses its end',
    (sample) => {
      sample.mem.i32[freeRun(sample) + PAGE_RUN]++;
    },
  ],
  [
    'FREE_RUN_LIST_BROKEN',
    'a list of free runs that leads nowhere',
    (sample) => {
      sample.mem.i32[freeRunList(sample)] = NOWHERE;
    },
  ],
  [
    'FREE_RUN_CYCLE',
    'a list of free runs without end',
    (sample) => {
      sample.mem.i32[freeRun(sample) + PAGE_NEXT] = freeRun(sample);
    },
  ],
  [
    'FREE_RUN_LIST_WRONG',
    'a free run in the list for another length',
    (sample) => {
      const list = freeRunList(sample);
      const record = freeRun(sample);
      sample.mem.i32[list] = 0;
      sample.mem.i32[list + 1] = record;
    },
  ],
  [
    'FREE_RUN_LINK_WRONG',
    'a free run whose way back is wrong',
    (sample) => {
      sample.mem.i32[freeRun(sample) + PAGE_PREVIOUS] = NOWHERE;
    },
  ],
  [
    'FREE_RUN_LOST',
    'a free run in no list',
    (sample) => {
      sample.mem.i32[freeRunList(sample)] = 0;
    },
  ],
  ['FREE_RUNS_ADJACENT', 'two free runs side by side', splitFreeRun],
  [
    'KIND_COUNT_WRONG',
    'a kind too few',
    ({ mem }) => {
      mem.i32[CONTROL_KIND_COUNT]--;
    },
  ],
  [
    'KIND_RECORD_WRONG',
    'a kind record with a value too many',
    ({ mem, layout }) => {
      mem.i32[kindRecordOf(mem, layout.kind) + KIND_VALUES]++;
    },
  ],
  [
    'KIND_RECORD_WRONG',
    'a record of a special kind with a value',
    ({ mem }) => {
      mem.i32[kindRecordOf(mem, 3) + KIND_VALUES] = 1;
    },
  ],
  [
    'KIND_DESCRIPTOR_WRONG',
    'a kind without a descriptor',
    ({ mem, layout }) => {
      mem.i32[kindRecordOf(mem, layout.kind) + KIND_DESCRIPTOR] = 0;
    },
  ],
  [
    'KIND_NAME_TWICE',
    'two structs of one name',
    ({ mem, layout, twin }) => {
      const descriptor = mem.i32[kindRecordOf(mem, layout.kind) + KIND_DESCRIPTOR];
      mem.i32[kindRecordOf(mem, twin.kind) + KIND_DESCRIPTOR] = descriptor;
    },
  ],
];
