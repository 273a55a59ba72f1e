/* The kernel's own locks: owner-aware, held for a few instructions, taken over from the dead. */
#include "arena.h"
#include "member.h"
#include "park.h"

#define GUARD_SPINS 200
/* A guard is held for microseconds: after 20 ms suspect its holder.  Where holders are killed all the time, sooner. */
#ifdef PROCESSING_CRASH_POINTS
#define GUARD_SLICE_NS 500000ll
#else
#define GUARD_SLICE_NS 20000000ll
#endif

int guard_take_from_dead(word64 *guard)
{
    uint64_t holder = atomic_load(guard);
    if (holder == 0 || member_alive(holder)) return -1;
    return cas64(guard, holder, arena.self) ? GUARD_FROM_DEAD : -1;
}

int guard_lock(word64 *guard, word32 *parked)
{
    for (int i = 0; i < GUARD_SPINS; i++) {
        if (guard_try(guard, arena.self)) return GUARD_TAKEN;
        cpu_relax();
    }
    for (;;) {
        uint32_t ticket = park_prepare(parked);
        if (guard_try(guard, arena.self)) return GUARD_TAKEN;
        if (platform_park(parked, ticket, monotonic_ns() + GUARD_SLICE_NS) != TIMED_OUT) continue;
        if (guard_take_from_dead(guard) == GUARD_FROM_DEAD) return GUARD_FROM_DEAD;
    }
}
