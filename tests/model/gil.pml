/*
 * The lock: src/sync/gil.ts and src/sync/waiters.ts. Inlines have the names of the functions.
 * Results: `had` of CAS and try...; `got` of what waits; `longest`, `found` of what searches.
 *
 * A wait is a slice after which the waiter looks again. A look at words that are as before leads
 * back to where it was, so a waiter here goes on when something has changed that it would see; no
 * notify is modelled at all. A lock that is lost is then a deadlock.
 */

inline moveLock(from, to) {
  d_step {
    had = (gil == (from));
    if
    :: had -> gil = (to)
    :: else
    fi
  }
}

#define ownedFrom(word) ((word & READERS) | CONTENDED | me)

inline tryTake() {
  atomic {
    word = gil; /* lockWord */
    idleLock = word & READERS;
    had = (ownerIn(word) == 0 && (heirIn(word) == 0 || heirIn(word) == me))
  };
  if
  :: had -> moveLock(word, ownedFrom(word))
  :: else
  fi
}

/* ── waiters.ts ── */

inline beginParking() {
  d_step { takeTicket(parkTicket(me)); park[me] = PARKED };
  waiters = waiters | bit(me)
}

inline endParking() {
  waiters = waiters & ~bit(me);
  d_step { park[me] = AWAKE; dropTicket(parkTicket(me)) }
}

inline longestParked(oneIsEnough) {
  SCAN {
  atomic { bits = waiters; longest = 0; id = 1 };
  do
  :: bits != 0 ->
    d_step {
      do
      :: (bits & bit(id)) == 0 -> id++
      :: else -> break
      od;
      bits = bits & ~bit(id);
      if
      :: park[id] == SIGNALLED && (oneIsEnough) -> longest = 0; bits = 0
      :: !(park[id] == SIGNALLED && (oneIsEnough)) && (park[id] == PARKED || park[id] == SIGNALLED) &&
        (longest == 0 || parkTicket(id) < parkTicket(longest)) -> longest = id
      :: else
      fi
    }
  :: else -> break
  od;
  id = 0
  }
}

inline longestAsync() {
  atomic {
    bits = asyncWaiters;
    found = 0;
    id = 1;
    do
    :: id <= N ->
      if
      :: (bits & bit(id)) != 0 && (found == 0 || asyncTicketOf(id) < asyncTicketOf(found)) ->
        found = id
      :: else
      fi;
      id++
    :: else -> break
    od;
    bits = 0;
    id = 0
  }
}

#define isAsyncFirst(async, parked) \
  (async != 0 && (parked == 0 || asyncTicketOf(async) < parkTicket(parked)))

inline wakeAsync(thread) {
  if
  :: async[thread] == ASYNC_WAITING -> async[thread] = ASYNC_WOKEN
  :: async[thread] != ASYNC_WAITING
  fi
}

inline renewTicket(thread) {
  d_step {
    if
    :: sectionTicket(thread) != 0 -> takeTicket(renewedTicket(thread))
    :: else
    fi
  }
}

inline grantLongest() {
  do
  :: longestParked(false);
    if
    :: longest == 0 -> break
    :: else ->
      d_step {
        had = (park[longest] == PARKED);
        if
        :: had -> park[longest] = GRANTED
        :: else
        fi
      };
      if
      :: had -> break
      :: else ->
        d_step {
          had = (park[longest] == SIGNALLED);
          if
          :: had -> park[longest] = GRANTED
          :: else
          fi
        };
        if
        :: had -> break
        :: else
        fi
      fi
    fi
  od
}

inline signalParked() {
  do
  :: longestParked(true);
    if
    :: longest == 0 -> break
    :: else ->
      d_step {
        had = (park[longest] == PARKED);
        if
        :: had -> park[longest] = SIGNALLED
        :: else
        fi
      };
      if
      :: had -> break
      :: else
      fi
    fi
  od
}

