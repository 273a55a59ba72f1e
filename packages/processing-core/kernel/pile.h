/* The pile: messages in the arena of which the last, or the least, is taken first.
 *
 * Every change is one transaction of the arena (journal.c), so it has no recovery of its own: whoever dies in it has done
 * nothing.  A message is a parcel; its reference passes from the putter's entry to a slot, and from the slot to the
 * getter's entry, in the transaction that changes `n`.
 *
 * An ordered pile is a binary heap by (rank, number): equals come out in the order of their puts.  Ranks are bytes, made
 * before the put (rank.c): no code of the user's runs under the arena's lock.  A put or get writes some 5 words a level:
 * 20 levels at a million items. */
#ifndef PROCESSING_PILE_H
#define PROCESSING_PILE_H

#include "cells.h"
#include "park.h"

struct slot {
    word64 id;      /* of the parcel, which the slot owns a count of */
    word64 number;  /* of the put */
    word64 bytes;   /* what the parcel holds, its blocks included */
    word64 rank[2]; /* the first bytes of its rank, most significant first; the rest stands in the parcel */
};
#define PAGE_SLOTS ((65536u - 64u) / sizeof(struct slot))
#define PAGES_LISTED 508u
#define LISTS 256u

struct pile {
    /* constant */
    uint64_t max_items, max_bytes; /* UINT64_MAX: no bound */
    uint64_t ordered;

    /* written in sections only; read by all */
    word64 state;    /* PILE_* flags */
    word64 n, bytes; /* items, and what they hold */
    word64 number;   /* of the next put */
    word64 tasks;    /* items ever put, but for those that became void */
    word64 finished; /* of them */
    word64 pages;    /* pages of slots */
    word64 lists[LISTS]; /* offsets of lists of pages */

    _Alignas(64) word32 not_empty; /* event counts */
    word32 not_full, all_finished;
    word32 heeded; /* somebody listens for a put: see ears.h */
};
enum { PILE_SHUT = 1, PILE_CUT = 2 };

/* Without the GIL or with it; each enters a section.  `entry` owns the parcel before the put, and after the get. */
outcome pile_put(struct pile *p, uint32_t index, struct reference *entry, uint64_t bytes, bool has_gil);
outcome pile_get(struct pile *p, uint32_t index, struct reference *entry, bool has_gil);
struct slot *pile_slot(struct pile *p, uint64_t i);
outcome pile_finish(struct pile *p); /* BUSY: there is no such task */
bool pile_finished(struct pile *p);
void pile_shut(struct pile *p, bool cut);
outcome pile_discard(struct pile *p, uint32_t index); /* one void item; BUSY: there is none */

#endif
