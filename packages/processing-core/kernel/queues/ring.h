/* The ring: a queue of messages in the arena, for any number of producers and consumers.
 *
 * Messages lie one after another in a chain of segments; a position is a byte offset that only grows.  README.md has
 * the argument; in short:
 *
 *   producer, under put_lock:  write the message behind `tail`; [transfer record]; release-store `tail`
 *   consumer, under get_lock:  read the message at `head`;      [transfer record]; release-store `head`
 *
 * One store publishes a message, one store consumes it. If a process is killed before that store, its operation has not
 * happened; if it is killed after it, the operation has happened. Words that can be derived from the positions
 * (put_segment, puts, gets) are corrected by the next process that takes the lock from the dead.
 */
#ifndef PROCESSING_RING_H
#define PROCESSING_RING_H

#include "cells/ownership.h"
#include "arena/observers.h"
#include "arena/spin.h"
#include "queues/claim.h"
#include "queues/segment.h"

#include <string.h>

struct ring {
    /* constant */
    uint64_t max_items, max_bytes; /* UINT64_MAX: no bound */
    word64 state;                  /* RING_* flags; set under put_lock, read by all */
    /* Once shut down at once: gets + 1 at that moment, and what is in the ring is cancelled; set under get_lock. */
    word64 closed_now;
    word32 polled;   /* a pipe's: see doorbell.h; set under put_lock, read by all */
    word32 closings; /* a pipe's: how often a receiving end was closed; any process may add to it */
    uint64_t spare[3];

    _Alignas(64) word64 put_lock; /* guards tail, put_segment, puts, seen_gets, seen_head, doorbell */
    word64 tail;                  /* release; pairs with the consumers' acquire */
    word64 put_segment;           /* offset of the segment that has tail in [base, end] */
    word64 puts;                  /* messages ever published */
    word64 seen_gets, seen_head;  /* what the producers loaded last of gets and head: saves their cache line */
    word32 put_parked;
    uint32_t segment_size;
    word32 doorbell; /* a pipe's: see doorbell.h */
    uint32_t spare_put;

    _Alignas(64) word64 get_lock; /* guards head, get_segment, gets, seen_tail */
    word64 head;
    word64 get_segment; /* offset; changed together with the freeing of the segment before it */
    word64 gets;
    word64 seen_tail;
    word32 get_parked;
    word64 claim; /* offset of the claim that the holder of get_lock is writing; 0: none */

    _Alignas(64) struct observable not_empty;
    struct observable not_full;
    word64 spinner;                 /* the one consumer that spins, if any: see park_until_alone */
    struct observable all_finished; /* of processes that wait until finished == puts */
    /* Bytes of parcels ever published, and consumed: under put_lock, put_lock, get_lock. */
    _Alignas(64) word64 put_weight;
    word64 seen_weight, got_weight;

    word64 finished; /* messages that were reported as finished, never more than puts; advanced by one CAS (join.c) */
};
enum { RING_SHUT = 1 };
static inline bool ring_bounds_bytes(const struct ring *r) { return r->max_bytes != UINT64_MAX; }

extern const struct cell_ops ring_ops;
outcome ring_make(cell_id id, uint64_t max_items, uint64_t max_bytes);

/* A message to put, in three parts. With MESSAGE_PARCEL it begins with the id of a parcel that `ref` owns. */
struct outgoing {
    uint64_t prefix[4];
    uint32_t prefix_size, head_size, tail_size, flags;
    const void *head, *tail;
    struct reference *ref;
};
static inline uint32_t outgoing_size(const struct outgoing *m) { return m->prefix_size + m->head_size + m->tail_size; }
/* The room that n of them need. */
struct room outgoing_room(const struct outgoing *m, uint32_t n);

/* Put all of n messages at once, or none.  OK; BUSY: no room (`E_CLOSED`: shut).  In a `fast` call BUSY may also
 * mean that it would have to wait for a lock or for memory.  `*number` becomes the first message's. */
outcome ring_put(struct ring *r, uint32_t index, const struct outgoing *m, uint32_t n, bool fast, uint64_t *number);
/* The same, for a pipe: rings its doorbell, if necessary (doorbell.h), before the messages are published.  -1: no
 * doorbell. */
outcome ring_put_ringing(struct ring *r, uint32_t index, const struct outgoing *m, uint32_t n, bool fast,
                         uint64_t *number, int doorbell);
/* Take and release put_lock, for the words beside the messages that it guards.  Without the GIL. */
void ring_hold(struct ring *r);
void ring_let_go(struct ring *r);

/* What ring_get copies out; the buffer has INLINE_MAX bytes. */
struct incoming {
    uint8_t *data;
    uint32_t size, flags;
    struct reference *entry; /* becomes the owner of the parcel, if it is one */
    uint64_t number, position;
    struct claim *claim; /* optional: which message a taker took last.  Written before the message is consumed; any
                            process may read it after ring_recover_claims */
};
outcome ring_get(struct ring *r, uint32_t index, struct incoming *m, bool fast);

/* What ring_get_many takes at once: as many messages as there are in one segment, and as it has room for. */
struct incoming_many {
    uint8_t *data; /* LARGEST_SEGMENT bytes */
    struct incoming *messages;
    uint32_t limit, n;
    struct reference **entries; /* one for each parcel that it may take */
    uint32_t n_entries, parcels;
};
outcome ring_get_many(struct ring *r, uint32_t index, struct incoming_many *h, bool fast);
/* Take a cancelled message, in a ring that was shut down at once; BUSY: there is none. */
outcome ring_discard(struct ring *r, uint32_t index, struct incoming *m);

/* Repair what dead takers left: afterwards the claim of every taker that was dead before names a message that it
 * took. */
void ring_recover_claims(struct ring *r);
/* Cancel the messages (job_id, first..last) that no process has taken, beginning with message `number`: how many there
 * were. */
uint64_t ring_cancel(struct ring *r, uint64_t job_id, uint64_t first, uint64_t last, uint64_t number);
uint64_t ring_count(struct ring *r);
uint64_t ring_puts(struct ring *r); /* how many were ever published, exactly; may wait for a producer */
/* The number of messages that must be finished: all that were published, except those that are cancelled. */
static inline uint64_t ring_tasks(struct ring *r, uint64_t puts)
{
    uint64_t closed = load_acquire(&r->closed_now);
    return closed ? closed - 1 : puts;
}
uint64_t ring_bytes(struct ring *r);
bool ring_empty(struct ring *r);
void ring_look(struct ring *r);      /* take locks over from the dead, which corrects the counts */
void ring_shut(struct ring *r);      /* no more puts */
void ring_close_now(struct ring *r); /* no more gets either: what is in the ring is cancelled from now on */
void ring_pass_on(struct ring *r);   /* by a consumer that waited, once it has its message */

#endif
