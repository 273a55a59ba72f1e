/* The ring: a queue of messages in the arena, for any number of producers and consumers.
 *
 * Messages lie one after another in a chain of segments; a position is a byte offset that only grows.  README.md has
 * the argument; in short:
 *
 *   producer, under put_guard:  write the message behind `tail`; [transfer record]; release-store `tail`
 *   consumer, under get_guard:  read the message at `head`;      [transfer record]; release-store `head`
 *
 * One store publishes, one store consumes.  Whoever is killed before it has done nothing, after it everything.  What
 * is derived from the positions (put_segment, puts, gets) is put right by the next who takes the guard from the dead.
 */
#ifndef PROCESSING_RING_H
#define PROCESSING_RING_H

#include "cells.h"
#include "park.h"
#include "work.h"

#include <string.h>

#define INLINE_MAX 8192u /* longer messages travel as parcels */
#define FIRST_SEGMENT 4096u
#define LARGEST_SEGMENT 65536u

/* Before each message; messages begin at multiples of 8. */
struct message {
    uint32_t size; /* bytes that follow, or SKIP: the rest of this segment is empty */
    uint32_t flags;
};
#define MESSAGE_SKIP UINT32_MAX
#define MESSAGE_PARCEL 1u /* the first 8 bytes are the cell_id of a parcel, which the position owns */
#define MESSAGE_HEADED 2u /* then two numbers of the sender's come */
#define MESSAGE_RAW 4u    /* a pipe's: bytes that were sent as bytes, not as an object */
#define MESSAGE_MANY 8u   /* the rest are results, one after another (batch.c) */
#define MESSAGE_VOID 16u  /* revoked: whoever takes it throws it away.  Set under get_guard */
#define MESSAGE_BATCH 32u /* behind the two numbers comes a third: how many items it holds */
#define WEIGHT_SHIFT 8    /* above the flags: KiB that a parcel has outside of the ring */
#define WEIGHT_MAX 0xffffffu
static inline uint64_t message_weight(uint32_t flags) { return (uint64_t)(flags >> WEIGHT_SHIFT) << 10; }
/* The items of a batch, 0 of what is none. */
static inline uint32_t message_items(uint32_t flags, const uint8_t *data)
{
    uint64_t n = 0;
    if (flags & MESSAGE_BATCH) memcpy(&n, data + (flags & MESSAGE_PARCEL ? 24 : 16), sizeof n);
    return (uint32_t)n;
}

struct segment {
    word64 next;  /* offset; set once, under put_guard and the arena lock */
    word64 base;  /* position of its first byte; constant while it is linked */
    word64 end;   /* base + room */
    word64 first; /* number of its first message; written under put_guard before a tail beyond base is published */
    word64 weight; /* of all messages before it; likewise */
    uint8_t bytes[];
};

struct ring {
    /* constant */
    uint64_t max_items, max_bytes; /* UINT64_MAX: no bound */
    word64 state;                  /* RING_* flags; set under put_guard, read by all */
    word64 cut; /* once shut down at once: gets + 1 at that moment, and what is in the ring is void; set under get_guard */
    word32 exposed;                /* a pipe's: see bell.h; set under put_guard, read by all */
    word32 closings;               /* a pipe's: how often somebody closed a receiving end; added to by anybody */
    uint64_t spare[3];

    _Alignas(64) word64 put_guard; /* guards tail, put_segment, puts, seen_gets, seen_head, bell */
    word64 tail;                   /* release; pairs with the consumers' acquire */
    word64 put_segment;            /* offset of the segment that has tail in [base, end] */
    word64 puts;                   /* messages ever published */
    word64 seen_gets, seen_head;   /* the producers' last look at the other side: saves its cache line */
    word32 put_parked;
    uint32_t segment_size;
    word32 bell;    /* a pipe's: see bell.h */
    word32 heeded;  /* somebody listens for a put: see ears.h */

    _Alignas(64) word64 get_guard; /* guards head, get_segment, gets, seen_tail */
    word64 head;
    word64 get_segment; /* offset; changed together with the freeing of the segment before it */
    word64 gets;
    word64 seen_tail;
    word32 get_parked;
    word64 claim; /* offset of the claim that the holder of get_guard is about; 0: none */

