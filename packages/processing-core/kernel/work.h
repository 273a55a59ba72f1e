/* Work: what a taker is about, in words that are readable while it runs and after its death.
 *
 * A message holds one item or a batch of them.  `work` is one word, so that who runs items, who takes some away and who
 * ends the runner cannot miss each other:
 *
 *     turn (32) | end (15) | next (15) | running (1) | doomed (1)
 *
 * The taker begins an item by the CAS next -> next + 1, only while next < end and not doomed.  Anybody may revoke items
 * that are not begun, by the CAS end -> end - n, or doom the taker, by the CAS that sets DOOMED.  Each of the others' CAS
 * fails if the word is not the one they looked at; the turn, one a message, makes sure that an equal word means the same
 * message.  So an item is begun at most once; and what was running at a successful doom is what runs until the end, for
 * the doomed begin nothing more.
 *
 * Results are saved in the taker's *slate* until they are sent together.  Each is complete before `finished` counts it
 * (release; pairs with the acquire in work_look), and sent before `flushed` does: after a death the slate's results
 * [flushed, finished) are sent again or for the first time, and `finished < next` says that item next - 1 died. */
#ifndef PROCESSING_WORK_H
#define PROCESSING_WORK_H

#include "kernel.h"

#define BATCH_MAX 0x7fffu
#define SAVED_FAILED 0x80000000u /* in the size that stands before each saved result: it is of no success */
#define SLATE_SIZE 8192u
#define SLATE_ROOM 8160u /* with its three numbers it fits an inline message */

/* All written by the taker; `work` by others too, as said above. */
struct claim {
    word64 a, b;     /* the sender's two numbers; under the ring's get_guard */
    word64 position; /* position + 1; 0: nothing was taken, or the words are being written; under get_guard */
    word64 work;
    word64 began;    /* when item next - 1 was begun, or up to a tick earlier, monotonic ns; stored before `work` */
    word64 finished; /* items whose results are saved or sent */
    word64 flushed;  /* items whose results were sent; stored before `finished` where an item is sent by itself */
    word64 filled;   /* bytes of the slate; of no meaning to others */
    word64 flushed_at;
    uint64_t spare[7];
};
_Static_assert(sizeof(struct claim) == 128, "two cache lines");

#define WORK_DOOMED 1ull
#define WORK_RUNNING 2ull
#define WORK_NEXT_ONE (1ull << 2)
#define WORK_END_ONE (1ull << 17)
static inline uint32_t work_next(uint64_t w) { return (uint32_t)(w >> 2) & BATCH_MAX; }
static inline uint32_t work_end(uint64_t w) { return (uint32_t)(w >> 17) & BATCH_MAX; }

/* A new turn of n items.  A doom stands: the taker begins nothing. */
static inline void work_open(struct claim *c, uint32_t n)
{
    uint64_t old = load_relaxed(&c->work), new;
    store_relaxed(&c->finished, 0);
    store_relaxed(&c->flushed, 0);
    store_relaxed(&c->filled, 0);
    do new = ((old >> 32) + 1) << 32 | (uint64_t)n << 17 | (old & WORK_DOOMED);
    while (!atomic_compare_exchange_weak(&c->work, &old, new));
}

/* Begin the next item: OK; BUSY: there is none (the turn stays open); E_CLOSED: doomed. */
static inline outcome work_begin(struct claim *c, int64_t now)
{
    uint64_t old = load_relaxed(&c->work);
    store_release(&c->began, (uint64_t)now);
    do {
        if (old & WORK_DOOMED) return E_CLOSED;
        if (work_next(old) >= work_end(old)) return BUSY;
    } while (!atomic_compare_exchange_weak(&c->work, &old, (old + WORK_NEXT_ONE) | WORK_RUNNING));
    return OK;
}

/* The turn is over: every result was sent. */
static inline void work_close(struct claim *c) { atomic_fetch_and(&c->work, ~WORK_RUNNING); }

#endif
