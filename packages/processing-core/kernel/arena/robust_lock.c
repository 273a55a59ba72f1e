/* The kernel's own locks: owner-aware, held for a few instructions, taken over from the dead. */
#include "arena/robust_lock.h"
#include "platform/compiler.h"
#include "arena/liveness.h"

#define LOCK_SPINS 200
/* A robust lock is held for microseconds: after 20 ms a waiter tests whether its holder is alive.  Sooner in the tests
 * that kill holders all the time. */
#ifdef PROCESSING_CRASH_POINTS
#define LOCK_SLICE_NS 500000ll
#else
#define LOCK_SLICE_NS 20000000ll
#endif

int robust_lock_take_from_dead(word64 *lock)
{
    uint64_t holder = load(lock);
    if (holder == 0 || member_alive(holder)) return -1;
    return cas64(lock, holder, arena.self) ? ROBUST_LOCK_FROM_DEAD : -1;
}

int robust_lock_take(word64 *lock, word32 *parked)
{
    for (int i = 0; i < LOCK_SPINS; i++) {
        if (robust_lock_try(lock, arena.self)) return ROBUST_LOCK_TAKEN;
        cpu_relax();
    }
    for (;;) {
        uint32_t ticket = park_prepare(parked);
        if (robust_lock_try(lock, arena.self)) return ROBUST_LOCK_TAKEN;
        if (platform_park(parked, ticket, monotonic_ns() + LOCK_SLICE_NS) != TIMED_OUT) continue;
        if (robust_lock_take_from_dead(lock) == ROBUST_LOCK_FROM_DEAD) return ROBUST_LOCK_FROM_DEAD;
    }
}
