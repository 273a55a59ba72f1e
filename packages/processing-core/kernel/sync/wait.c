/* Which member waits for what, for introspection.
 *
 * Each member's slot has some words that name the cells its threads wait for.  A thread takes a free one; if there
 * is none, introspection does not show its wait.  No other code depends on these words, so they need no memory order
 * and no recovery.  A killed member's words remain until its slot is used again; readers skip dead members. */
#include "sync/wait.h"
#include "family/member.h"
#include "arena/liveness.h"

static word64 *announce(cell_id id)
{
    word64 *waits = arena_member(owner_slot(arena.self))->waits;
    for (int i = 0; i < MEMBER_WAITS; i++)
        if (load_relaxed(&waits[i]) == 0 && cas64(&waits[i], 0, id)) return &waits[i];
    return NULL;
}

outcome wait_on(PyObject *self, word32 *parked, attempt_fn attempt, void *ctx, int64_t deadline)
{
    handle_object *h = (handle_object *)self;
    word64 *entry = announce(h->id);
    outcome o = park_until(parked, &h->spin, attempt, ctx, deadline);
    if (entry) store_relaxed(entry, 0);
    return o;
}

uint32_t waits_read(struct wait_seen **out)
{
    uint32_t n = 0, room = 0;
    struct wait_seen *seen = NULL;
    for (uint32_t slot = 0; slot < MEMBER_SLOTS; slot++) {
        struct member *m = arena_member(slot);
        owner_id who = load_acquire(&m->owner);
        for (int i = 0; who && i < MEMBER_WAITS; i++) {
            cell_id id = load_relaxed(&m->waits[i]);
            if (!id || !member_alive(who)) continue;
            if (n == room) {
                room = room ? 2 * room : 16;
                struct wait_seen *more = PyMem_Realloc(seen, room * sizeof *seen);
                if (!more) return PyMem_Free(seen), PyErr_NoMemory(), UINT32_MAX;
                seen = more;
            }
            seen[n++] = (struct wait_seen){id, who};
        }
    }
    *out = seen;
    return n;
}

PyObject *waiters_of(const struct wait_seen *seen, uint32_t n, cell_id id)
{
    PyObject *list = PyList_New(0);
    for (uint32_t i = 0; list && i < n; i++) {
        if (seen[i].id != id) continue;
        PyObject *row = member_identity(seen[i].who);
        if (!row || PyList_Append(list, row) < 0) Py_CLEAR(list);
        Py_XDECREF(row);
    }
    return list;
}
