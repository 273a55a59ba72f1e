/* What the kinds of semaphores share, and what a survey of the arena asks of them. */
#ifndef PROCESSING_SEMAPHORE_H
#define PROCESSING_SEMAPHORE_H

#include "handle.h"

#define SEMAPHORE_MAX 0x7fffffffll /* multiprocessing's SEM_VALUE_MAX */

struct semaphore {
    word32 count;     /* permits; changed by anybody, sequentially consistent: pairs with park_prepare */
    word32 parked;    /* event count of those who wait for a permit */
    uint64_t reclaim; /* constant: whether the permits are owned words in chunks instead (reclaim.c) */
    word64 chunks;    /* offset of the newest chunk; set in a section, release, pairs with the walk's acquire */
    uint64_t spare;
};

/* -- owned permits, whose number may grow (reclaim.c) -- */
outcome reclaim_grow(PyObject *self, uint64_t room, uint64_t free); /* a chunk with room, and so many free permits in it */
outcome reclaim_attempt(void *self, bool look);
outcome reclaim_give(PyObject *self, uint32_t n);
uint64_t reclaim_free(struct semaphore *s);

/* -- who holds how many: [((pid, name), alive, permits, None, False), ...] -- */
struct tally {
    owner_id who;
    uint32_t permits;
};
#define TALLIES 64 /* more holders than these are not listed */
void tally_add(struct tally *tallies, owner_id who);
PyObject *tally_rows(const struct tally *tallies);
PyObject *permit_holders(void *block, uint64_t size); /* of a BoundedSemaphore's block */
PyObject *reclaim_holders(struct semaphore *s);       /* of a Semaphore's */

#endif
