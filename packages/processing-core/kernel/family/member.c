/* The member table: making slots, taking them, reaping the dead.
 *
 * A slot goes FREE -> RESERVED -> ALIVE -> REAPING -> FREE.  `owner` names the member from RESERVED on; a serial is
 * never used again.  A reserved slot counts as alive as long as a copy of its token is open (a descriptor that the
 * child inherits).  The child takes its life lock before it stores ALIVE, and closes the token after that: so a living
 * member does not look dead at any instant. */
#include "family/member.h"
#include "family/member_name.h"
#include "cells/ownership.h"
#include "arena/spin.h"
#include "arena/errors.h"
#include "arena/observers.h"
#include "arena/journal.h"
#include "arena/liveness.h"

#include <errno.h>
#include <string.h>

/* -- making and taking slots -- */

/* Whether a slot is free and its last member is really gone: that process may have left the family and still be ending,
 * or a copy of its token may be open. */
static bool vacant(uint32_t slot)
{
    if (load_relaxed(&arena_member(slot)->owner)) return false;
    int memory = arena_descriptor_known();
    return !platform_life_held(memory, slot) && !platform_token_held(memory, &arena.header->family, slot);
}

/* Take a slot.  If a token is asked for, it is made first: a reserved slot without one would look dead. */
static outcome slot_take(const char *name, owner_id *who, int *token)
{
    struct arena_header *h = arena.header;
    for (uint32_t slot = 0; slot < MEMBER_SLOTS; slot++) {
        struct member *m = arena_member(slot);
        if (!vacant(slot)) continue;
        int memory = token ? arena_descriptor() : -1;
        if (token && memory < 0) return platform_descriptors_scarce(errno) ? E_SYSTEM : E_DESCRIPTOR;
        if (token && (*token = platform_token_make(memory, &arena.header->family, slot)) < 0) return E_SYSTEM;
        uint64_t at = arena_offset(m) / ARENA_PAGE * ARENA_PAGE;
        if (arena_commit(at, 2 * ARENA_PAGE) != OK) return E_NOMEM;
        uint64_t serial = load_relaxed(&h->next_serial);
        tx_set(&h->next_serial, serial + 1);
        tx_set(&m->pid, 0);
        tx_set(&m->start_time, 0);
        tx_set(&m->references, 0);
        tx_set(&m->startup_data, 0);
        for (int i = 0; i < MEMBER_WAITS; i++) store_relaxed(&m->waits[i], 0); /* no thread of a member waits yet */
        tx_set(&m->state, SLOT_RESERVED);
        *who = make_owner(serial, slot);
        member_name_write(m, name);
        tx_set(&m->owner, *who);
        return OK;
    }
    return E_FULL_TABLE;
}

/* Closing any descriptor of the arena's file drops every lock that this process has on it: take the life lock again. */
void member_close_token(int fd)
{
    int saved = errno;
    if (fd >= 0) platform_close(fd);
    if (arena.self) platform_life_hold(arena_descriptor(), owner_slot(arena.self));
    errno = saved;
}

outcome member_reserve(const char *name, owner_id *who, int *token)
{
    struct section s;
    outcome o = E_FULL_TABLE;
    *token = -1;
    for (int attempt = 0; attempt < 2 && o == E_FULL_TABLE; attempt++) {
        if (attempt) member_sweep();
        arena_enter(&s, true);
        o = slot_take(name, who, token);
        arena_leave(&s);
    }
    if (o != OK) member_close_token(*token);
    return o;
}

outcome member_join(owner_id who)
{
    struct member *m = arena_member(owner_slot(who));
    if (load(&m->owner) != who || load(&m->state) != SLOT_RESERVED) return E_STALE;
    if (!platform_life_hold(arena_descriptor(), owner_slot(who))) return E_SYSTEM;
    store_relaxed(&m->pid, platform_pid());
    store_relaxed(&m->start_time, platform_start_time(platform_pid()));
    store(&m->state, SLOT_ALIVE); /* pairs with member_alive's load: pid and start time are stored before */
    arena.self = who;
    references_take_over();
    observers_tell_all(KEY_JOINED);
    return OK;
}

outcome member_create(const char *name)
{
    owner_id who;
    arena.self = make_owner(0xfffff, 0); /* there is no other member yet; a transaction needs some holder */
    struct section s;
    arena_enter(&s, true);
    outcome o = slot_take(name, &who, NULL);
    arena_leave(&s);
    return o == OK ? member_join(who) : o;
}

