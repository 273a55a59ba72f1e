/* A claim: which message a taker (a worker) has taken, and which of its items it runs.  Other processes can read it
 * while the taker runs and after its death.
 *
 * A message holds one item or a batch of items.  `work` is one word, so that each change by the taker, by a process
 * that takes items away from it, and by a process that stops it, is ordered with the others:
 *
 *     turn (32) | end (15) | next (15) | running (1) | stopped (1)
 *
 * The taker begins an item by the CAS next -> next + 1, only while next < end and not stopped. Any process may
 * revoke items that are not begun, by the CAS end -> end - n, or stop the taker, by the CAS that sets STOPPED. Each
 * such CAS fails if the word is not the one that the process looked at; the turn, which differs for each message,
 * guarantees that an equal word means the same message. So an item is begun at most once. And the item that ran when
 * the taker was stopped is the last that it runs, because a stopped taker begins no other.
 *
 * Results are saved in the taker's *result buffer* until they are sent together. Each is complete before `finished`
 * counts it (release; pairs with the acquire in claims.c, look_at), and sent before `flushed` does: after a death the
 * result buffer's results [flushed, finished) are sent again or for the first time, and `finished < next` says that
 * item next - 1 died. */
#ifndef PROCESSING_CLAIM_H
#define PROCESSING_CLAIM_H

#include "base/kernel.h"

#define BATCH_MAX 0x7fffu
#define SAVED_FAILED 0x80000000u /* a flag in the size before each saved result: the item raised */
#define RESULT_BUFFER_SIZE 8192u
#define RESULT_BUFFER_ROOM 8160u /* with its three numbers it fits an inline message */

/* The taker writes all words; other processes also change `work`, as described above. */
struct claim {
    word64 job_id, index; /* the sender's two numbers; under the ring's get_lock */
    word64 position;      /* position + 1; 0: nothing was taken, or the words are being written; under get_lock */
    word64 work;
    word64 began;    /* when item next - 1 was begun, or up to a tick earlier, monotonic ns; stored before `work` */
    word64 finished; /* items whose results are saved or sent */
    word64 flushed;  /* items whose results were sent; stored before `finished` where an item is sent by itself */
    word64 filled;   /* bytes of the result buffer in use; only the taker reads it */
    word64 flushed_at;
    word64 leaving; /* not 0: the taker is to end, or does; set by any process, and read before each take */
    /* What the taker has done, for introspection; written by it alone. */
    word64 done;       /* items whose results were saved or sent */
    word64 idle;       /* ns that it has waited for messages */
    word64 idle_since; /* monotonic ns, while it waits; else 0 */
    word64 ready_at;   /* when it was ready for its first message, monotonic ns */
    word64 floor;      /* ns: an item that took longer is one of its longest; see pool/longest.h */
    word64 function;   /* the cell of the function that the call is of which it took last; 0: not known */
};
_Static_assert(sizeof(struct claim) == 128, "two cache lines");

#define WORK_STOPPED 1ull
#define WORK_RUNNING 2ull
#define WORK_NEXT_ONE (1ull << 2)
#define WORK_END_ONE (1ull << 17)
static inline uint32_t work_next(uint64_t w) { return (uint32_t)(w >> 2) & BATCH_MAX; }
static inline uint32_t work_end(uint64_t w) { return (uint32_t)(w >> 17) & BATCH_MAX; }

/* Begin a new turn of n items.  A stopped taker remains stopped and begins no item. */
static inline void work_open(struct claim *c, uint32_t n)
{
    uint64_t old = load_relaxed(&c->work), new;
    store_relaxed(&c->finished, 0);
    store_relaxed(&c->flushed, 0);
    store_relaxed(&c->filled, 0);
    do new = ((old >> 32) + 1) << 32 | (uint64_t)n << 17 | (old & WORK_STOPPED);
    while (!cas_weak(&c->work, &old, new));
}

/* Begin the next item: OK; BUSY: there is none (the turn stays open); E_CLOSED: stopped. */
static inline outcome work_begin(struct claim *c, int64_t now)
{
    uint64_t old = load_relaxed(&c->work);
    store_release(&c->began, (uint64_t)now);
    do {
        if (old & WORK_STOPPED) return E_CLOSED;
        if (work_next(old) >= work_end(old)) return BUSY;
    } while (!cas_weak(&c->work, &old, (old + WORK_NEXT_ONE) | WORK_RUNNING));
    return OK;
}

/* The taker begins nothing more, and takes no message: it ends when the item that it runs is done.  The caller then wakes
 * the takers that sleep. A taker looks at this word after it has announced its sleep, so it misses neither. */
static inline void claim_retire(struct claim *c)
{
    store(&c->leaving, 1);
    fetch_or(&c->work, WORK_STOPPED);
}
static inline bool claim_leaving(struct claim *c) { return load(&c->leaving) != 0; }

/* The taker waits for a message, and has waited. */
static inline void claim_idle(struct claim *c, int64_t now) { store_relaxed(&c->idle_since, (uint64_t)now); }
static inline void claim_busy(struct claim *c, int64_t now)
{
    uint64_t since = load_relaxed(&c->idle_since);
    store_relaxed(&c->idle, load_relaxed(&c->idle) + (uint64_t)now - since);
    store_relaxed(&c->idle_since, 0);
}

/* So many items have a result. */
static inline void claim_count(struct claim *c, int n)
{
    store_relaxed(&c->done, load_relaxed(&c->done) + (uint64_t)(int64_t)n);
}

/* The turn is over: every result was sent. */
static inline void work_close(struct claim *c) { fetch_and(&c->work, ~WORK_RUNNING); }

#endif
