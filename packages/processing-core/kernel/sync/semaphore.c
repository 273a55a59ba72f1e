/* Semaphore and BoundedSemaphore.
 *
 * Semaphore: its permits may be signals, so they have no owner (except with reclaim=True, see owned_permits.c): it is a
 * count. Acquire is a CAS down, release an atomic CAS up; a killed process has done it completely or not at all.
 *
 * BoundedSemaphore: the permits of a dead process come back, so each permit has an owner: a word that is 0 (free) or
 * the owner_id of the process that holds it.  Transitions, each one CAS:
 *     free -> mine          acquire
 *     mine -> free          release; if none is mine, another member's: any member may release
 *     dead's -> free        any waiter that tests whether the holder is alive */
#include "sync/owned_permits.h"
#include "sync/holders.h"
#include "family/member.h"
#include "sync/wait.h"
#include "arena/errors.h"
#include "objects/observer_type.h"
#include "objects/arguments.h"
#include "arena/liveness.h"

struct bounded {
    uint64_t max;            /* constant: the number of permits */
    struct observable given; /* processes that wait for a permit */
    word64 permits[]; /* owner_id, 0: free; changed by any member, sequentially consistent: pairs with park_prepare */
};

typedef struct {
    handle_object handle;
    word32 hint; /* where this process last took a permit: its next is likely there too */
} bounded_object;

static struct semaphore *semaphore_of(PyObject *self) { return ((handle_object *)self)->block; }
static struct bounded *bounded_of(PyObject *self) { return ((handle_object *)self)->block; }

/* -- the count -- */

static outcome semaphore_attempt(void *self, bool look)
{
    (void)look; /* a count has no owner whose life could be looked at */
    struct semaphore *s = semaphore_of(self);
    uint32_t seen = load(&s->count);
    while (seen != 0)
        if (cas_weak(&s->count, &seen, seen - 1)) return OK;
    return BUSY;
}

static bool semaphore_give(struct semaphore *s, uint32_t n)
{
    uint32_t seen = load(&s->count);
    do {
        if (seen > SEMAPHORE_MAX - n) return false;
    } while (!cas_weak(&s->count, &seen, seen + n));
    observable_wake(&s->given, (int)n);
    return true;
}

/* -- the owned permits -- */

static bool permit_take(bounded_object *self)
{
    struct bounded *b = bounded_of((PyObject *)self);
    uint64_t hint = load_relaxed(&self->hint);
    for (uint64_t i = 0; i < b->max; i++) {
        uint64_t at = (hint + i) % b->max;
        if (load(&b->permits[at]) != 0 || !cas64(&b->permits[at], 0, arena.self)) continue;
        store_relaxed(&self->hint, (uint32_t)at);
        return true;
    }
    return false;
}

/* Free what dead processes hold; how many.  Waking is the caller's. */
static int permits_take_back(struct bounded *b)
{
    owner_id living = arena.self; /* the last found alive: neighbours often have one owner */
    int n = 0;
    for (uint64_t at = 0; at < b->max; at++) {
        owner_id seen = load(&b->permits[at]);
        if (seen == 0 || seen == living || seen == arena.self) continue;
        if (member_alive(seen)) living = seen;
        else n += cas64(&b->permits[at], seen, 0);
    }
    return n;
}

static outcome bounded_attempt(void *self, bool look)
{
    if (permit_take(self)) return OK;
    int n = look ? permits_take_back(bounded_of(self)) : 0;
    if (n > 1) observable_wake(&bounded_of(self)->given, n - 1); /* one is for the process that looked */
    return n > 0 && permit_take(self) ? OK : BUSY;
}

static bool permit_give(bounded_object *self, bool only_mine)
{
    struct bounded *b = bounded_of((PyObject *)self);
    uint64_t hint = load_relaxed(&self->hint);
    for (uint64_t i = 0; i < b->max; i++) {
        uint64_t at = (hint + i) % b->max;
        owner_id seen = load(&b->permits[at]);
        if (seen != 0 && (seen == arena.self || !only_mine) && cas64(&b->permits[at], seen, 0)) return true;
    }
    return false;
}

static uint64_t permits_free(struct bounded *b)
{
    uint64_t n = 0;
    for (uint64_t at = 0; at < b->max; at++) n += load_relaxed(&b->permits[at]) == 0;
    return n;
}

/* -- holders -- */

static PyObject *permit_holders(void *block, uint64_t size)
{
    struct tally tallies[TALLIES] = {{0}};
    struct bounded *b = block;
    for (uint64_t at = 0; at < b->max && sizeof *b + (at + 1) * sizeof(word64) <= size; at++)
        tally_add(tallies, load_relaxed(&b->permits[at]));
    return tally_rows(tallies);
}

