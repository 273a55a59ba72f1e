/* The segments of a ring, and the messages in them. */
#ifndef PROCESSING_SEGMENT_H
#define PROCESSING_SEGMENT_H

#include "arena/arena.h"

#include <string.h>

#define INLINE_MAX 8192u /* longer messages are sent as parcels */
#define FIRST_SEGMENT 4096u
#define LARGEST_SEGMENT 65536u

/* Before each message; messages begin at multiples of 8. */
struct message {
    uint32_t size; /* bytes that follow, or SKIP: the rest of this segment is empty */
    uint32_t flags;
};
#define MESSAGE_SKIP UINT32_MAX
#define MESSAGE_PARCEL 1u     /* the first 8 bytes are the cell_id of a parcel, which the position owns */
#define MESSAGE_HEADED 2u     /* two numbers of the sender follow: job_id and index */
#define MESSAGE_RAW 4u        /* a pipe's: bytes that were sent as bytes, not as an object */
#define MESSAGE_MANY 8u       /* the rest are results, one after another (batch.c) */
#define MESSAGE_CANCELLED 16u /* its receiver discards it.  Set under get_lock */
#define MESSAGE_BATCH 32u     /* after the two numbers there is a third: how many items the message holds */
#define WEIGHT_SHIFT 8        /* above the flags: KiB that a parcel has outside of the ring */
#define WEIGHT_MAX 0xffffffu
static inline uint64_t message_weight(uint32_t flags) { return (uint64_t)(flags >> WEIGHT_SHIFT) << 10; }
/* How many items a batch has; 0 if the message is no batch. */
static inline uint32_t message_items(uint32_t flags, const uint8_t *data)
{
    uint64_t n = 0;
    if (flags & MESSAGE_BATCH) memcpy(&n, data + (flags & MESSAGE_PARCEL ? 24 : 16), sizeof n);
    return (uint32_t)n;
}

struct segment {
    word64 next;   /* offset; set once, under put_lock and the arena lock */
    word64 base;   /* position of its first byte; constant while it is linked */
    word64 end;    /* base + room */
    word64 first;  /* number of its first message; written under put_lock before a tail beyond base is published */
    word64 weight; /* of all messages before it; likewise */
    uint8_t bytes[];
};

static inline struct segment *segment_at(uint64_t offset) { return arena_at(offset); }
static inline uint64_t aligned(uint32_t size) { return sizeof(struct message) + ((uint64_t)size + 7) / 8 * 8; }
static inline uint8_t *byte_at(struct segment *s, uint64_t position)
{
    return s->bytes + (position - load_relaxed(&s->base));
}
static inline struct message *message_at(struct segment *s, uint64_t position) { return (void *)byte_at(s, position); }

/* Room of a segment in a block of a given size. */
static inline uint64_t segment_room(uint64_t bytes) { return (bytes - sizeof(struct segment)) / 8 * 8; }

static inline void segment_init(struct segment *s, uint64_t base, uint64_t room)
{
    store_relaxed(&s->next, 0);
    store_relaxed(&s->base, base);
    store_relaxed(&s->end, base + room);
    store_relaxed(&s->first, 0);
    store_relaxed(&s->weight, 0);
}

#endif
