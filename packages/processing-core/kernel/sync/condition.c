/* Condition: waiting for a notification, under a lock.
 *
 * Each thread that waits has an entry.  Its `ticket` is its state:
 *
 *     0                      not waiting
 *     ticket << 1            waiting; tickets are given under the lock, so the oldest has the smallest
 *     ticket << 1 | NOTIFIED it has a notification, until it consumes it or passes it on
 *
 * Rule: a ticket that is not 0 is changed in an arena section only. Moving a notification from one entry to another
 * changes two words in one transaction; no other code may change them while its undo log is open. A process looks for
 * candidates before it enters a section, and in the section compares the ticket with the one that it saw: a ticket is
 * never given twice, so an equal ticket is the same wait. Whether it is the oldest depends on the other tickets, too,
 * and some of those may have been written by a process that was killed while passing a notification on, and undone
 * since; so a process that gives a notification also compares `arena_undone`.
 *
 * A notification is never lost: a waiter consumes its own after it has the lock again. If it is killed before
 * that, it leaves a NOTIFIED entry with a dead owner, whose notification any process that looks (every notifier, and
 * every waiter once a slice) passes on; if it is killed after that, it leaves a lock with a dead owner. If a signal
 * interrupts it, it passes its notification on itself. A notification is passed on to the oldest of those that waited
 * already when it was given (their tickets are below its `horizon`); if there is none, it ends, as a notification
 * without waiters does.
 *
 * What a SIGKILL leaves: an owner with ticket 0 (the entry is taken but not in use yet, or no longer in use), which is
 * freed when entries run short; or a waiting entry with a dead owner, which notifiers skip and clear. */
#include "sync/condition.h"
#include "family/member.h"
#include "sync/wait.h"
#include "arena/errors.h"
#include "objects/observer_type.h"
#include "objects/arguments.h"
#include "arena/journal.h"
#include "arena/liveness.h"

#include <string.h>

/* -- walking over the entries: chunks are only ever added -- */

struct walk {
    struct waiter *at;
    uint32_t left;
    uint64_t chunk; /* the next to visit */
};

static struct walk walk_begin(struct condition *c)
{
    return (struct walk){c->first, FIRST_WAITERS, load_acquire(&c->chunks)};
}

static struct waiter *walk_next(struct walk *w)
{
    if (w->left == 0) {
        if (!w->chunk || w->chunk + sizeof(struct waiter_chunk) > arena.mapped) return NULL;
        struct waiter_chunk *chunk = arena_at(w->chunk);
        *w = (struct walk){chunk->waiters, CHUNK_WAITERS, load_relaxed(&chunk->next)};
    }
    w->left--;
    return w->at++;
}

/* Whether this process can see every entry: it may have reserved less address space than the one that added a chunk. */
static bool all_in_reach(struct condition *c)
{
    uint64_t at = load_acquire(&c->chunks);
    while (at && at + sizeof(struct waiter_chunk) <= arena.mapped)
        at = load_relaxed(&((struct waiter_chunk *)arena_at(at))->next);
    return at == 0;
}

/* -- one entry -- */

/* In a section: the horizon first, for NOTIFIED says that it is there. */
static void ticket_notify(struct waiter *w, uint64_t ticket, uint64_t horizon)
{
    crash_point();
    store_relaxed(&w->horizon, horizon);
    crash_point();
    store(&w->ticket, ticket | NOTIFIED); /* pairs with park_prepare */
    crash_point();
}

/* Leave: the ticket from what was seen to 0; false if it is another already. */
static bool ticket_leave(struct waiter *w, uint64_t seen)
{
    struct section s;
    arena_enter(&s, true);
    bool same = load_relaxed(&w->ticket) == seen;
    crash_point();
    if (same) store(&w->ticket, 0);
    crash_point();
    arena_leave(&s);
    return same;
}

/* Free the entry of a dead process that has no notification. This needs a section even if the ticket is 0: it may be 0
 * only until the transaction of a process that died while passing a notification on is undone. */