/* Permits without owners have no holders. */
static PyObject *count_holders(void *block, uint64_t Py_UNUSED(size))
{
    struct semaphore *s = block;
    return s->reclaim ? reclaim_holders(s) : PyList_New(0);
}

static PyObject *semaphore_holders(PyObject *self, PyObject *Py_UNUSED(none))
{
    if (!handle_usable(self)) return NULL;
    return count_holders(semaphore_of(self), sizeof(struct semaphore));
}

static PyObject *bounded_holders(PyObject *self, PyObject *Py_UNUSED(none))
{
    return handle_usable(self) ? permit_holders(bounded_of(self), UINT64_MAX) : NULL;
}

/* -- the Python side -- */

static PyObject *acquire(PyObject *self, attempt_fn attempt, word32 *parked, int64_t deadline)
{
    outcome o = attempt(self, false);
    if (o == BUSY) o = deadline == 0 ? attempt(self, true) : wait_on(self, parked, attempt, self, deadline);
    return o < 0 ? raise_outcome(o) : PyBool_FromLong(o == OK);
}

static PyObject *semaphore_acquire(PyObject *self, PyObject *const *args, Py_ssize_t nargs, PyObject *kwnames)
{
    int64_t deadline = NO_DEADLINE;
    if ((nargs || kwnames) && !parse_blocking("acquire", args, nargs, kwnames, 0, &deadline)) return NULL;
    if (!handle_usable(self)) return NULL;
    struct semaphore *s = semaphore_of(self);
    return acquire(self, s->reclaim ? reclaim_attempt : semaphore_attempt, &s->given.parked, deadline);
}

static PyObject *bounded_acquire(PyObject *self, PyObject *const *args, Py_ssize_t nargs, PyObject *kwnames)
{
    int64_t deadline = NO_DEADLINE;
    if ((nargs || kwnames) && !parse_blocking("acquire", args, nargs, kwnames, 0, &deadline)) return NULL;
    if (!handle_usable(self)) return NULL;
    return acquire(self, bounded_attempt, &bounded_of(self)->given.parked, deadline);
}

static PyObject *semaphore_enter(PyObject *self, PyObject *Py_UNUSED(none))
{
    return semaphore_acquire(self, NULL, 0, NULL);
}

static PyObject *bounded_enter(PyObject *self, PyObject *Py_UNUSED(none))
{
    return bounded_acquire(self, NULL, 0, NULL);
}

/* An integer between least and SEMAPHORE_MAX; false with an exception that names it and the rule. */
static bool parse_permits(PyObject *object, const char *what, long long least, uint32_t *permits)
{
    if (!PyIndex_Check(object)) {
        PyErr_Format(PyExc_TypeError, "%s %R: it must be an integer", what, object);
        return false;
    }
    int overflow;
    long long n = PyLong_AsLongLongAndOverflow(object, &overflow);
    if (n == -1 && PyErr_Occurred()) return false;
    if (overflow || n < least || n > SEMAPHORE_MAX) {
        PyErr_Format(PyExc_ValueError, "%s %R: it must be from %lld to %lld", what, object, least, SEMAPHORE_MAX);
        return false;
    }
    *permits = (uint32_t)n;
    return true;
}

/* (n=1) of a release, from a fast call's arguments. */
static bool parse_release(PyObject *const *args, Py_ssize_t nargs, PyObject *kwnames, uint32_t *n)
{
    Py_ssize_t named = kwnames ? PyTuple_Size(kwnames) : 0;
    *n = 1;
    if (nargs + named == 0) return true;
    bool known = !named || PyUnicode_CompareWithASCIIString(PyTuple_GetItem(kwnames, 0), "n") == 0;
    if (nargs + named > 1 || !known) {
        PyErr_SetString(PyExc_TypeError, "release() takes at most one argument, n");
        return false;
    }
    return parse_permits(args[0], "release of n =", 1, n);
}

static PyObject *semaphore_release(PyObject *self, PyObject *const *args, Py_ssize_t nargs, PyObject *kwnames)
{
    uint32_t n;
    if (!parse_release(args, nargs, kwnames, &n) || !handle_usable(self)) return NULL;
    if (semaphore_of(self)->reclaim) {
        outcome o = reclaim_give(self, n);
        return o == OK ? Py_NewRef(Py_None) : raise_outcome(o);
    }
    if (semaphore_give(semaphore_of(self), n)) Py_RETURN_NONE;
    return PyErr_Format(error_not_held, "semaphore released too many times: its value cannot exceed %lld",
                        SEMAPHORE_MAX);
}