inline signalLongest() {
  signalParked();
  longestAsync();
  if
  :: isAsyncFirst(found, longest) -> d_step { wakeAsync(found) }
  :: else
  fi;
  d_step { longest = 0; found = 0; had = false }
}

inline forgetWaiter(thread) {
  d_step { had = (park[thread] == PARKED || park[thread] == SIGNALLED);
    if
    :: had -> park[thread] = AWAKE; dropTicket(parkTicket(thread))
    :: else
    fi
  };
  if
  :: had -> waiters = waiters & ~bit(thread)
  :: else
  fi;
  asyncWaiters = asyncWaiters & ~bit(thread);
  d_step {
    async[thread] = ASYNC_IDLE;
    dropTicket(sectionTicket(thread));
    dropTicket(renewedTicket(thread))
  }
}

inline forgetGranted(thread) {
  waiters = waiters & ~bit(thread);
  d_step { park[thread] = AWAKE; dropTicket(parkTicket(thread)) }
}

/* ── giving the lock up ── */

inline nameNext(next) {
  do
  :: word = gil;
    moveLock(word, (word & READERS) | (next));
    if
    :: had -> break
    :: else
    fi
  od
}

inline handOver() {
  longestAsync();
  if
  :: found != 0 -> longestParked(false)
  :: else -> longest = 0
  fi;
  if
  :: isAsyncFirst(found, longest) ->
    renewTicket(found);
    nameNext(OFFERED | found); /* offerTo */
    atomic { wakeAsync(found) };
    had = true
  :: else ->
    grantLongest();
    if
    :: longest != 0 -> nameNext(CONTENDED | longest); had = true
    :: else -> had = false
    fi
  fi
}

inline releaseGil() {
  moveLock(idleLock | me, idleLock);
  if
  :: had
  :: else -> /* releaseSlow */
    d_step { word = gil; idleLock = word & READERS; assert(ownerIn(word) == me) };
    if
    :: (word & HANDOVER) != 0 -> handOver()
    :: else -> had = false
    fi;
    if
    :: had
    :: else ->
      d_step { word = gil; gil = gil & READERS };
      if
      :: (word & CONTENDED) != 0 -> signalLongest()
      :: else
      fi
    fi
  fi;
  d_step { word = 0; longest = 0; found = 0; had = false }
}

inline yieldGil() {
  word = gil;
  if
  :: (word & CONTENDED) != 0 -> gil = gil | HANDOVER
  :: else
  fi;
  releaseGil()
}

/* ── taking the lock ── */

/* Owners are deposed by one thread at a time. The death is noted before the lock is taken. */
inline takeFromDead() {
  d_step {
    had = (deposing == 0 || isDead(deposing)); /* tryReplace */
    if
    :: had -> deposing = me
    :: else
    fi
  };
  if
  :: had ->
    had = (gil == word); /* lockWord; that the owner is dead is known, and stays so */
    if
    :: had ->
      found = (park[ownerIn(word)] == GRANTED); /* wasGranted */
      if
      :: found
      :: else -> state = HEAP_RECOVERING /* noteDeathInSection */
      fi;
      moveLock(word, ownedFrom(word));
      if
      :: had && found -> longest = ownerIn(word); forgetGranted(longest); longest = 0
      :: else
      fi
    :: else
    fi;
    d_step {
      found = 0;
      had = false;
      if
      :: deposing == me -> deposing = 0
      :: else
      fi
    }
  :: else
  fi
}

inline dropDeadWaiter() {
  longestParked(false);
  if
  :: longest != 0 && longest != me && isDead(longest) -> forgetWaiter(longest)
  :: else
  fi;
  longestAsync();
  if
  :: found != 0 && found != me && isDead(found) -> forgetWaiter(found)
  :: else
  fi;
  d_step { longest = 0; found = 0; had = false }
}

