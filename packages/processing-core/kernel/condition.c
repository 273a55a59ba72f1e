/* Condition: waiting for another's word under a lock.
 *
 * Each thread that waits has an entry.  Its `place` says where it stands:
 *
 *     0                      not waiting
 *     ticket << 1            waiting; tickets are given under the lock, so the oldest has the smallest
 *     ticket << 1 | NOTIFIED the notification is its own, until it consumes it or passes it on
 *
 * Rule: a place that is not 0 is changed in an arena section only.  What moves a notification from one entry to
 * another changes two words, as one transaction; nothing else may change them beneath its undo log.  Who enters a
 * section has looked for candidates outside, and compares the place with what it saw: a ticket is never given
 * twice, so an equal place is the same wait.  That it is the oldest rests on the other places, and some of those may
 * have been a killed passer's, undone since; so who gives a notification also compares `arena_undone`.
 *
 * A notification is never lost: a waiter consumes its own after it has the lock again.  Killed before, it leaves a
 * NOTIFIED entry with a dead owner, which whoever looks (every notifier, and every waiter once a slice) passes on;
 * killed after, it leaves a lock with a dead owner.  Interrupted by a signal, it passes its notification on itself.
 * It goes to the oldest of those that waited already when it was given (their tickets are below its `horizon`);
 * where none is left it ends, as a notification without waiters does.
 *
 * What a SIGKILL leaves: an owner with place 0 (entry taken but not in use, or no more): freed when entries run short.
 * A dead owner that waits: skipped by notifiers, who clear it. */
#include "lock.h"
#include "member.h"
#include "waits.h"

#include <string.h>

#define NOTIFIED 1ull

struct waiter {
    word64 owner;   /* owner_id, 0: free; CAS from 0 by who takes it, from a dead owner by anybody */
    word64 place;   /* from 0 by the owner under the lock; else see the rule above */
    word64 horizon; /* written before NOTIFIED, in the same section; read in sections */
    word32 parked;  /* event count of the one thread that waits here */
    uint32_t spare;
};

#define FIRST_WAITERS 7
struct condition {
    word64 next_ticket; /* added to under the lock; read by notifiers, who hold it */
    word64 chunks;      /* offset of the newest chunk of further entries; release, pairs with the walk's acquire */
    uint64_t spare[2];
    struct waiter first[FIRST_WAITERS];
};

#define CHUNK_WAITERS 63
struct waiter_chunk {
    word64 next; /* the chunk made before it: these are the cell's chain of blocks */
    uint64_t spare[3];
    struct waiter waiters[CHUNK_WAITERS];
};
_Static_assert(sizeof(struct waiter_chunk) == 2048, "a chunk of waiters is a slab object");

typedef struct {
    handle_object handle;
    PyObject *lock; /* a Lock or RLock; NULL while unpickling */
} condition_object;

static struct condition *condition_of(PyObject *self) { return ((handle_object *)self)->block; }
static PyObject *lock_of(PyObject *self) { return ((condition_object *)self)->lock; }

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
    while (at && at + sizeof(struct waiter_chunk) <= arena.mapped) at = load_relaxed(&((struct waiter_chunk *)arena_at(at))->next);
    return at == 0;
}

/* -- one entry -- */

/* In a section: the horizon first, for NOTIFIED says that it is there. */
static void place_notified(struct waiter *w, uint64_t place, uint64_t horizon)
{
    crash_point();
    store_relaxed(&w->horizon, horizon);
    crash_point();
    atomic_store(&w->place, place | NOTIFIED); /* pairs with park_prepare */
    crash_point();
}

/* Leave: the place from what was seen to 0; false if it is another already. */
static bool place_leave(struct waiter *w, uint64_t seen)
{
    struct section s;
    arena_enter(&s, true);
    bool same = load_relaxed(&w->place) == seen;
    crash_point();
    if (same) atomic_store(&w->place, 0);
    crash_point();
    arena_leave(&s);
    return same;
}

/* Free the entry of a dead process that has no notification.  In a section even where the place is 0: it might be so
 * only until a dead passer's transaction is undone. */
