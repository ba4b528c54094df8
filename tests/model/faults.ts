/** Faults that are put into the model, one at a time, to see that it can fail. */
import type { Configuration } from './configurations.ts';
import type { Fault } from './spin.ts';

const settings = { ROUNDS: 1, COARSE: 1 };
const WRITERS: Configuration = { name: 'writers', threads: ['Writer', 'Writer'], settings };
const READER: Configuration = { name: 'reader', threads: ['Writer', 'Reader'], settings };
const DYING: Configuration = { ...WRITERS, settings: { ...settings, DEATHS: 1 } };
const GIVING_UP: Configuration = {
  name: 'writers that give up, reader',
  threads: ['Writer', 'Writer', 'Reader'],
  settings: { ...settings, ROUNDS: 2, MAY_TIME_OUT: 'true' },
};
const ASYNC: Configuration = {
  name: 'asynchronous writer, reader',
  threads: ['AsyncWriter', 'Reader'],
  settings: { ...settings, ROUNDS: 2 },
};

export const FAULTS: readonly Fault[] = [
  {
    name: 'the lock is given up by a store that loses READERS',
    file: 'gil.pml',
    find: 'd_step { word = gil; gil = gil & READERS };',
    replace: 'd_step { word = gil; gil = 0 };',
    foundIn: { ...READER, settings: { ROUNDS: 2, COARSE: 1 } },
  },
  {
    name: 'a waiter is named that is not marked as GRANTED',
    file: 'gil.pml',
    find: 'had = (park[longest] == PARKED);\n        if\n        :: had -> park[longest] = GRANTED',
    replace: 'had = (park[longest] == PARKED);\n        if\n        :: had -> skip',
    foundIn: { ...WRITERS, settings: { ...settings, MAY_TIME_OUT: 'true' } },
  },
  {
    name: 'a reader looks before it announces itself',
    file: 'readers.pml',
    find: '  announce();\n  word = gil;\n',
    replace: '  word = gil;\n  announce();\n',
    foundIn: READER,
  },
  {
    name: 'a writer does not look for readers',
    file: 'gil.pml',
    find: ':: had && idleLock != 0 -> got = HELD; awaitReaders(mayTimeOut)',
    replace: ':: had && idleLock != 0 -> got = HELD',
    foundIn: { ...READER, settings: { ROUNDS: 2, COARSE: 1 } },
  },
  {
    name: 'the lock is taken from the dead without another look at its word',
    file: 'gil.pml',
    find: 'had = (gil == word); /* lockWord; that',
    replace: 'd_step { word = gil; had = (ownerIn(word) != 0) }; /* that',
    foundIn: { ...DYING, threads: ['Writer', 'Writer', 'Writer'] },
  },
  {
    name: 'the heap of a thread that died in its section is not rebuilt',
    file: 'gil.pml',
    find: ':: else -> state = HEAP_RECOVERING',
    replace: ':: else -> skip',
    foundIn: DYING,
  },
  {
    name: 'nobody looks whether the owner lives',
    file: 'gil.pml',
    find: '(deposing == 0 || isDead(deposing)) -> takeFromDead()',
    replace: 'false -> takeFromDead()',
    foundIn: DYING,
  },
  {
    name: 'who gives up stays listed',
    file: 'gil.pml',
    find: ':: had -> park[me] = AWAKE; got = TIMED_OUT',
    replace: ':: had -> got = TIMED_OUT',
    foundIn: { ...WRITERS, settings: { ...settings, MAY_TIME_OUT: 'true' } },
  },
  {
    name: 'a writer that gives up releases the lock while it is still listed',
    file: 'gil.pml',
    find: '    endParking()\n  fi;\n  d_step { word = 0',
    replace:
      '    if\n    :: got == GIVES_UP -> releaseGil(); got = TIMED_OUT\n    :: else\n    fi;\n' +
      '    endParking()\n  fi;\n  d_step { word = 0',
    foundIn: GIVING_UP,
  },
  {
    name: 'an asynchronous writer takes its offer without another look for readers',
    file: 'async.pml',
    find: '        if\n        :: found != 0 -> break\n        :: else\n        fi',
    replace:
      '        if\n        :: found != 0 -> break\n        :: else -> tryTake();\n' +
      '          if\n          :: had -> got = HELD\n          :: else\n          fi;\n' +
      '          break\n        fi',
    foundIn: ASYNC,
  },
];
