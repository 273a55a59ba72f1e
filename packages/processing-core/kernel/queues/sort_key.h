/* Sort keys: plain values as bytes that are compared without running any code of theirs. */
#ifndef PROCESSING_SORT_KEY_H
#define PROCESSING_SORT_KEY_H

#include "base/kernel.h"

struct sort_key {
    uint8_t *bytes;
    size_t size, room;
    uint8_t space[120];
};

/* False: exception.  TypeError if the value, or the first item of a tuple or list, has no sort key. */
bool sort_key_begin(struct sort_key *r, PyObject *value);
void sort_key_end(struct sort_key *r);

#endif
