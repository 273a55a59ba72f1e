/* Ranks: plain values as bytes that are compared without running any code of theirs. */
#ifndef PROCESSING_RANK_H
#define PROCESSING_RANK_H

#include "kernel.h"

struct rank {
    uint8_t *bytes;
    size_t size, room;
    uint8_t space[120];
};

/* False: exception.  TypeError if the value, or the first item of a tuple or list, has no rank. */
bool rank_begin(struct rank *r, PyObject *value);
void rank_end(struct rank *r);

#endif
