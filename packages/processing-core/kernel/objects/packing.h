/* Objects in parcels. */
#ifndef PROCESSING_PACKING_H
#define PROCESSING_PACKING_H

#include "objects/codec.h"
#include "cells/parcel.h"

/* A cell with what was encoded, referred to by `ref`.  The GIL is held; it is released to copy what is large. */
outcome parcel_make(const struct encoding *e, cell_id *id, refno *ref);
/* The same with a key in front, by which parcels are compared. */
outcome parcel_make_with_key(const struct encoding *e, const void *key, size_t key_size, cell_id *id, refno *ref);
/* The object in a parcel that `ref` refers to; the reference is dropped unless the object looks into the parcel. It
 * refers to the parcel's blocks, unless `copy`: the caller is the parcel's only receiver. */
PyObject *parcel_open(refno ref, bool copy);
bool parcel_check(PyObject *object); /* whether it is a usable handle of a parcel; false with an exception */

#endif