static void waiter_clear(struct waiter *w, owner_id dead, uint64_t seen, bool has_gil)
{
    struct section s;
    arena_enter(&s, has_gil);
    if (load_relaxed(&w->ticket) == seen && load_relaxed(&w->owner) == dead) {
        crash_point();
        store(&w->ticket, 0);
        crash_point();
        store_release(&w->owner, 0);
        crash_point();
    }
    arena_leave(&s);
}

/* The waiter that is next to be notified, as seen outside a section. */
struct choice {
    struct waiter *waiter; /* NULL: no thread waits */
    uint64_t ticket, undone;
};

/* In a section: whether the choice is still right. */
static bool choice_holds(const struct choice *choice)
{
    if (arena_undone() != choice->undone) return false;
    return !choice->waiter || load_relaxed(&choice->waiter->ticket) == choice->ticket;
}

/* The oldest living waiter with a ticket below the horizon; this clears dead ones before it. */
static struct choice oldest_waiting(struct condition *c, uint64_t horizon, bool has_gil)
{
    for (;;) {
        struct choice oldest = {NULL, horizon << 1, arena_undone()};
        struct walk walk = walk_begin(c);
        for (struct waiter *w; (w = walk_next(&walk));) {
            uint64_t seen = load_acquire(&w->ticket);
            if (seen == 0 || seen & NOTIFIED || seen >= oldest.ticket) continue;
            oldest.waiter = w;
            oldest.ticket = seen;
        }
        if (!oldest.waiter) return oldest;
        owner_id owner = load_acquire(&oldest.waiter->owner);
        if (owner && member_alive(owner)) return oldest;
        if (owner) waiter_clear(oldest.waiter, owner, oldest.ticket, has_gil); /* 0: it left meanwhile */
    }
}

/* The ticket is stored before; the observer is stored before its task looks at the ticket: as in observers.h. */
static void waiter_wake(struct waiter *w)
{
    park_wake(&w->parked, 1);
    uint32_t observer = load(&w->observer);
    if (observer && exchange(&w->observer, 0)) observer_tell(observer - 1, arena_offset(w));
}

/* -- passing on -- */

/* Move the notification of one entry to the oldest waiter that waited already when it was given; do nothing if the
 * entry has none any more. */
static void pass_on(struct condition *c, struct waiter *from, uint64_t seen, bool has_gil)
{
    uint64_t horizon = load_acquire(&from->horizon);
    bool passed = false, gone = false;
    struct choice to;
    do {
        struct section s;
        to = oldest_waiting(c, horizon, has_gil);
        arena_enter(&s, has_gil);
        gone = load_relaxed(&from->ticket) != seen || load_relaxed(&from->horizon) != horizon;
        passed = !gone && choice_holds(&to);
        if (passed && to.waiter) {
            tx_set(&to.waiter->horizon, horizon);
            tx_set(&to.waiter->ticket, to.ticket | NOTIFIED);
        }
        if (passed) tx_set(&from->ticket, 0);
        arena_leave(&s);
    } while (!passed && !gone);
    if (passed && to.waiter) waiter_wake(to.waiter);
}

/* Pass on what dead processes were notified of. */
void condition_pass_on_dead(struct condition *c, bool has_gil)
{
    struct walk walk = walk_begin(c);
    for (struct waiter *w; (w = walk_next(&walk));) {
        uint64_t seen = load_acquire(&w->ticket);
        owner_id owner = load_acquire(&w->owner);
        if (!(seen & NOTIFIED) || !owner || member_alive(owner)) continue;
        pass_on(c, w, seen, has_gil);
        waiter_clear(w, owner, 0, has_gil);
    }
}

/* -- taking and leaving an entry; the lock is held -- */

static struct waiter *waiter_free(struct condition *c)
{
    struct walk walk = walk_begin(c);
    for (struct waiter *w; (w = walk_next(&walk));)
        if (load_relaxed(&w->owner) == 0 && cas64(&w->owner, 0, arena.self)) return w;
    return NULL;
}