/* Whether a look at the one who waits longest would show that it is dead. */
#define isDeadListed(thread) \
  (thread <= N && isDead(thread) && \
    (((waiters & bit(thread)) && (park[thread] == PARKED || park[thread] == SIGNALLED)) || \
      (asyncWaiters & bit(thread))))

inline waitForGil(mayTimeOut) {
  do
  :: LOOK {
    atomic { word = gil; idleLock = word & READERS };
    if
    :: ownerIn(word) == me -> got = HELD; break /* handed over */
    :: ownerIn(word) == 0 && (heirIn(word) == 0 || heirIn(word) == me || mayLapse(word)) ->
      moveLock(word, ownedFrom(word));
      if
      :: had -> got = HELD; break
      :: else
      fi
    :: ownerIn(word) != me && heirIn(word) == 0 && ownerIn(word) != 0 &&
      (word & CONTENDED) == 0 && mayBePatient -> moveLock(word, word | CONTENDED)
    :: ownerIn(word) != me && heirIn(word) == 0 && ownerIn(word) != 0 && (word & HANDOVER) == 0 ->
      moveLock(word, word | CONTENDED | HANDOVER) /* it has waited for the switch interval */
    :: ownerIn(word) != me && ownerIn(word) != 0 && isDead(ownerIn(word)) &&
      (deposing == 0 || isDead(deposing)) -> takeFromDead()
    :: ownerIn(word) != me && ownerIn(word) != 0 && mayTimeOut && park[me] == PARKED &&
      (word & CONTENDED) != 0 ->
      d_step { /* withdraw */
        had = (park[me] == PARKED);
        if
        :: had -> park[me] = AWAKE; got = TIMED_OUT
        :: else
        fi
      };
      if
      :: had -> break
      :: else
      fi
#ifdef DROPS
    :: ownerIn(word) != me && ownerIn(word) != 0 &&
      (isDeadListed(1) || isDeadListed(2) || isDeadListed(3) || isDeadListed(4)) -> dropDeadWaiter()
#endif
    :: ownerIn(word) != me && (ownerIn(word) != 0 || heirIn(word) != 0) &&
      (ownerIn(word) == 0 || (word & CONTENDED) != 0) &&
      (gil != word || park[me] == SIGNALLED) ->
      d_step { /* park */
        if
        :: park[me] == SIGNALLED -> park[me] = PARKED
        :: else
        fi
      }
    fi;
    had = false
    }
  od;
  atomic { word = 0; had = false }
}

/* How `prepare` ends: readers have left, or it is time to give up. */
inline takeInTurn(mayTimeOut, isWriter) {
  tryTake();
  if
  :: had ->
    got = HELD;
    if
    :: isWriter && idleLock != 0 -> awaitReaders(mayTimeOut)
    :: else
    fi
  :: else ->
    beginParking();
    waitForGil(mayTimeOut);
    if
    :: got == HELD && isWriter && idleLock != 0 -> awaitReaders(mayTimeOut)
    :: else
    fi;
    endParking()
  fi;
  d_step { word = 0; had = false }
}

/* The heap is rebuilt if need be. In steps, and whoever does it may die, too. */
inline settle() {
  if
  :: state == HEAP_OPEN
  :: state != HEAP_OPEN ->
    d_step {
      assert(exclusive == 0);
      assert(readIn == 0);
      exclusive = me;
      isHalfChanged = true
    };
    isHalfChanged = false;
    d_step { exclusive = 0; state = HEAP_OPEN }
  fi
}

/* If it GIVES_UP, the caller releases the lock, as here `acquireGil` and `acquireSlow` do. */
inline acquireGil(mayTimeOut) {
  moveLock(idleLock, idleLock | me);
  if
  :: had && idleLock != 0 -> got = HELD; awaitReaders(mayTimeOut)
  :: had && idleLock == 0 -> got = HELD
  :: else -> takeInTurn(mayTimeOut, true) /* acquireSlow */
  fi;
  had = false;
  if
  :: got == HELD -> settle()
  :: else
  fi
}