static void waiter_clear(struct waiter *w, owner_id dead, uint64_t seen, bool has_gil)
{
    struct section s;
    arena_enter(&s, has_gil);
    if (load_relaxed(&w->place) == seen && load_relaxed(&w->owner) == dead) {
        crash_point();
        atomic_store(&w->place, 0);
        crash_point();
        store_release(&w->owner, 0);
        crash_point();
    }
    arena_leave(&s);
}

/* Who is next to be notified, as seen outside a section. */
struct choice {
    struct waiter *waiter; /* NULL: nobody waits */
    uint64_t place, undone;
};

/* In a section: whether the choice is still right. */
static bool choice_holds(const struct choice *choice)
{
    if (arena_undone() != choice->undone) return false;
    return !choice->waiter || load_relaxed(&choice->waiter->place) == choice->place;
}

/* The oldest living waiter with a ticket below the horizon; dead ones on the way are cleared. */
static struct choice oldest_waiting(struct condition *c, uint64_t horizon, bool has_gil)
{
    for (;;) {
        struct choice oldest = {NULL, horizon << 1, arena_undone()};
        struct walk walk = walk_begin(c);
        for (struct waiter *w; (w = walk_next(&walk));) {
            uint64_t seen = load_acquire(&w->place);
            if (seen == 0 || seen & NOTIFIED || seen >= oldest.place) continue;
            oldest.waiter = w;
            oldest.place = seen;
        }
        if (!oldest.waiter) return oldest;
        owner_id owner = load_acquire(&oldest.waiter->owner);
        if (owner && member_alive(owner)) return oldest;
        if (owner) waiter_clear(oldest.waiter, owner, oldest.place, has_gil); /* 0: it left meanwhile */
    }
}

/* -- passing on -- */

/* Move the notification of one entry to the oldest waiter that has a claim to it; nothing if it is gone already. */
static void pass_on(struct condition *c, struct waiter *from, uint64_t seen, bool has_gil)
{
    uint64_t horizon = load_acquire(&from->horizon);
    bool passed = false, gone = false;
    struct choice to;
    do {
        struct section s;
        to = oldest_waiting(c, horizon, has_gil);
        arena_enter(&s, has_gil);
        gone = load_relaxed(&from->place) != seen || load_relaxed(&from->horizon) != horizon;
        passed = !gone && choice_holds(&to);
        if (passed && to.waiter) {
            tx_set(&to.waiter->horizon, horizon);
            tx_set(&to.waiter->place, to.place | NOTIFIED);
        }
        if (passed) tx_set(&from->place, 0);
        arena_leave(&s);
    } while (!passed && !gone);
    if (passed && to.waiter) park_wake(&to.waiter->parked, 1);
}

