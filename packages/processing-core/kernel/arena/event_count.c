/* See event_count.h. */
#include "arena/event_count.h"

uint32_t park_prepare(word32 *w)
{
    uint32_t ticket = fetch_or(w, PARKED) | PARKED;
    fence_after_write();
    return ticket;
}

/* PARKED remains set while a thread may be parked.  When the platform reports that no thread was parked, the waker
 * clears it.  A waiter may have parked on the uncleared word meanwhile, so the waker wakes once more after clearing
 * it. */
void park_wake_slow(word32 *w, int n)
{
    uint32_t seen = load(w), next;
    do {
        if (!(seen & PARKED)) return;
        next = n == ALL_WAITERS ? (seen + ONE_WAKE) & ~(uint32_t)PARKED : seen + ONE_WAKE;
    } while (!cas_weak(w, &seen, next));
    int woken = platform_wake(w, n);
    if (n != ALL_WAITERS && woken == 0 && cas32(w, next, (next + ONE_WAKE) & ~(uint32_t)PARKED))
        platform_wake(w, ALL_WAITERS);
}
