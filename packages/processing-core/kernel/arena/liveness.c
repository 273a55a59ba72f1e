/* See liveness.h, and family/member.c for the states of a slot. */
#include "arena/liveness.h"

/* The arena's descriptor, verified once in a tick of the coarse clock (4 ms, 10 at most): each time would double the
 * time of a look at a living member.  If the program has put another file under its number meanwhile, on which another
 * process has locked every byte, a dead member seems alive until the tick ends; who waits for a death looks again in
 * its next slice, which is longer. */
static int descriptor_of_tick(void)
{
    static word64 verified; /* this process's: the tick */
    uint64_t tick = (uint64_t)coarse_ns();
    if (load_relaxed(&verified) == tick) return (int)(uint32_t)load(&arena.opened);
    int fd = arena_descriptor_known();
    if (fd >= 0) store_relaxed(&verified, tick);
    return fd;
}

bool member_alive(owner_id who)
{
    who &= ~OWNER_FLAGS;
    if (who == arena.self) return true;
    struct member *m = arena_member(owner_slot(who));
    for (;;) {
        if (load(&m->owner) != who) return false;
        uint64_t state = load(&m->state);
        if (state == SLOT_REAPING || state == SLOT_FREE)
            return false; /* FREE: the process that reaped it was killed, and its transaction is not undone yet */
        if (state == SLOT_ALIVE) {
            if (platform_life_held(descriptor_of_tick(), owner_slot(who))) return true;
            return platform_process_runs(load_relaxed(&m->pid), load_relaxed(&m->start_time));
        }
        if (platform_token_held(arena_descriptor_known(), &arena.header->family, owner_slot(who))) return true;
        if (load(&m->state) == SLOT_RESERVED && load(&m->owner) == who) return false;
    }
}
