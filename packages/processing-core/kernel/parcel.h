/* Parcels: messages in blocks of their own, for what is long or carries references. */
#ifndef PROCESSING_PARCEL_H
#define PROCESSING_PARCEL_H

#include "codec.h"

/* The block.  The parcel owns one count of each of its refs. */
struct parcel {
    word64 n_refs;
    uint64_t refs_room; /* constant: where the data begin */
    uint64_t size;      /* bytes of data */
    uint64_t rank_size; /* of which so many are a rank (rank.c), and the message the others */
    uint64_t refs[]; /* cell_id, those of the message's blocks first; then the data */
};
static inline uint8_t *parcel_data(struct parcel *p) { return (uint8_t *)(p->refs + p->refs_room); }

/* A cell with what was encoded, referred to by `ref`.  The GIL is held; it is released to copy what is large. */
outcome parcel_make(const struct encoding *e, cell_id *id, refno *ref);
struct rank;
outcome parcel_make_ranked(const struct encoding *e, const struct rank *rank, cell_id *id, refno *ref);
/* The object in a parcel that `ref` refers to; the reference is dropped unless the object looks into the parcel.  It stands
 * on the parcel's blocks, unless `copy`: the caller is the parcel's only receiver. */
PyObject *parcel_open(refno ref, bool copy);
bool parcel_check(PyObject *object); /* whether it is a usable handle of a parcel; false with an exception */

#endif
