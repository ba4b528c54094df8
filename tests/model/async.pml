/* Waiting without blocking: src/sync/async-lock.ts and src/async-sections.ts. */

inline beginAsync() {
  d_step { dropTicket(renewedTicket(me)); async[me] = ASYNC_WAITING };
  asyncWaiters = asyncWaiters | bit(me)
}

inline endAsync() {
  asyncWaiters = asyncWaiters & ~bit(me);
  d_step {
    async[me] = ASYNC_IDLE;
    dropTicket(sectionTicket(me));
    dropTicket(renewedTicket(me))
  }
}

inline declineOffer() {
  word = gil;
  if
  :: heirIn(word) == me -> moveLock(word, word & READERS)
  :: else
  fi;
  word = gil;
  if
  :: ownerIn(word) == 0 -> signalLongest()
  :: else
  fi;
  d_step { word = 0; had = false }
}

inline stopWaiting() {
  endAsync();
  word = gil;
  if
  :: ownerIn(word) == 0 -> declineOffer()
  :: else
  fi;
  word = 0
}

/* A reader may have come in since an offer was made that has lapsed: so looks after every take. */
inline tryAcquireAsync() {
  got = NOTHING;
  do
  :: tryTake();
    if
    :: had -> isKeptByReaders();
      if
      :: found == 0 -> got = HELD; break
      :: else ->
        nameNext(OFFERED | me); /* offerTo */
        findReader();
        if
        :: found != 0 -> break
        :: else
        fi
      fi
    :: else -> break
    fi
  od;
  atomic { found = 0; word = 0; had = false };
  if
  :: got == HELD -> settle() /* assertUsable */
  :: else
  fi
}

inline tryBeginReading() {
  if
  :: isReader
  :: else -> becomeReader()
  fi;
  announce();
  word = gil;
  if
  :: (word & OWNER_MASK) == 0 -> got = HELD
  :: heirIn(word) == me -> got = HELD; declineOffer()
  :: else -> got = NOTHING
  fi;
  if
  :: got == HELD && state == HEAP_OPEN
  :: got == NOTHING || state != HEAP_OPEN ->
    got = NOTHING;
    retract();
    wakeNext()
  fi;
  d_step { word = 0; had = false }
}

inline askForLock() {
  do
  :: LOOK {
    word = gil;
    if
    :: ownerIn(word) == 0 || (word & (CONTENDED | HANDOVER)) == (CONTENDED | HANDOVER) -> break
    :: ownerIn(word) != 0 && (word & CONTENDED) != 0 && mayBePatient -> break
    :: ownerIn(word) != 0 && (word & CONTENDED) == 0 && mayBePatient ->
      moveLock(word, word | CONTENDED)
    :: ownerIn(word) != 0 && (word & HANDOVER) == 0 -> moveLock(word, word | CONTENDED | HANDOVER)
    fi
    }
  od;
  atomic { word = 0; had = false }
}

/* Another look would show something: it may be this thread's turn. */
#define isWorthALook \
  (async[me] == ASYNC_WOKEN || \
    (ownerIn(gil) == 0 && (heirIn(gil) == 0 || (heirIn(gil) == me && readIn == 0))) || \
    (ownerIn(gil) != 0 && (gil & HANDOVER) == 0))

/* It has not been lucky for long, or waits for the dead: it waits blocking, a little. */
#define isStuck \
  ((ownerIn(gil) != 0 && isDead(ownerIn(gil))) || (heirIn(gil) != 0 && heirIn(gil) != me) || \
    ownerIn(gil) == 0)

inline tryAcquireBlocking() {
  acquireGil(true);
  if
  :: got == GIVES_UP -> releaseGil(); got = NOTHING
  :: got == TIMED_OUT -> got = NOTHING
  :: else
  fi
}

inline tryReadBlocking() {
  beginReading(true);
  if
  :: got == TIMED_OUT -> got = NOTHING
  :: else
  fi
}

/*
 * #look, #tryBegin and #sleep until a section begins or is given up. The thread lists itself after
 * the first look and looks again; then it sleeps.
 */
#define waitAsync(tryLock, tryBlocking) \
  d_step { takeTicket(sectionTicket(me)) }; \
  do \
  :: LOOK { \
    tryLock(); \
    if \
    :: got == HELD -> break \
    :: got != HELD && !isListed -> beginAsync(); askForLock(); isListed = true \
    :: got != HELD && isListed -> \
      if \
      :: isWorthALook \
      :: isStuck -> tryBlocking(); \
        if \
        :: got == HELD -> break \
        :: else \
        fi \
      :: MAY_TIME_OUT -> break \
      fi; \
      isListed = false \
    fi \
    } \
  od; \
  isListed = false
