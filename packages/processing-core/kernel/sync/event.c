/* Event: a flag that processes wait for.
 *
 *     word = sets << 1 | flag
 *
 * `sets` counts how often the flag was set. A waiter goes on when it sees the flag, or another count than at its
 * beginning: so set() releases all threads that wait at that moment, even if a clear() follows before they are
 * awake. */
#include "sync/wait.h"
#include "arena/errors.h"
#include "objects/observer_type.h"
#include "objects/arguments.h"

struct event {
    word32 word;              /* changed by any member by CAS, sequentially consistent: pairs with park_prepare */
    struct observable raised; /* processes that wait for the flag */
};

static struct event *event_of(PyObject *self) { return ((handle_object *)self)->block; }

struct waiter {
    struct event *event;
    uint32_t sets; /* when the waiter came */
};

static outcome event_attempt(void *ctx, bool look)
{
    (void)look;
    struct waiter *v = ctx;
    uint32_t now = load(&v->event->word);
    return now & 1 || now >> 1 != v->sets ? OK : BUSY;
}

static void event_raise(struct event *e)
{
    uint32_t seen = load(&e->word);
    do {
        if (seen & 1) return;
    } while (!cas_weak(&e->word, &seen, seen + 3)); /* one more set, and the flag */
    observable_wake(&e->raised, ALL_WAITERS);
}

static PyObject *py_set(PyObject *self, PyObject *Py_UNUSED(none))
{
    if (!handle_usable(self)) return NULL;
    event_raise(event_of(self));
    Py_RETURN_NONE;
}

static PyObject *py_clear(PyObject *self, PyObject *Py_UNUSED(none))
{
    if (!handle_usable(self)) return NULL;
    fetch_and(&event_of(self)->word, ~1u);
    Py_RETURN_NONE;
}

static PyObject *py_is_set(PyObject *self, PyObject *Py_UNUSED(none))
{
    return handle_usable(self) ? PyBool_FromLong(load(&event_of(self)->word) & 1) : NULL;
}

static PyObject *py_wait(PyObject *self, PyObject *args, PyObject *kwargs)
{
    static char *names[] = {"timeout", NULL};
    PyObject *timeout = NULL;
    int64_t deadline;
    if (!PyArg_ParseTupleAndKeywords(args, kwargs, "|O:wait", names, &timeout) || !parse_timeout(timeout, &deadline)
        || !handle_usable(self))
        return NULL;
    struct event *e = event_of(self);
    uint32_t now = load(&e->word);
    if (now & 1) Py_RETURN_TRUE;
    struct waiter v = {e, now >> 1};
    outcome o = wait_on(self, &e->raised.parked, event_attempt, &v, deadline);
    return o < 0 ? raise_outcome(o) : PyBool_FromLong(o == OK);
}

/* _sets(): how often it was set; _passed(sets): whether it is set, or was since then. */
static PyObject *py_sets(PyObject *self, PyObject *Py_UNUSED(none))
{
    return handle_usable(self) ? PyLong_FromUnsignedLong(load(&event_of(self)->word) >> 1) : NULL;
}

static PyObject *py_passed(PyObject *self, PyObject *sets)
{
    if (!handle_usable(self)) return NULL;
    struct waiter v = {event_of(self), (uint32_t)PyLong_AsUnsignedLong(sets)};
    if (PyErr_Occurred()) return NULL;
    return PyBool_FromLong(event_attempt(&v, false) == OK);
}

static PyObject *py_observe(PyObject *self, PyObject *observer)
{
    return handle_usable(self) ? observer_watch(observer, &event_of(self)->raised) : NULL;
}

static PyObject *event_new(PyTypeObject *type, PyObject *args, PyObject *kwargs)
{
    static char *names[] = {"ctx", NULL};
    PyObject *ctx; /* multiprocessing's; nothing depends on it */
    if (!handle_no_arguments(args, kwargs)
        && (!handle_arguments(type, event_new, &args, &kwargs)
            || !PyArg_ParseTupleAndKeywords(args, kwargs, "|$O:Event", names, &ctx)))
        return NULL;
    return handle_create(type, CELL_EVENT, sizeof(struct event));
}

static const char wait_doc[] = "wait($self, /, timeout=None)\n--\n\n"
                               "Wait for the flag.  A signal handler that raises interrupts the wait.\n\n"
                               ":param timeout: seconds; None waits for ever.\n"
                               ":return: whether it was raised; False when the time was up.\n"
                               ":raises TypeError: if timeout is not a number.";
static const char set_doc[] = "set($self, /)\n--\n\nRaise the flag and release all that wait for it.  Does not block.";
static const char clear_doc[] = "clear($self, /)\n--\n\nLower the flag.  Does not block.";
static const char is_set_doc[] = "is_set($self, /)\n--\n\nWhether the flag is raised.  Does not block.";

static PyMethodDef methods[] = {
    {"set", py_set, METH_NOARGS, set_doc},
    {"clear", py_clear, METH_NOARGS, clear_doc},
    {"is_set", py_is_set, METH_NOARGS, is_set_doc},
    {"_sets", py_sets, METH_NOARGS, NULL},
    {"_passed", py_passed, METH_O, NULL},
    {"_observe", py_observe, METH_O, NULL},
    {"wait", (PyCFunction)(void (*)(void))py_wait, METH_VARARGS | METH_KEYWORDS, wait_doc},
    {NULL, NULL, 0, NULL},
};
static PyType_Slot slots[] = {{Py_tp_new, event_new}, {Py_tp_methods, methods}, {0, NULL}};

static const struct cell_field fields[] = {
    {"word", offsetof(struct event, word)}, {"parked", offsetof(struct event, raised.parked)}, {NULL, 0}};
static const struct cell_ops event_ops = {.name = "Event", .fields = fields};

bool event_register(PyObject *module)
{
    cell_ops[CELL_EVENT] = &event_ops;
    return handle_type(module, "processing_core._kernel.Event", CELL_EVENT, sizeof(handle_object), slots, true) != NULL;
}