static PyObject *bounded_release(PyObject *self, PyObject *const *args, Py_ssize_t nargs, PyObject *kwnames)
{
    uint32_t n, given = 0;
    if (!parse_release(args, nargs, kwnames, &n) || !handle_usable(self)) return NULL;
    struct bounded *b = bounded_of(self);
    int back = 0;
    if (n == 1) given = permit_give((bounded_object *)self, true);
    if (!given) back = permits_take_back(b); /* the dead's come back besides: they are not what is given here */
    bool held = n == 1 || b->max - permits_free(b) >= n;
    while (held && given < n
           && (permit_give((bounded_object *)self, true) || permit_give((bounded_object *)self, false)))
        given++;
    if (given || back) observable_wake(&b->given, (int)given + back);
    if (given == n) Py_RETURN_NONE;
    return PyErr_Format(error_not_held, "semaphore released too many times: its value cannot exceed %llu",
                        (unsigned long long)b->max);
}

static PyObject *semaphore_exit(PyObject *self, PyObject *const *Py_UNUSED(args), Py_ssize_t Py_UNUSED(nargs))
{
    return semaphore_release(self, NULL, 0, NULL);
}

static PyObject *bounded_exit(PyObject *self, PyObject *const *Py_UNUSED(args), Py_ssize_t Py_UNUSED(nargs))
{
    return bounded_release(self, NULL, 0, NULL);
}

static PyObject *semaphore_observe(PyObject *self, PyObject *observer)
{
    return handle_usable(self) ? observer_watch(observer, &semaphore_of(self)->given) : NULL;
}

static PyObject *bounded_observe(PyObject *self, PyObject *observer)
{
    return handle_usable(self) ? observer_watch(observer, &bounded_of(self)->given) : NULL;
}

static PyObject *semaphore_value(PyObject *self, PyObject *Py_UNUSED(none))
{
    if (!handle_usable(self)) return NULL;
    struct semaphore *s = semaphore_of(self);
    return PyLong_FromUnsignedLongLong(s->reclaim ? reclaim_free(s) : load(&s->count));
}

static PyObject *bounded_value(PyObject *self, PyObject *Py_UNUSED(none))
{
    return handle_usable(self) ? PyLong_FromUnsignedLongLong(permits_free(bounded_of(self))) : NULL;
}

static PyObject *bounded_max(PyObject *self, void *Py_UNUSED(closure))
{
    return handle_usable(self) ? PyLong_FromUnsignedLongLong(bounded_of(self)->max) : NULL;
}

static PyObject *semaphore_new(PyTypeObject *type, PyObject *args, PyObject *kwargs)
{
    static char *names[] = {"value", "reclaim", "ctx", NULL};
    PyObject *object = NULL, *ctx; /* which is multiprocessing's; nothing depends on it */
    uint32_t value = 1;
    int reclaim = 0;
    if (!handle_no_arguments(args, kwargs)
        && (!handle_arguments(type, semaphore_new, &args, &kwargs)
            || !PyArg_ParseTupleAndKeywords(args, kwargs, "|O$pO", names, &object, &reclaim, &ctx)))
        return NULL;
    if (object && !parse_permits(object, "initial value", 0, &value)) return NULL;
    PyObject *self = handle_create(type, CELL_SEMAPHORE, sizeof(struct semaphore));
    if (!self) return NULL;
    semaphore_of(self)->reclaim = reclaim != 0;
    if (!reclaim) store(&semaphore_of(self)->count, value);
    outcome o = reclaim ? reclaim_grow(self, value, value) : OK;
    if (o == OK) return self;
    Py_DECREF(self);
    return raise_outcome(o);
}

static bool parse_new(PyObject *args, PyObject *kwargs, uint32_t *value)
{
    static char *names[] = {"value", "ctx", NULL};
    PyObject *object = NULL, *ctx;
    *value = 1;
    if (!PyArg_ParseTupleAndKeywords(args, kwargs, "|O$O", names, &object, &ctx)) return false;
    return !object || parse_permits(object, "initial value", 0, value);
}

static PyObject *bounded_new(PyTypeObject *type, PyObject *args, PyObject *kwargs)
{
    uint32_t value;
    if (!handle_arguments(type, bounded_new, &args, &kwargs) || !parse_new(args, kwargs, &value)) return NULL;
    PyObject *self = handle_create(type, CELL_BOUNDED, sizeof(struct bounded) + value * sizeof(word64));
    if (self) bounded_of(self)->max = value;
    return self;
}

