/* A semaphore's block, and the permits of it that have owners, whose number may grow. */
#ifndef PROCESSING_OWNED_PERMITS_H
#define PROCESSING_OWNED_PERMITS_H

#include "objects/handle.h"
#include "arena/observers.h"

#define SEMAPHORE_MAX 0x7fffffffll /* multiprocessing's SEM_VALUE_MAX */

struct semaphore {
    word32 count;            /* permits; changed by any member, sequentially consistent: pairs with park_prepare */
    struct observable given; /* processes that wait for a permit */
    uint64_t reclaim;        /* constant: whether the permits are owned words in chunks instead */
    word64 chunks;           /* offset of the newest chunk; set in a section, release, pairs with the walk's acquire */
    uint64_t spare;
};

outcome reclaim_grow(PyObject *self, uint64_t room,
                     uint64_t free); /* a chunk with room, and the given number of free permits in it */
outcome reclaim_attempt(void *self, bool look);
outcome reclaim_give(PyObject *self, uint32_t n);
uint64_t reclaim_free(struct semaphore *s);
PyObject *reclaim_holders(struct semaphore *s); /* as holders.h says */

#endif