static bool clear_dead(struct condition *c)
{
    bool any = false;
    condition_pass_on_dead(c, true);
    struct walk walk = walk_begin(c);
    for (struct waiter *w; (w = walk_next(&walk));) {
        uint64_t seen = load_acquire(&w->ticket);
        owner_id owner = load_acquire(&w->owner);
        if (!owner || member_alive(owner)) continue;
        if (!(seen & NOTIFIED)) waiter_clear(w, owner, seen, true);
        any = true;
    }
    return any;
}

static outcome chunk_add(PyObject *self)
{
    struct section s;
    uint64_t offset;
    arena_enter(&s, true);
    outcome o = cell_chain(id_index(((handle_object *)self)->id), sizeof(struct waiter_chunk), &offset);
    if (o == OK) {
        struct waiter_chunk *chunk = arena_at(offset);
        memset((void *)chunk->waiters, 0, sizeof chunk->waiters); /* no other process reads it yet */
        tx_set(&condition_of(self)->chunks, offset);
    } else {
        tx_abort();
    }
    arena_leave(&s);
    return o;
}

outcome waiter_take(PyObject *self, struct waiter **w)
{
    struct condition *c = condition_of(self);
    while (!(*w = waiter_free(c))) {
        outcome o = clear_dead(c) ? OK : chunk_add(self);
        if (o != OK) return o;
    }
    uint64_t ticket = fetch_add(&c->next_ticket, 1) + 1;
    store_relaxed(&(*w)->observer, 0); /* a dead one's may stand there */
    crash_point();
    store(&(*w)->ticket, ticket << 1);
    crash_point();
    return OK;
}

/* How the wait ended, by `o` and finally by the ticket: OK if notified, BUSY if not. A word that was read outside a
 * section may have been undone since (the process that passed a notification on was killed): then it returns E_STALE,
 * and the waiter has not left. */
outcome waiter_leave(struct waiter *w, outcome o)
{
    uint64_t seen;
    do {
        seen = load_acquire(&w->ticket);
        if (o == OK && !(seen & NOTIFIED)) return E_STALE;
    } while (!ticket_leave(w, seen));
    crash_point();
    store_release(&w->owner, 0);
    return seen & NOTIFIED ? OK : BUSY;
}

/* Leave with an exception: a notification passes on. */
void waiter_abandon(struct condition *c, struct waiter *w)
{
    for (uint64_t seen; (seen = load_acquire(&w->ticket));) {
        if (seen & NOTIFIED) pass_on(c, w, seen, true);
        else ticket_leave(w, seen);
    }
    crash_point();
    store_release(&w->owner, 0);
}

struct waiter *waiter_find(PyObject *self, uint64_t offset)
{
    struct walk walk = walk_begin(condition_of(self));
    for (struct waiter *w; (w = walk_next(&walk));)
        if (arena_offset(w) == offset && load_relaxed(&w->owner) == arena.self) return w;
    PyErr_SetString(PyExc_ValueError, "no waiter of this process");
    return NULL;
}

/* -- waiting -- */

struct wait_state {
    struct condition *condition;
    struct waiter *waiter;
    PyObject *lock;
};

/* The wait also ends when the lock's owner died: no thread can notify before the lock is repaired. */
static outcome wait_attempt(void *ctx, bool look)
{
    struct wait_state *state = ctx;
    if (load(&state->waiter->ticket) & NOTIFIED) return OK;
    if (!look) return BUSY;
    condition_pass_on_dead(state->condition, false);
    if (load(&state->waiter->ticket) & NOTIFIED) return OK;
    return lock_abandoned(state->lock) ? E_OWNER_DIED : BUSY;
}

/* Release, wait, and take the lock again, whatever happens: false with an exception. */
static bool wait_once(PyObject *self, struct wait_state *state, int64_t deadline, outcome *o)
{
    PyObject *type = NULL, *value = NULL, *trace = NULL; /* a signal's exception waits until the lock is held */
    uint32_t depth = lock_release_all(state->lock);
    *o = wait_on(self, &state->waiter->parked, wait_attempt, state, deadline);
    if (*o == E_SIGNAL) PyErr_Fetch(&type, &value, &trace);
    bool held = lock_restore(state->lock, depth);
    if (held && *o == E_SIGNAL) {
        PyErr_Restore(type, value, trace);
        return false;
    }
    Py_XDECREF(type), Py_XDECREF(value), Py_XDECREF(trace);
    return held;
}