void member_rename(const char *name)
{
    if (arena_usable() == OK) member_name_write(arena_member(owner_slot(arena.self)), name);
}

/* -- the dead -- */

static struct tombstone *tombstone_of(uint64_t serial) { return &arena.header->tombstones[serial % TOMBSTONES]; }

static void write_tombstone(struct member *m, owner_id who, uint64_t exitcode)
{
    struct tombstone *o = tombstone_of(owner_serial(who));
    store_relaxed(&o->serial, 0);
    store_relaxed(&o->pid, load_relaxed(&m->pid));
    store_relaxed(&o->exitcode, exitcode);
    member_name_read(m, o->name);
    store_release(&o->serial, owner_serial(who));
}

bool member_death(uint64_t serial, struct death *out)
{
    struct section s;
    struct tombstone *o = tombstone_of(serial);
    arena_enter(&s, true);
    bool there = load_relaxed(&o->serial) == serial;
    out->pid = load_relaxed(&o->pid);
    out->exitcode = load_relaxed(&o->exitcode);
    memcpy(out->name, o->name, sizeof out->name);
    arena_leave(&s);
    return there;
}

PyObject *member_identity(owner_id who)
{
    struct death d;
    char name[NAME_SIZE];
    uint64_t pid;
    if (member_identify(who, &pid, name)) return Py_BuildValue("KN", (unsigned long long)pid, member_name_decode(name));
    if (!member_death(owner_serial(who), &d)) return Py_BuildValue("OO", Py_None, Py_None);
    return Py_BuildValue("KN", (unsigned long long)d.pid, member_name_decode(d.name));
}

/* The parent may learn the exit code after another process has reaped its child. */
static void amend_tombstone(owner_id who, uint64_t exitcode)
{
    struct tombstone *o = tombstone_of(owner_serial(who));
    if (exitcode != UNKNOWN_EXIT && load_relaxed(&o->serial) == owner_serial(who))
        store_relaxed(&o->exitcode, exitcode);
}

static bool begin_reaping(struct member *m, owner_id who)
{
    struct section s;
    arena_enter(&s, true);
    bool there = load_relaxed(&m->owner) == who;
    if (there && load_relaxed(&m->state) != SLOT_REAPING) tx_set(&m->state, SLOT_REAPING);
    arena_leave(&s);
    return there;
}

static bool end_reaping(struct member *m, owner_id who, uint64_t exitcode)
{
    struct section s;
    arena_enter(&s, true);
    bool there = load_relaxed(&m->owner) == who;
    if (there) {
        cell_id parcel = load_relaxed(&m->startup_data);
        if (parcel) cell_count(parcel, -1);
        tx_set(&m->startup_data, 0);
        write_tombstone(m, who, exitcode);
        tx_set(&m->owner, 0);
        tx_set(&m->state, SLOT_FREE);
    } else {
        amend_tombstone(who, exitcode);
    }
    arena_leave(&s);
    free_pending(true);
    return there;
}

/* Several processes may reap the same member at once: each step is a transaction that handles only what is left. */
outcome member_reap(owner_id who, uint64_t exitcode)
{
    struct member *m = arena_member(owner_slot(who));
    if (member_alive(who)) return BUSY;
    if (begin_reaping(m, who)) references_recover(m, who, true);
    if (!end_reaping(m, who, exitcode)) return BUSY;
    observers_tell_all(KEY_DIED);
    return OK;
}

int member_sweep(void)
{
    int reaped = 0;
    for (uint32_t slot = 0; slot < MEMBER_SLOTS; slot++) {
        owner_id who = load_acquire(&arena_member(slot)->owner);
        if (who && !member_alive(who) && member_reap(who, UNKNOWN_EXIT) == OK) reaped++;
    }
    return reaped;
}

/* A normal exit. If other threads run, they may use the arena, parked or computing on a view: then this does nothing,
 * and a process that notices this process's end reaps it. This is also called after the interpreter has ended, so
 * without the GIL. */
void member_leave_with(uint64_t exitcode)
{
    if (arena_usable() != OK || !platform_single_threaded()) return;
    struct member *m = arena_member(owner_slot(arena.self));
    free_pending(false);
    references_recover(m, arena.self, false);
    struct section s;
    arena_enter(&s, false);
    write_tombstone(m, arena.self, exitcode);
    arena_leave(&s);
    /* Outside any section, and last: a process that holds a lock must look alive. */
    store(&m->owner, 0);
    observers_tell_all(KEY_DIED);
    arena.self = 0;
}

void member_leave(void) { member_leave_with(UNKNOWN_EXIT); }
