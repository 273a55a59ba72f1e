/* Parking: waiting across processes on a word in the arena.
 *
 * An *event count* is a 32-bit word: bit 0 says that a thread may be parked on it, bit 1 belongs to observers
 * (observers.h), the rest counts wakes.
 *
 *   waiter:  ticket = park_prepare(w); test the predicate; park_sleep(w, ticket, ...)
 *   waker:   make the predicate true; park_wake(w, n)
 *
 * No lost wake-up: prepare's read-modify-write is ordered before the waiter's test by `fence_after_write`, and so is
 * the predicate's write, which is sequentially consistent, before wake's load; the test itself may use weaker loads. So
 * either the waiter's test sees the predicate true, or the waker's load sees bit 0 (or a word the waiter changed) and
 * advances the word, so that the sleep returns at once.
 *
 * Even so, wakes are only hints: a woken waiter may be dead.  Every sleep ends after at most one slice; then its caller
 * tests again the predicate, signals, and whether the process that it waits for is alive.
 */
#ifndef PROCESSING_EVENT_COUNT_H
#define PROCESSING_EVENT_COUNT_H

#include "base/kernel.h"

#define ALL_WAITERS 0x7fffffff
enum { PARKED = 1, OBSERVED = 2, ONE_WAKE = 4 };

uint32_t park_prepare(word32 *w);
void park_wake_slow(word32 *w, int n);
static inline void park_wake(word32 *w, int n)
{
    fence_after_write();
    if (load(w) & PARKED) park_wake_slow(w, n);
}

#endif
