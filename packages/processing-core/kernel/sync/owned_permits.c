/* Semaphore(reclaim=True): the permits of a dead process come back, and the number of permits may grow.
 *
 * A BoundedSemaphore's permits are a row of fixed length; here release() may exceed the first value.  So the permits
 * are in chunks, which are added and never removed.  Each is a word; transitions, each one CAS:
 *     free -> mine          acquire
 *     mine -> free          release; if none is mine, another member's; if none is held:
 *     ABSENT -> free        a release that makes one more
 *     dead's -> free        any waiter that tests whether the holder is alive
 * A chunk is added, with the permits that a release could not place, in one transaction of the arena.
 *
 * What a SIGKILL leaves: each word is unchanged or changed.  A release of several permits has freed some of them; a
 * waiter that was not woken sees the permit at the end of its slice. */
#include "sync/owned_permits.h"
#include "sync/holders.h"
#include "family/member.h"
#include "arena/journal.h"
#include "arena/liveness.h"

#define ABSENT 0xffull /* no owner_id has these bits */
#define CHUNK_PERMITS 62

struct permit_chunk {
    word64 next; /* the chunk made before it: these are the cell's chain of blocks */
    uint64_t n;  /* constant */
    word64 permits[];
};

static struct semaphore *semaphore_of(PyObject *self) { return ((handle_object *)self)->block; }

/* -- walking; a process that reserved too little address space does not see the chunks beyond it -- */

struct walk {
    word64 *at;
    uint64_t left;
    uint64_t chunk; /* the next to visit */
};

static word64 *walk_next(struct walk *w)
{
    while (w->left == 0) {
        if (!w->chunk || w->chunk + sizeof(struct permit_chunk) > arena.mapped) return NULL;
        struct permit_chunk *c = arena_at(w->chunk);
        uint64_t bytes = sizeof *c + c->n * sizeof(word64);
        if (bytes > arena.mapped - w->chunk) return NULL;
        *w = (struct walk){c->permits, c->n, load_relaxed(&c->next)};
    }
    w->left--;
    return w->at++;
}

static struct walk walk_begin(struct semaphore *s) { return (struct walk){.chunk = load_acquire(&s->chunks)}; }

/* Change the first permit that is `from`, if there is one. */
static bool permit_change(struct semaphore *s, owner_id from, owner_id to)
{
    struct walk walk = walk_begin(s);
    for (word64 *p; (p = walk_next(&walk));)
        if (load(p) == from) {
            crash_point();
            if (cas64(p, from, to)) return crash_point(), true;
        }
    return false;
}

static bool permit_of_another(struct semaphore *s)
{
    struct walk walk = walk_begin(s);
    for (word64 *p; (p = walk_next(&walk));) {
        owner_id seen = load(p);
        if (seen != 0 && seen != ABSENT && cas64(p, seen, 0)) return true;
    }
    return false;
}

/* Free what the dead hold; how many.  Waking is the caller's. */
static int permits_take_back(struct semaphore *s)
{
    owner_id living = arena.self; /* the last found alive: neighbours often have one owner */
    int n = 0;
    struct walk walk = walk_begin(s);
    for (word64 *p; (p = walk_next(&walk));) {
        owner_id seen = load(p);
        if (seen == 0 || seen == ABSENT || seen == living || seen == arena.self) continue;
        if (member_alive(seen)) living = seen;
        else n += cas64(p, seen, 0);
    }
    return n;
}

/* -- what semaphore.c calls -- */

outcome reclaim_attempt(void *self, bool look)
{
    struct semaphore *s = semaphore_of(self);
    if (permit_change(s, 0, arena.self)) return OK;
    int n = look ? permits_take_back(s) : 0;
    if (n > 1) observable_wake(&s->given, n - 1); /* one is for the process that looked */
    return n > 0 && permit_change(s, 0, arena.self) ? OK : BUSY;
}

outcome reclaim_grow(PyObject *self, uint64_t room, uint64_t free)
{
    struct section s;
    uint64_t offset;
    if (room < CHUNK_PERMITS) room = CHUNK_PERMITS;
    arena_enter(&s, true);
    outcome o =
        cell_chain(id_index(((handle_object *)self)->id), sizeof(struct permit_chunk) + room * sizeof(word64), &offset);
    if (o == OK) {
        struct permit_chunk *c = arena_at(offset);
        c->n = room; /* no other process reads it yet */
        for (uint64_t i = 0; i < room; i++) store_relaxed(&c->permits[i], i < free ? 0 : ABSENT);
        tx_set(&semaphore_of(self)->chunks, offset);
    } else {
        tx_abort();
    }
    arena_leave(&s); /* a full barrier: pairs with park_prepare */
    return o;
}

outcome reclaim_give(PyObject *self, uint32_t n)
{
    struct semaphore *s = semaphore_of(self);
    uint32_t given = 0;
    int back = 0;
    while (given < n && permit_change(s, arena.self, 0)) given++;
    if (given < n) back = permits_take_back(s); /* the dead's come back besides: they are not what is given here */
    while (given < n && (permit_of_another(s) || permit_change(s, ABSENT, 0))) given++;
    outcome o = given < n ? reclaim_grow(self, n - given, n - given) : OK;
    observable_wake(&s->given, (int)n + back);
    return o;
}

uint64_t reclaim_free(struct semaphore *s)
{
    uint64_t n = 0;
    struct walk walk = walk_begin(s);
    for (word64 *p; (p = walk_next(&walk));) n += load_relaxed(p) == 0;
    return n;
}

PyObject *reclaim_holders(struct semaphore *s)
{
    struct tally tallies[TALLIES] = {{0}};
    struct walk walk = walk_begin(s);
    for (word64 *p; (p = walk_next(&walk));)
        if (load_relaxed(p) != ABSENT) tally_add(tallies, load_relaxed(p));
    return tally_rows(tallies);
}