static const char acquire_doc[] =
    "acquire($self, /, block=True, timeout=None)\n--\n\n"
    "Take a permit, waiting for one.  A signal handler that raises interrupts the wait.\n\n"
    ":param block: whether to wait; threading's name `blocking` serves too.\n"
    ":param timeout: seconds; None, and threading's -1, waits for ever.\n"
    ":return: whether one was taken; False when the time was up.\n"
    ":raises TypeError: if timeout is not a number.";
static const char release_doc[] =
    "release($self, /, n=1)\n--\n\n"
    "Give permits back.  Does not block.\n\n"
    ":param n: how many, at least 1.\n"
    ":raises NotHeldError: if there would be more than there can be; it is also a ValueError.\n"
    ":raises TypeError: if n is not an integer.\n"
    ":raises ValueError: if n is below 1.";
static const char value_doc[] = "get_value($self, /)\n--\n\nHow many permits are free.  Does not block.";

static PyMethodDef semaphore_methods[] = {
    {"acquire", (PyCFunction)(void (*)(void))semaphore_acquire, METH_FASTCALL | METH_KEYWORDS, acquire_doc},
    {"release", (PyCFunction)(void (*)(void))semaphore_release, METH_FASTCALL | METH_KEYWORDS, release_doc},
    {"__enter__", semaphore_enter, METH_NOARGS, NULL},
    {"__exit__", (PyCFunction)(void (*)(void))semaphore_exit, METH_FASTCALL, NULL},
    {"get_value", semaphore_value, METH_NOARGS, value_doc},
    {"_observe", semaphore_observe, METH_O, NULL},
    {"_holders", semaphore_holders, METH_NOARGS, NULL},
    {NULL, NULL, 0, NULL},
};
static PyMethodDef bounded_methods[] = {
    {"acquire", (PyCFunction)(void (*)(void))bounded_acquire, METH_FASTCALL | METH_KEYWORDS, acquire_doc},
    {"release", (PyCFunction)(void (*)(void))bounded_release, METH_FASTCALL | METH_KEYWORDS, release_doc},
    {"__enter__", bounded_enter, METH_NOARGS, NULL},
    {"__exit__", (PyCFunction)(void (*)(void))bounded_exit, METH_FASTCALL, NULL},
    {"get_value", bounded_value, METH_NOARGS, value_doc},
    {"_observe", bounded_observe, METH_O, NULL},
    {"_holders", bounded_holders, METH_NOARGS, NULL},
    {NULL, NULL, 0, NULL},
};
static PyObject *semaphore_reclaim(PyObject *self, void *Py_UNUSED(closure))
{
    return handle_usable(self) ? PyBool_FromLong(semaphore_of(self)->reclaim != 0) : NULL;
}

static PyGetSetDef semaphore_getset[] = {
    {"reclaim", semaphore_reclaim, NULL, "Whether a dead process's permits are taken back.", NULL},
    {NULL, NULL, NULL, NULL, NULL},
};
static PyGetSetDef bounded_getset[] = {
    {"_maximum", bounded_max, NULL, "the number of permits", NULL},
    {NULL, NULL, NULL, NULL, NULL},
};
static PyType_Slot semaphore_slots[] = {
    {Py_tp_new, semaphore_new}, {Py_tp_methods, semaphore_methods}, {Py_tp_getset, semaphore_getset}, {0, NULL}};
static PyType_Slot bounded_slots[] = {
    {Py_tp_new, bounded_new}, {Py_tp_methods, bounded_methods}, {Py_tp_getset, bounded_getset}, {0, NULL}};

static const struct cell_field count_fields[] = {{"count", offsetof(struct semaphore, count)},
                                                 {"parked", offsetof(struct semaphore, given.parked)},
                                                 {"reclaim", offsetof(struct semaphore, reclaim)},
                                                 {NULL, 0}};
static const struct cell_field permit_fields[] = {{"max", offsetof(struct bounded, max)},
                                                  {"parked", offsetof(struct bounded, given.parked)},
                                                  {"permits", offsetof(struct bounded, permits)},
                                                  {NULL, 0}};
static const struct cell_ops semaphore_ops = {.name = "Semaphore", .holders = count_holders, .fields = count_fields};
static const struct cell_ops bounded_ops = {
    .name = "BoundedSemaphore", .holders = permit_holders, .fields = permit_fields};

bool semaphore_register(PyObject *module)
{
    cell_ops[CELL_SEMAPHORE] = &semaphore_ops;
    cell_ops[CELL_BOUNDED] = &bounded_ops;
    return handle_type(module, "processing_core._kernel.Semaphore", CELL_SEMAPHORE, sizeof(handle_object),
                       semaphore_slots, true)
        && handle_type(module, "processing_core._kernel.BoundedSemaphore", CELL_BOUNDED, sizeof(bounded_object),
                       bounded_slots, true);
}
