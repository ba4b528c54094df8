/* Readers: src/sync/readers.ts and src/sync/read-lock.ts. */

inline becomeReader() {
  readerThreads = readerThreads | bit(me);
  gil = gil | READERS;
  isReader = true
}

inline announce() { reading[me] = IN }
inline retract() { reading[me] = OUT }

inline findReader() {
  SCAN {
  atomic { bits = readerThreads; found = 0; id = 1 };
  do
  :: bits != 0 ->
    d_step {
      do
      :: (bits & bit(id)) == 0 -> id++
      :: else -> break
      od;
      bits = bits & ~bit(id);
      if
      :: reading[id] == IN -> found = id; bits = 0 /* isReading */
      :: else
      fi
    }
  :: else -> break
  od;
  id = 0
  }
}

inline dismissReader() {
  d_step {
    if
    :: reading[found] == IN -> reading[found] = OUT
    :: else
    fi
  }
}

/* dismissDeadReaders, as far as one is found; the others are found by later looks. */
inline isKeptByReaders() {
  findReader();
  if
  :: found != 0 && isDead(found) -> dismissReader(); findReader()
  :: found != 0 /* it is not time to look, or that one lives */
  :: found == 0
  fi
}

inline awaitReaders(mayTimeOut) {
  do
  :: findReader();
    if
    :: found == 0 -> break
    :: found != 0 ->
      if /* awaitReader */
      :: reading[found] == OUT
      :: isDead(found) -> dismissReader()
      :: mayTimeOut -> got = GIVES_UP; break
      fi
    fi
  od;
  found = 0
}

inline wakeNext() {
  if
  :: heirIn(word) != 0 ->
    d_step {
      id = heirIn(word);
      wakeAsync(id);
      id = 0
    }
  :: else
  fi
}

/* A reader that has to rebuild the heap waits for the others before, as a writer does. */
inline waitToRead(mayTimeOut) {
  retract();
  wakeNext();
  takeInTurn(mayTimeOut, false);
  if
  :: got == HELD ->
    if
    :: state == HEAP_OPEN
    :: state != HEAP_OPEN -> awaitReaders(mayTimeOut)
    fi;
    if
    :: got == HELD -> settle(); announce()
    :: else
    fi;
    releaseGil()
  :: else
  fi;
  if
  :: got == GIVES_UP -> got = TIMED_OUT
  :: else
  fi
}

inline beginReading(mayTimeOut) {
  if
  :: isReader
  :: else -> becomeReader()
  fi;
  announce();
  word = gil;
  if
  :: (word & OWNER_MASK) != 0 -> waitToRead(mayTimeOut)
  :: else ->
    if
    :: state == HEAP_OPEN -> got = HELD
    :: state != HEAP_OPEN -> waitToRead(mayTimeOut)
    fi
  fi;
  word = 0
}

inline endReading() {
  retract();
  word = gil;
  wakeNext();
  word = 0
}