/* OK if notified, BUSY at the deadline, E_SIGNAL with an exception. The lock is held again, unless its owner died. */
static outcome wait_out(PyObject *self, struct wait_state *state, int64_t deadline)
{
    outcome o;
    do {
        if (!wait_once(self, state, deadline, &o)) {
            waiter_abandon(state->condition, state->waiter);
            return E_SIGNAL;
        }
        if (o == E_OWNER_DIED) continue; /* repaired already: nothing was missed */
        o = waiter_leave(state->waiter, o);
    } while (o < 0);
    return o;
}

/* Ready to wait or notify: the lock is there and held. */
bool condition_held(PyObject *self, const char *what)
{
    if (!handle_usable(self)) return false;
    if (!condition_lock(self)) {
        PyErr_SetString(PyExc_ValueError, "a condition without a lock: it was not unpickled as a whole");
        return false;
    }
    if (!lock_held(condition_lock(self))) {
        if (PyErr_Occurred()) return false;
        PyErr_Format(error_not_held, "cannot %s on a condition whose lock is not acquired", what);
        return false;
    }
    if (all_in_reach(condition_of(self))) return true;
    raise_outcome(E_RANGE);
    return false;
}

static PyObject *py_wait(PyObject *self, PyObject *args, PyObject *kwargs)
{
    static char *names[] = {"timeout", NULL};
    PyObject *timeout = NULL;
    int64_t deadline;
    if (!PyArg_ParseTupleAndKeywords(args, kwargs, "|O:wait", names, &timeout) || !parse_timeout(timeout, &deadline)
        || !condition_held(self, "wait"))
        return NULL;
    struct wait_state state = {condition_of(self), NULL, Py_NewRef(condition_lock(self))};
    outcome o = waiter_take(self, &state.waiter);
    if (o != OK) raise_outcome(o);
    else o = wait_out(self, &state, deadline);
    Py_DECREF(state.lock);
    return o < 0 ? NULL : PyBool_FromLong(o == OK);
}

/* -- notifying -- */

static void notify_oldest(struct condition *c, uint64_t n)
{
    uint64_t horizon = load(&c->next_ticket) + 1;
    while (n > 0) {
        struct choice to = oldest_waiting(c, horizon, true);
        struct section s;
        arena_enter(&s, true);
        bool right = choice_holds(&to);
        if (right && to.waiter) ticket_notify(to.waiter, to.ticket, horizon);
        arena_leave(&s);
        if (!right) continue;
        if (!to.waiter) return;
        waiter_wake(to.waiter);
        n--;
    }
}

/* All at once: no waiter is left to which a notification could pass on, so dead waiters need no special treatment. */
static void notify_seen(struct condition *c, uint64_t horizon)
{
    struct walk walk = walk_begin(c);
    for (struct waiter *w; (w = walk_next(&walk));) {
        uint64_t seen = load_acquire(&w->ticket);
        if (seen == 0 || seen & NOTIFIED) continue;
        struct section s;
        arena_enter(&s, true);
        bool same = load_relaxed(&w->ticket) == seen;
        if (same) ticket_notify(w, seen, horizon);
        arena_leave(&s);
        if (same) waiter_wake(w);
    }
}

static void notify_everybody(struct condition *c)
{
    uint64_t horizon = load(&c->next_ticket) + 1;
    for (bool all = false; !all;) { /* not all where one had seemed notified and was not */
        struct choice none = {NULL, 0, arena_undone()};
        struct section s;
        notify_seen(c, horizon);
        arena_enter(&s, true);
        all = choice_holds(&none);
        arena_leave(&s);
    }
}

