/* Parcels: messages in blocks of their own, for what is long or carries references. */
#ifndef PROCESSING_PARCEL_H
#define PROCESSING_PARCEL_H

#include "cells/cell_table.h"

/* The block.  The parcel owns one count of each of its refs. */
struct parcel {
    word64 n_refs;
    uint64_t refs_room; /* constant: where the data begin */
    uint64_t size;      /* bytes of data */
    uint64_t key_size;  /* of which this many are a key to compare it by; the others are the message */
    uint64_t refs[];    /* cell_id, those of the message's blocks first; then the data */
};
static inline uint8_t *parcel_data(struct parcel *p) { return (uint8_t *)(p->refs + p->refs_room); }
static inline struct parcel *parcel_at(cell_id id) { return cell_block(id); }

extern const struct cell_ops parcel_ops;

/* Count the references, in bounded transactions: `n_refs` says how many the parcel owns already. */
outcome parcel_count(struct parcel *p, const cell_id *ids, uint32_t n);

#endif