    _Alignas(64) word32 not_empty; /* event counts */
    word32 not_full;
    word64 spinner; /* the one consumer that spins, if any: see park_until_alone */
    word32 all_finished; /* likewise; for those who wait until finished == puts */
    /* Bytes of parcels ever published, and consumed: under put_guard, put_guard, get_guard. */
    _Alignas(64) word64 put_weight;
    word64 seen_weight, got_weight;

    word64 finished;     /* messages said to be finished, never more than puts; one CAS advances it (finish.c) */
};
enum { RING_SHUT = 1 };
static inline bool ring_bounds_bytes(const struct ring *r) { return r->max_bytes != UINT64_MAX; }

outcome ring_make(cell_id id, uint64_t max_items, uint64_t max_bytes);

/* A message to put, in three parts. With MESSAGE_PARCEL it begins with the id of a parcel that `ref` owns. */
struct outgoing {
    uint64_t prefix[4];
    uint32_t prefix_size, head_size, tail_size, flags;
    const void *head, *tail;
    struct reference *ref;
};
static inline uint32_t outgoing_size(const struct outgoing *m) { return m->prefix_size + m->head_size + m->tail_size; }

/* Put all of n messages at once, or none.  OK; BUSY: no room (`E_CLOSED`: shut).  In a `fast` call BUSY may also
 * mean that it would have to wait for a guard or for memory.  `*number` becomes the first message's. */
outcome ring_put(struct ring *r, uint32_t index, const struct outgoing *m, uint32_t n, bool fast, uint64_t *number);
/* The same, and ring the pipe's bell before the messages are there, if it is to be rung (bell.h).  -1: no bell. */
outcome ring_put_ringing(struct ring *r, uint32_t index, const struct outgoing *m, uint32_t n, bool fast, uint64_t *number,
                         int bell);
/* Keep producers out, for what stands under put_guard beside the messages.  Without the GIL. */
void ring_hold(struct ring *r);
void ring_let_go(struct ring *r);

/* What ring_get copies out; the buffer has INLINE_MAX bytes. */
struct incoming {
    uint8_t *data;
    uint32_t size, flags;
    struct reference *entry; /* becomes the owner of the parcel, if it is one */
    uint64_t number, position;
    struct claim *claim; /* optional: which message a taker took last.  Written before it is consumed; readable by
                            anybody once ring_settle has run */
};
outcome ring_get(struct ring *r, uint32_t index, struct incoming *m, bool fast);

/* What ring_get_many takes at once: as many messages as there are in one segment, and as it has room for. */
struct harvest {
    uint8_t *data; /* LARGEST_SEGMENT bytes */
    struct incoming *messages;
    uint32_t limit, n;
    struct reference **entries; /* for so many parcels */
    uint32_t n_entries, parcels;
};
outcome ring_get_many(struct ring *r, uint32_t index, struct harvest *h, bool fast);
/* Take a void message, in a ring that was shut down at once; BUSY: there is none. */
outcome ring_discard(struct ring *r, uint32_t index, struct incoming *m);

bool ring_passed(uint32_t index, bool putting, uint64_t position); /* for recovery, inside a section */
/* Wait until what dead takers left is put right: from then on every dead taker's claim names a message that it took. */
void ring_settle(struct ring *r);
/* Void the messages (a, first..last) that nobody has taken, looking from message `number` on: how many there were. */
uint64_t ring_void(struct ring *r, uint64_t a, uint64_t first, uint64_t last, uint64_t number);
uint64_t ring_count(struct ring *r);
uint64_t ring_puts(struct ring *r); /* how many were ever published, exactly; may wait for a producer */
/* Messages that somebody has to finish: all that were published, but for those that are void. */
static inline uint64_t ring_tasks(struct ring *r, uint64_t puts)
{
    uint64_t cut = load_acquire(&r->cut);
    return cut ? cut - 1 : puts;
}
uint64_t ring_bytes(struct ring *r);
bool ring_empty(struct ring *r);
void ring_look(struct ring *r); /* take guards over from the dead, so that counts are right */
void ring_shut(struct ring *r); /* no more puts */
void ring_cut(struct ring *r);  /* no more gets either: what is in the ring is void from now on */
void ring_pass_on(struct ring *r); /* by a consumer that waited, once it has its message */

#endif