static PyObject *py_notify(PyObject *self, PyObject *args, PyObject *kwargs)
{
    static char *names[] = {"n", NULL};
    PyObject *object = NULL;
    long long n = 1;
    int overflow = 0;
    if (!PyArg_ParseTupleAndKeywords(args, kwargs, "|O:notify", names, &object)) return NULL;
    if (object && !PyIndex_Check(object))
        return PyErr_Format(PyExc_TypeError, "notify of n = %R: it must be an integer", object);
    if (object) n = PyLong_AsLongLongAndOverflow(object, &overflow);
    if (n == -1 && PyErr_Occurred()) return NULL;
    if (overflow < 0 || (!overflow && n < 0))
        return PyErr_Format(PyExc_ValueError, "notify of n = %R: it must not be negative", object);
    if (!condition_held(self, "notify")) return NULL;
    condition_pass_on_dead(condition_of(self), true);
    notify_oldest(condition_of(self), overflow ? UINT64_MAX : (uint64_t)n);
    Py_RETURN_NONE;
}

static PyObject *py_notify_all(PyObject *self, PyObject *Py_UNUSED(none))
{
    if (!condition_held(self, "notify")) return NULL;
    notify_everybody(condition_of(self));
    Py_RETURN_NONE;
}

/* -- the lock's methods, and pickling with the lock -- */

static PyObject *py_acquire(PyObject *self, PyObject *const *args, Py_ssize_t nargs, PyObject *kwnames)
{
    int64_t deadline = NO_DEADLINE;
    bool failed = true, taken = false;
    if ((nargs || kwnames) && !parse_blocking("acquire", args, nargs, kwnames, 0, &deadline)) return NULL;
    if (condition_lock(self)) taken = lock_take(condition_lock(self), deadline, &failed);
    else PyErr_SetString(PyExc_ValueError, "a condition without a lock: it was not unpickled as a whole");
    return failed ? NULL : PyBool_FromLong(taken);
}

static PyObject *py_enter(PyObject *self, PyObject *Py_UNUSED(none)) { return py_acquire(self, NULL, 0, NULL); }

static PyObject *py_release(PyObject *self, PyObject *Py_UNUSED(none))
{
    if (condition_lock(self)) return lock_give(condition_lock(self));
    PyErr_SetString(PyExc_ValueError, "a condition without a lock: it was not unpickled as a whole");
    return NULL;
}

static PyObject *py_exit(PyObject *self, PyObject *const *Py_UNUSED(args), Py_ssize_t Py_UNUSED(nargs))
{
    return py_release(self, NULL);
}

static PyObject *py_setstate(PyObject *self, PyObject *lock)
{
    if (!lock_check(lock)) return PyErr_Format(PyExc_TypeError, "lock %R: a condition needs a Lock or an RLock", lock);
    PyObject *old = condition_lock(self);
    ((condition_object *)self)->lock = Py_NewRef(lock);
    Py_XDECREF(old);
    Py_RETURN_NONE;
}

static PyObject *get_lock(PyObject *self, void *Py_UNUSED(closure))
{
    return Py_NewRef(condition_lock(self) ? condition_lock(self) : Py_None);
}

static PyObject *get_waiters(PyObject *self, void *Py_UNUSED(closure))
{
    if (!handle_usable(self)) return NULL;
    unsigned long n = 0;
    struct walk walk = walk_begin(condition_of(self));
    for (struct waiter *w; (w = walk_next(&walk));) {
        uint64_t seen = load_acquire(&w->ticket);
        owner_id owner = load_acquire(&w->owner);
        n += seen != 0 && !(seen & NOTIFIED) && owner && member_alive(owner);
    }
    return PyLong_FromUnsignedLong(n);
}

static PyObject *condition_new(PyTypeObject *type, PyObject *args, PyObject *kwargs)
{
    static char *names[] = {"lock", NULL};
    PyObject *lock;
    if (!PyArg_ParseTupleAndKeywords(args, kwargs, "O:Condition", names, &lock)) return NULL;
    if (!lock_check(lock)) return PyErr_Format(PyExc_TypeError, "lock %R: a condition needs a Lock or an RLock", lock);
    PyObject *self = handle_create(type, CELL_CONDITION, sizeof(struct condition));
    if (self) ((condition_object *)self)->lock = Py_NewRef(lock);
    return self;
}

