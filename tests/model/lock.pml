/*
 * A model of the lock, of hand-over, read sections, stops and recovery, for the checker Spin:
 * `npm run model`. States have the names of the code, and inlines those of its functions.
 *
 *   here             in the code
 *   words.pml        src/sync/lock-word.ts, waiters.ts, readers.ts; src/memory/layout.ts: words
 *   gil.pml          src/sync/gil.ts: acquireGil, takeInTurn, waitForGil, takeFromDead, releaseGil,
 *                    handOver, yieldGil ...; src/sync/waiters.ts: all
 *   readers.pml      src/sync/readers.ts, src/sync/read-lock.ts: all
 *   async.pml        src/sync/async-lock.ts; src/async-sections.ts: #look, #tryBegin, #tryHarder
 *   settle           rebuilding the heap, as some steps that another death may interrupt
 *   proctype Writer, Reader, Collector, AsyncWriter, AsyncReader: what programs do with them
 *   proctype Death   a thread may end between any two steps
 *
 * Left out: records of threads that pass to new threads, a heap that is closed, tickets that wrap.
 */

#ifndef DEATHS
#define DEATHS 0
#endif
#ifndef MAY_TIME_OUT
#define MAY_TIME_OUT false
#endif
#ifdef RESPONSIVE
#define mayLapse(word) \
  (isDead(heirIn(word)) || async[heirIn(word)] == ASYNC_IDLE)
#else
#define mayLapse(word) (heirIn(word) != 0)
#endif

#include "words.pml"
#include "gil.pml"
#include "readers.pml"
#include "async.pml"

/* Threads begin sections until they stop, at most ROUNDS if that is not 0; TIRELESS ones go on. */
#ifndef ROUNDS
#define ROUNDS 0
#endif
#if ROUNDS > 0
#define GOES_ON round < ROUNDS -> round++
#else
#define GOES_ON true
#endif
#ifdef TIRELESS
#define STOPS false
#else
#define STOPS true
#endif

/* For the checker: who has wanted the lock for long. */
#ifdef TIRELESS
byte wanting;
#define WANT wanting = wanting | bit(me)
#define SERVED wanting = wanting & ~bit(me)
#else
#define WANT skip
#define SERVED skip
#endif

/* ── sections ── */

inline section() {
  d_step {
    assert(exclusive == 0); /* mutual exclusion */
    assert(readIn == 0); /* no exclusive section with a reader in */
    assert(!isHalfChanged); /* no section in a heap that is not rebuilt */
    assert(state == HEAP_OPEN);
    exclusive = me;
    isHalfChanged = true;
    SERVED
  };
  d_step { isHalfChanged = false; exclusive = 0 }
}

inline readSection() {
  d_step {
    assert(exclusive == 0);
    assert(!isHalfChanged);
    readIn = readIn | bit(me);
    SERVED
  };
  d_step {
    assert(exclusive == 0);
    assert(!isHalfChanged);
    readIn = readIn & ~bit(me)
  }
}

/* Between sections: a thread does not own the lock without knowing it. */
#define IDLE assert(ownerIn(gil) != me); assert(reading[me] == OUT); got = NOTHING

#ifdef USES_Writer
proctype Writer(byte me) {
  LOCALS;
  {
    do
    :: GOES_ON -> WANT; acquireGil(MAY_TIME_OUT);
      if
      :: got == HELD -> section()
      :: else
      fi;
      if
      :: got == HELD || got == GIVES_UP -> releaseGil()
      :: got == TIMED_OUT
      fi;
      d_step { IDLE }
    :: STOPS -> break
    od
  } unless { atomic { dead[me] -> FORGET_LOCALS } }
}
#endif

#ifdef USES_Collector
/* A stop after the other, each of which gives the lock to whoever waits. */
proctype Collector(byte me) {
  LOCALS;
  {
    do
    :: GOES_ON -> WANT; acquireGil(false);
      section();
      yieldGil();
      d_step { IDLE }
    :: STOPS -> break
    od
  } unless { atomic { dead[me] -> FORGET_LOCALS } }
}
#endif

#ifdef USES_Reader
proctype Reader(byte me) {
  LOCALS;
  {
    do
    :: GOES_ON -> WANT; beginReading(MAY_TIME_OUT);
      if
      :: got == HELD -> readSection(); endReading()
      :: else
      fi;
      d_step { IDLE }
    :: STOPS -> break
    od
  } unless { atomic { dead[me] -> FORGET_LOCALS } }
}
#endif


#ifdef USES_AsyncWriter
proctype AsyncWriter(byte me) {
  LOCALS;
  {
    do
    :: GOES_ON -> WANT; waitAsync(tryAcquireAsync, tryAcquireBlocking);
      if
      :: got == HELD -> section(); releaseGil()
      :: else
      fi;
      stopWaiting();
      d_step { IDLE }
    :: STOPS -> break
    od
  } unless { atomic { dead[me] -> FORGET_LOCALS } }
}
#endif

#ifdef USES_AsyncReader
proctype AsyncReader(byte me) {
  LOCALS;
  {
    do
    :: GOES_ON -> WANT; waitAsync(tryBeginReading, tryReadBlocking);
      if
      :: got == HELD -> readSection(); endReading()
      :: else
      fi;
      stopWaiting();
      d_step { IDLE }
    :: STOPS -> break
    od
  } unless { atomic { dead[me] -> FORGET_LOCALS } }
}
#endif

#if DEATHS > 0
inline die(thread) {
  dead[thread] = true;
  deaths++;
  readIn = readIn & ~bit(thread);
  if
  :: exclusive == thread -> exclusive = 0
  :: else
  fi
}

proctype Death() {
  do
  :: d_step { deaths < DEATHS && !dead[1] -> die(1) }
#if N > 1
  :: d_step { deaths < DEATHS && !dead[2] -> die(2) }
#endif
#if N > 2
  :: d_step { deaths < DEATHS && !dead[3] -> die(3) }
#endif
#if N > 3
  :: d_step { deaths < DEATHS && !dead[4] -> die(4) }
#endif
  :: break /* nobody else dies */
  od
}
#endif

init {
  atomic {
    START;
#if DEATHS > 0
    run Death()
#endif
  }
}