/* Pass on what dead processes were notified of. */
static void pass_on_dead(struct condition *c, bool has_gil)
{
    struct walk walk = walk_begin(c);
    for (struct waiter *w; (w = walk_next(&walk));) {
        uint64_t seen = load_acquire(&w->place);
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
    pass_on_dead(c, true);
    struct walk walk = walk_begin(c);
    for (struct waiter *w; (w = walk_next(&walk));) {
        uint64_t seen = load_acquire(&w->place);
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
        memset((void *)chunk->waiters, 0, sizeof chunk->waiters); /* nobody walks over it yet */
        tx_set(&condition_of(self)->chunks, offset);
    } else {
        tx_abort();
    }
    arena_leave(&s);
    return o;
}

static outcome waiter_take(PyObject *self, struct waiter **w)
{
    struct condition *c = condition_of(self);
    while (!(*w = waiter_free(c))) {
        outcome o = clear_dead(c) ? OK : chunk_add(self);
        if (o != OK) return o;
    }
    uint64_t ticket = atomic_fetch_add(&c->next_ticket, 1) + 1;
    crash_point();
    atomic_store(&(*w)->place, ticket << 1);
    crash_point();
    return OK;
}

/* How the wait ended, as `o` said and the place says for good: OK if notified, BUSY if not.  What was read outside a
 * section may have been undone since (the passer was killed): then E_STALE, and the waiter did not leave. */
static outcome waiter_leave(struct waiter *w, outcome o)
{
    uint64_t seen;
    do {
        seen = load_acquire(&w->place);
        if (o == OK && !(seen & NOTIFIED)) return E_STALE;
    } while (!place_leave(w, seen));
    crash_point();
    store_release(&w->owner, 0);
    return seen & NOTIFIED ? OK : BUSY;
}

/* Leave with an exception: a notification passes on. */
static void waiter_flee(struct condition *c, struct waiter *w)
{
    for (uint64_t seen; (seen = load_acquire(&w->place));) {
        if (seen & NOTIFIED) pass_on(c, w, seen, true);
        else place_leave(w, seen);
    }
    crash_point();
    store_release(&w->owner, 0);
}

/* -- waiting -- */

struct stay {
    struct condition *condition;
    struct waiter *waiter;
    PyObject *lock;
};

/* Also ends when the lock's owner died: then nobody can notify before the lock is repaired. */
static outcome wait_attempt(void *ctx, bool look)
{
    struct stay *stay = ctx;
    if (atomic_load(&stay->waiter->place) & NOTIFIED) return OK;
    if (!look) return BUSY;
    pass_on_dead(stay->condition, false);
    if (atomic_load(&stay->waiter->place) & NOTIFIED) return OK;
    return lock_abandoned(stay->lock) ? E_OWNER_DIED : BUSY;
}

/* Release, wait, and take the lock again, whatever happens: false with an exception. */
static bool wait_once(PyObject *self, struct stay *stay, int64_t deadline, outcome *o)
{
    PyObject *type = NULL, *value = NULL, *trace = NULL; /* a signal's exception waits until the lock is held */
    uint32_t depth = lock_release_all(stay->lock);
    *o = wait_on(self, &stay->waiter->parked, wait_attempt, stay, deadline);
    if (*o == E_SIGNAL) PyErr_Fetch(&type, &value, &trace);
    bool held = lock_restore(stay->lock, depth);
    if (held && *o == E_SIGNAL) {
        PyErr_Restore(type, value, trace);
        return false;
    }
    Py_XDECREF(type), Py_XDECREF(value), Py_XDECREF(trace);
    return held;
}

/* OK if notified, BUSY at the deadline, E_SIGNAL with an exception. The lock is held again, unless its owner died. */
static outcome wait_out(PyObject *self, struct stay *stay, int64_t deadline)
{
    outcome o;
    do {
        if (!wait_once(self, stay, deadline, &o)) {
            waiter_flee(stay->condition, stay->waiter);
            return E_SIGNAL;
        }
        if (o == E_OWNER_DIED) continue; /* repaired already: nothing was missed */
        o = waiter_leave(stay->waiter, o);
    } while (o < 0);
    return o;
}

/* Ready to wait or notify: the lock is there and held. */
static bool condition_held(PyObject *self, const char *what)
{
    if (!handle_usable(self)) return false;
    if (!lock_of(self)) {
        PyErr_SetString(PyExc_ValueError, "a condition without a lock: it was not unpickled as a whole");
        return false;
    }
    if (!lock_held(lock_of(self))) {
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
    struct stay stay = {condition_of(self), NULL, Py_NewRef(lock_of(self))};
    outcome o = waiter_take(self, &stay.waiter);
    if (o != OK) raise_outcome(o);
    else o = wait_out(self, &stay, deadline);
    Py_DECREF(stay.lock);
    return o < 0 ? NULL : PyBool_FromLong(o == OK);
}

/* -- notifying -- */

static void notify_oldest(struct condition *c, uint64_t n)
{
    uint64_t horizon = atomic_load(&c->next_ticket) + 1;
    while (n > 0) {
        struct choice to = oldest_waiting(c, horizon, true);
        struct section s;
        arena_enter(&s, true);
        bool right = choice_holds(&to);
        if (right && to.waiter) place_notified(to.waiter, to.place, horizon);
        arena_leave(&s);
        if (!right) continue;
        if (!to.waiter) return;
        park_wake(&to.waiter->parked, 1);
        n--;
    }
}

/* Everybody at once: nobody is left that a notification could pass on to, so the dead are as good as the living. */
static void notify_seen(struct condition *c, uint64_t horizon)
{
    struct walk walk = walk_begin(c);
    for (struct waiter *w; (w = walk_next(&walk));) {
        uint64_t seen = load_acquire(&w->place);
        if (seen == 0 || seen & NOTIFIED) continue;
        struct section s;
        arena_enter(&s, true);
        bool same = load_relaxed(&w->place) == seen;
        if (same) place_notified(w, seen, horizon);
        arena_leave(&s);
        if (same) park_wake(&w->parked, 1);
    }
}

static void notify_everybody(struct condition *c)
{
    uint64_t horizon = atomic_load(&c->next_ticket) + 1;
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
    if (object && !PyLong_Check(object)) return PyErr_Format(PyExc_TypeError, "notify of n = %R: it must be an integer", object);
    if (object) n = PyLong_AsLongLongAndOverflow(object, &overflow);
    if (overflow < 0 || (!overflow && n < 0))
        return PyErr_Format(PyExc_ValueError, "notify of n = %R: it must not be negative", object);
    if (!condition_held(self, "notify")) return NULL;
    pass_on_dead(condition_of(self), true);
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
    if (lock_of(self)) taken = lock_take(lock_of(self), deadline, &failed);
    else PyErr_SetString(PyExc_ValueError, "a condition without a lock: it was not unpickled as a whole");
    return failed ? NULL : PyBool_FromLong(taken);
}

static PyObject *py_enter(PyObject *self, PyObject *Py_UNUSED(none)) { return py_acquire(self, NULL, 0, NULL); }

static PyObject *py_release(PyObject *self, PyObject *Py_UNUSED(none))
{
    if (lock_of(self)) return lock_give(lock_of(self));
    PyErr_SetString(PyExc_ValueError, "a condition without a lock: it was not unpickled as a whole");
    return NULL;
}

static PyObject *py_exit(PyObject *self, PyObject *const *Py_UNUSED(args), Py_ssize_t Py_UNUSED(nargs))
{
    return py_release(self, NULL);
}

static PyObject *py_setstate(PyObject *self, PyObject *lock)
{
    if (!lock_check(lock)) return PyErr_Format(PyExc_TypeError, "lock %R: a condition stands on a Lock or an RLock", lock);
    PyObject *old = lock_of(self);
    ((condition_object *)self)->lock = Py_NewRef(lock);
    Py_XDECREF(old);
    Py_RETURN_NONE;
}

static PyObject *get_lock(PyObject *self, void *Py_UNUSED(closure))
{
    return Py_NewRef(lock_of(self) ? lock_of(self) : Py_None);
}

static PyObject *get_waiters(PyObject *self, void *Py_UNUSED(closure))
{
    if (!handle_usable(self)) return NULL;
    unsigned long n = 0;
    struct walk walk = walk_begin(condition_of(self));
    for (struct waiter *w; (w = walk_next(&walk));) {
        uint64_t seen = load_acquire(&w->place);
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
    if (!lock_check(lock)) return PyErr_Format(PyExc_TypeError, "lock %R: a condition stands on a Lock or an RLock", lock);
    PyObject *self = handle_create(type, CELL_CONDITION, sizeof(struct condition));
    if (self) ((condition_object *)self)->lock = Py_NewRef(lock);
    return self;
}

static void condition_dealloc(PyObject *self)
{
    Py_CLEAR(((condition_object *)self)->lock);
    handle_dealloc(self);
}

/* The handle's own pickle, and the lock as its state: each is collected where it is pickled. */
static PyObject *condition_reduce(PyObject *self, PyObject *Py_UNUSED(none))
{
    return handle_reduce_with(self, lock_of(self));
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
static const char notify_doc[] =
    "notify($self, /, n=1)\n--\n\n"
    "Wake the longest-waiting of those that wait now.  Does not block.\n\n"
    ":param n: how many at most.\n"
    ":raises NotHeldError: if the lock is not held.\n"
    ":raises TypeError: if n is not an integer.\n"
    ":raises ValueError: if n is negative.";
static const char notify_all_doc[] =
    "notify_all($self, /)\n--\n\n"
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
    {"_lock", get_lock, NULL, "the lock it stands on", NULL},
    {"_waiters", get_waiters, NULL, "how many wait and are not notified", NULL},
    {NULL, NULL, NULL, NULL, NULL},
};
static PyType_Slot slots[] = {{Py_tp_new, condition_new},
                              {Py_tp_dealloc, condition_dealloc},
                              {Py_tp_methods, methods},
                              {Py_tp_getset, getset},
                              {0, NULL}};

bool condition_register(PyObject *module)
{
    return handle_type(module, "processing_core._kernel.Condition", CELL_CONDITION, sizeof(condition_object), slots, true)
        != NULL;
}
