/* See observers.h for the argument. */
#include "arena/observers.h"
#include "platform/compiler.h"

#define TRIES 16 /* places that a teller tries before it reports an overflow */

static struct mailbox *mailbox_of(uint32_t slot)
{
    return arena_at(arena.header->mailboxes_at + (uint64_t)slot * MAILBOX_SIZE);
}

static uint64_t bit_of(uint32_t slot) { return 1ull << slot % 64; }

/* -- telling -- */

static bool keep(struct mailbox *m, uint64_t key)
{
    uint32_t from = fetch_add(&m->next, 1);
    for (uint32_t i = from; i < from + TRIES; i++) {
        uint32_t at = i % OBSERVER_KEYS;
        if (load(&m->keys[at]) != 0 || !cas64(&m->keys[at], 0, key)) continue;
        crash_point();
        fetch_or(&m->marks[at / 64], 1ull << at % 64);
        return true;
    }
    return false;
}

void observer_tell(uint32_t slot, uint64_t key)
{
    owner_id owner = load(&arena.header->observers[slot]);
    if (!owner) return;
    struct mailbox *m = mailbox_of(slot);
    crash_point();
    if (!keep(m, key)) store(&m->overflow, 1);
    crash_point();
    if (exchange(&m->told, owner) == owner) return;
    crash_point();
    platform_observer_notify(&arena.header->family, owner, slot);
}

void observers_tell_all(uint64_t key)
{
    for (uint32_t slot = 0; slot < OBSERVERS; slot++) observer_tell(slot, key);
}

void observable_wake_slow(struct observable *o, int n, word64 *spinner)
{
    if (spinner && load(spinner)) return;
    park_wake_slow(&o->parked, n);
    crash_point();
    if (!(load(&o->parked) & OBSERVED)) return;
    fetch_and(&o->parked, ~(uint32_t)OBSERVED);
    crash_point();
    uint64_t set = exchange(&o->observers, 0), key = arena_offset(o);
    crash_point();
    for (; set; set &= set - 1)
        for (uint32_t slot = lowest_bit(set); slot < OBSERVERS; slot += 64) observer_tell(slot, key);
}

/* -- observing -- */

uint64_t observable_watch(struct observable *o, uint32_t slot)
{
    fetch_or(&o->observers, bit_of(slot));
    fetch_or(&o->parked, OBSERVED);
    fence_after_write();
    return arena_offset(o);
}

/* What an earlier owner was told stays: the new one ignores keys that it does not know. `told` is reset once the new one
 * can be reached (mailbox_begin). */
outcome mailbox_open(uint32_t slot)
{
    return arena_commit(arena.header->mailboxes_at + (uint64_t)slot * MAILBOX_SIZE, MAILBOX_SIZE);
}

bool mailbox_begin(uint32_t slot)
{
    struct mailbox *m = mailbox_of(slot);
    store(&m->told, 0);
    fence_full();
    return load(&m->overflow) && exchange(&m->overflow, 0);
}

uint64_t mailbox_take(uint32_t slot, bool all, uint32_t *at)
{
    struct mailbox *m = mailbox_of(slot);
    while (*at < OBSERVER_KEYS) {
        uint32_t i = *at;
        uint64_t marks = load(&m->marks[i / 64]) >> i % 64;
        if (!all && !marks) {
            *at = (i / 64 + 1) * 64;
            continue;
        }
        if (!all) i += lowest_bit(marks);
        *at = i + 1;
        fetch_and(&m->marks[i / 64], ~(1ull << i % 64));
        uint64_t key = load(&m->keys[i]) ? exchange(&m->keys[i], 0) : 0;
        if (key) return key;
    }
    return 0;
}