static void condition_dealloc(PyObject *self)
{
    Py_CLEAR(((condition_object *)self)->lock);
    handle_dealloc(self);
}

/* The handle's own pickle, with the lock as its state: the references of both are recorded when they are pickled. */
static PyObject *condition_reduce(PyObject *self, PyObject *Py_UNUSED(none))
{
    return handle_reduce_with(self, condition_lock(self));
}

static const char acquire_doc[] = "acquire($self, /, block=True, timeout=None)\n--\n\nThe lock's acquire.";
static const char release_doc[] = "release($self, /)\n--\n\nThe lock's release.";
static const char wait_doc[] =
    "wait($self, /, timeout=None)\n--\n\n"
    "Let the lock go, wait for a notification, and take the lock again.\n\n"
    "A signal handler that raises interrupts it, once the lock is held again.\n\n"
    ":param timeout: seconds; None waits for ever.\n"
    ":return: whether it was notified; False when the time was up.\n"
    ":raises NotHeldError: if the lock is not held.\n"
    ":raises OwnerDied: if the lock's owner died and nobody has repaired what it guards; then it is not held.\n"
    ":raises TypeError: if timeout is not a number.\n"
    ":raises MemoryError: if the family's arena is full.";
static const char notify_doc[] = "notify($self, /, n=1)\n--\n\n"
                                 "Wake the longest-waiting of those that wait now.  Does not block.\n\n"
                                 ":param n: how many at most.\n"
                                 ":raises NotHeldError: if the lock is not held.\n"
                                 ":raises TypeError: if n is not an integer.\n"
                                 ":raises ValueError: if n is negative.";
static const char notify_all_doc[] = "notify_all($self, /)\n--\n\n"
                                     "Wake all that wait now.  Does not block.\n\n"
                                     ":raises NotHeldError: if the lock is not held.";

static PyMethodDef methods[] = {
    {"acquire", (PyCFunction)(void (*)(void))py_acquire, METH_FASTCALL | METH_KEYWORDS, acquire_doc},
    {"release", py_release, METH_NOARGS, release_doc},
    {"__enter__", py_enter, METH_NOARGS, NULL},
    {"__exit__", (PyCFunction)(void (*)(void))py_exit, METH_FASTCALL, NULL},
    {"wait", (PyCFunction)(void (*)(void))py_wait, METH_VARARGS | METH_KEYWORDS, wait_doc},
    {"notify", (PyCFunction)(void (*)(void))py_notify, METH_VARARGS | METH_KEYWORDS, notify_doc},
    {"notify_all", py_notify_all, METH_NOARGS, notify_all_doc},
    {"__reduce__", condition_reduce, METH_NOARGS, NULL},
    {"__setstate__", py_setstate, METH_O, NULL},
    {NULL, NULL, 0, NULL},
};
static PyGetSetDef getset[] = {
    {"_lock", get_lock, NULL, "its lock", NULL},
    {"_waiters", get_waiters, NULL, "how many wait and are not notified", NULL},
    {NULL, NULL, NULL, NULL, NULL},
};
static PyType_Slot slots[] = {{Py_tp_new, condition_new},
                              {Py_tp_dealloc, condition_dealloc},
                              {Py_tp_methods, methods},
                              {Py_tp_getset, getset},
                              {0, NULL}};

static const struct cell_field fields[] = {{"first", offsetof(struct condition, first)},
                                           {"chunks", offsetof(struct condition, chunks)},
                                           {"waiter.parked", offsetof(struct waiter, parked)},
                                           {"waiter.ticket", offsetof(struct waiter, ticket)},
                                           {NULL, 0}};
static const struct cell_ops condition_ops = {.name = "Condition", .fields = fields};

bool condition_register(PyObject *module)
{
    cell_ops[CELL_CONDITION] = &condition_ops;
    return handle_type(module, "processing_core._kernel.Condition", CELL_CONDITION, sizeof(condition_object), slots,
                       true)
        != NULL;
}
