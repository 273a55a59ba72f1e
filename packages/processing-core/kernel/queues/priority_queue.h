/* The priority queue: messages in the arena of which the last, or the least, is taken first.
 *
 * Every change is one transaction of the arena (journal.c), so it has no recovery of its own: a process that dies in it
 * has done nothing. A message is a parcel; its reference passes from the putter's entry to a slot, and from the slot to
 * the getter's entry, in the transaction that changes `n`.
 *
 * An ordered priority queue is a binary heap by ( sort key, number): equals come out in the order of their puts.
 * Sort keys are bytes, made before the put (sort_key.c): no code of the user's runs under the arena's lock. A put or
 * get writes some 5 words a level: 20 levels at a million items. */
#ifndef PROCESSING_PRIORITY_QUEUE_H
#define PROCESSING_PRIORITY_QUEUE_H

#include "cells/ownership.h"
#include "arena/observers.h"
#include "arena/spin.h"

struct slot {
    word64 id;     /* of the parcel, which the slot owns a count of */
    word64 number; /* of the put */
    word64 bytes;  /* what the parcel holds, its blocks included */
    word64 key[2]; /* the first bytes of its sort key, most significant first; the rest stands in the parcel */
};
#define PAGE_SLOTS ((65536u - 64u) / sizeof(struct slot))
#define PAGES_LISTED 508u
#define LISTS 256u

struct priority_queue {
    /* constant */
    uint64_t max_items, max_bytes; /* UINT64_MAX: no bound */
    uint64_t ordered;

    /* written in sections only; read by all */
    word64 state;        /* PRIORITY_QUEUE_* flags */
    word64 n, bytes;     /* items, and what they hold */
    word64 number;       /* of the next put */
    word64 tasks;        /* items ever put, but for those that were cancelled */
    word64 finished;     /* of them */
    word64 pages;        /* pages of slots */
    word64 lists[LISTS]; /* offsets of lists of pages */

    _Alignas(64) struct observable not_empty;
    struct observable not_full, all_finished;
};
enum { PRIORITY_QUEUE_SHUT = 1, PRIORITY_QUEUE_CLOSED_NOW = 2 };

extern const struct cell_ops priority_queue_ops;

/* Without the GIL or with it; each enters a section.  `entry` owns the parcel before the put, and after the get. */
outcome priority_queue_put(struct priority_queue *p, uint32_t index, struct reference *entry, uint64_t bytes,
                           bool has_gil);
outcome priority_queue_get(struct priority_queue *p, uint32_t index, struct reference *entry, bool has_gil);
/* Looks without a section, for waiters that spin, which would keep all others from the arena's lock: whether a put of so
 * many bytes, a get or a join would not have to wait.  Relaxed, as the test of an event count may be.  What a process
 * changed before it was killed, and is to be undone, counts as it stands: so a waiter enters a section after each slice. */
bool priority_queue_may_put(struct priority_queue *p, uint64_t bytes);
bool priority_queue_may_get(struct priority_queue *p);
bool priority_queue_may_join(struct priority_queue *p);
outcome priority_queue_finish(struct priority_queue *p); /* BUSY: there is no such task */
bool priority_queue_finished(struct priority_queue *p);
void priority_queue_shut(struct priority_queue *p, bool now);
outcome priority_queue_discard(struct priority_queue *p, uint32_t index); /* one cancelled item; BUSY: there is none */

#endif
