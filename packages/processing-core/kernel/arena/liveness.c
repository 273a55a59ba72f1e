/* See liveness.h, and family/member.c for the states of a slot. */
#include "arena/liveness.h"

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
            if (platform_life_held(arena_descriptor_known(), owner_slot(who))) return true;
            return platform_process_runs(load_relaxed(&m->pid), load_relaxed(&m->start_time));
        }
        if (platform_token_held(arena_descriptor_known(), &arena.header->family, owner_slot(who))) return true;
        if (load(&m->state) == SLOT_RESERVED && load(&m->owner) == who) return false;
    }
}
