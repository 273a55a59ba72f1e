/* Robust locks: the kernel's own, which are taken over from the dead. */
#ifndef PROCESSING_ROBUST_LOCK_H
#define PROCESSING_ROBUST_LOCK_H

#include "arena/event_count.h"

/* A robust lock is a word that holds its owner's id. A process that takes it from a dead holder must repair the
 * guarded state: `robust_lock_take` then returns ROBUST_LOCK_FROM_DEAD. Held only for a bounded number of instructions
 * of C, never across a Python call; a holder sleeps only for the arena lock, which comes last in the order. */
enum { ROBUST_LOCK_TAKEN, ROBUST_LOCK_FROM_DEAD };
static inline bool robust_lock_try(word64 *lock, uint64_t self)
{
    return load_relaxed(lock) == 0 && cas64(lock, 0, self);
}
int robust_lock_take(word64 *lock, word32 *parked);
/* If the holder is dead take it over: ROBUST_LOCK_FROM_DEAD, else -1. */
int robust_lock_take_from_dead(word64 *lock);
static inline void robust_lock_release(word64 *lock, word32 *parked)
{
    exchange(lock, 0); /* full barrier: pairs with park_prepare */
    park_wake(parked, 1);
}

#endif
