/*
 * The words of shared memory, with the names and the numbers of the code. Each statement outside
 * of d_step and atomic is one step; so is each d_step or atomic, which has one access to shared
 * words in it, and what is private to a thread or only told to the checker.
 *
 * N threads, numbered from 1. THREAD_* words are arrays; sets of threads are words of bits.
 */

/* src/sync/lock-word.ts */
#define OWNER_MASK 255
#define CONTENDED 256
#define HANDOVER 512
#define READERS 1024
#define OFFERED 2048
#define ownerIn(word) ((word & OFFERED) -> 0 : (word & OWNER_MASK))
#define heirIn(word) ((word & OFFERED) -> (word & OWNER_MASK) : 0)

/* src/sync/waiters.ts: park words, words for asynchronous waiting */
#define AWAKE 0
#define PARKED 1
#define SIGNALLED 2
#define GRANTED 3
#define ASYNC_IDLE 0
#define ASYNC_WAITING 1
#define ASYNC_WOKEN 2

/* src/sync/readers.ts */
#define OUT 0
#define IN 1

/* src/memory/layout.ts: the state of the heap */
#define HEAP_OPEN 1
#define HEAP_RECOVERING 4

short gil;              /* CONTROL_GIL; FREE is 0, or READERS; OWNED is a thread's number */
byte state = HEAP_OPEN; /* CONTROL_STATE */
byte deposing;          /* CONTROL_DEPOSING */
byte waiters;           /* CONTROL_WAITERS */
byte asyncWaiters;      /* CONTROL_ASYNC_WAITERS */
byte readerThreads;     /* CONTROL_READER_THREADS */
byte park[N + 1];       /* THREAD_PARK */
byte async[N + 1];      /* THREAD_ASYNC */
byte reading[N + 1];    /* THREAD_READING */

#define bit(id) (1 << (id))

/*
 * Tickets (THREAD_TICKET, THREAD_ASYNC_TICKET): only their order counts, so they are numbered from
 * 1 without gaps, and one that is not in use is 0. An asynchronous waiter has that of its section,
 * which it writes whenever it looks, and one that it got meanwhile because it has had its turn.
 */
#define TICKETS (3 * (N + 1))
byte ticket[TICKETS];
#define parkTicket(id) ticket[id]
#define sectionTicket(id) ticket[N + 1 + (id)]
#define renewedTicket(id) ticket[2 * (N + 1) + (id)]
#define asyncTicketOf(id) (renewedTicket(id) -> renewedTicket(id) : sectionTicket(id))

/* COARSE: a search through the words of all threads is one step, so that more threads fit. */
#ifdef COARSE
#define SCAN atomic
#else
#define SCAN
#endif

/*
 * TIRELESS: a waiter's look and the exchange that follows it are one step, for no fairness of the
 * scheduler makes an exchange succeed whose word others change again and again in between.
 */
#ifdef TIRELESS
#define LOOK atomic
#define mayBePatient false /* waiters have waited for the switch interval */
#else
#define LOOK
#define mayBePatient true
#endif

hidden byte i_;
hidden byte t_;

inline dropTicket(at) {
  t_ = at;
  at = 0;
  i_ = 0;
  do
  :: t_ != 0 && i_ < TICKETS ->
    if
    :: ticket[i_] > t_ -> ticket[i_]--
    :: else
    fi;
    i_++
  :: else -> break
  od;
  i_ = 0
}

inline takeTicket(at) {
  dropTicket(at);
  t_ = 0;
  i_ = 0;
  do
  :: i_ < TICKETS ->
    if
    :: ticket[i_] > t_ -> t_ = ticket[i_]
    :: else
    fi;
    i_++
  :: else -> break
  od;
  at = t_ + 1
}

/*
 * What the checker is told: who lives, who is in an exclusive section or rebuilds the heap, who is
 * in a read section, whether the heap is half changed.
 */
bool dead[N + 1]; /* and every thread that looks may see it: isDead */
byte deaths;
byte exclusive;
byte readIn;
bool isHalfChanged;
#define isDead(id) (dead[id])

/* Private to each thread. */
#define LOCALS \
  short word; short idleLock; byte got; byte longest; byte bits; byte id; byte found; \
  bool had; bool isReader; bool isListed; byte round
#define FORGET_LOCALS \
  word = 0; idleLock = 0; got = 0; longest = 0; bits = 0; id = 0; found = 0; had = false; \
  isReader = false; isListed = false; round = 0

/* How an attempt to get the lock has ended. */
#define NOTHING 0
#define HELD 1
#define GIVES_UP 2 /* it is held, and must be given up: readers have not left in time */
#define TIMED_OUT 3
