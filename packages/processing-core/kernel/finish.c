/* A queue's tasks are its messages: those ever published (`puts`) less those said to be finished (`finished`).
 *
 * `finished` is one word, advanced by one CAS, so there is nothing to undo.  `puts` is stored after the message is
 * visible: it may be short by what a producer is about to count, or has died before counting.  So what it seems to
 * forbid is asked again of `ring_puts`, which is exact.  It never is too large. */
#include "finish.h"
#include "ring.h"

static struct ring *ring_of(PyObject *self) { return ((handle_object *)self)->block; }

/* BUSY: every message that was published is finished. */
static outcome advance(struct ring *r, uint64_t puts)
{
    uint64_t finished = atomic_load(&r->finished);
    do {
        if (finished >= ring_tasks(r, puts)) return BUSY;
    } while (!atomic_compare_exchange_weak(&r->finished, &finished, finished + 1));
    /* Whoever finishes the last one sees that it is, for it knows `puts`, or less. */
    if (finished + 1 >= ring_tasks(r, load_acquire(&r->puts))) park_wake(&r->all_finished, ALL_WAITERS);
    return OK;
}

static outcome advance_exactly(struct ring *r)
{
    PyThreadState *thread = PyEval_SaveThread();
    outcome o = advance(r, ring_puts(r));
    PyEval_RestoreThread(thread);
    return o;
}

PyObject *finish_one(PyObject *self, PyObject *Py_UNUSED(none))
{
    if (!handle_usable(self)) return NULL;
    struct ring *r = ring_of(self);
    if (advance(r, load_acquire(&r->puts)) == BUSY && advance_exactly(r) == BUSY) {
        PyErr_SetString(PyExc_ValueError, "task_done() called too many times");
        return NULL;
    }
    Py_RETURN_NONE;
}

/* `finished` is read first: it never passes `puts`, so they were equal at a moment in between. */
static outcome all_finished(void *ctx, bool Py_UNUSED(look))
{
    struct ring *r = ctx;
    uint64_t finished = atomic_load(&r->finished);
    return finished >= ring_tasks(r, ring_puts(r)) ? OK : BUSY;
}

PyObject *finish_wait(PyObject *self, PyObject *args)
{
    PyObject *timeout = Py_None;
    int64_t deadline;
    if (!PyArg_ParseTuple(args, "|O", &timeout) || !handle_usable(self) || !parse_timeout(timeout, &deadline)) return NULL;
    struct ring *r = ring_of(self);
    outcome o = park_until(&r->all_finished, &((handle_object *)self)->spin, all_finished, r, deadline);
    return o == OK || o == BUSY ? PyBool_FromLong(o == OK) : raise_outcome(o);
}
