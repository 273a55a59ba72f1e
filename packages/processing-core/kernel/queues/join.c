/* A queue's tasks are its messages: those ever published (`puts`) less those reported as finished (`finished`).
 *
 * `finished` is one word, advanced by one CAS, so there is nothing to undo.  `puts` is stored after the message is
 * visible: it may lack messages that a producer is about to count, or died before it counted them. So before a call is
 * refused by it, `ring_puts` is asked, which is exact. It is never too large. */
#include "queues/join.h"
#include "queues/ring.h"
#include "arena/errors.h"
#include "objects/arguments.h"

static struct ring *ring_of(PyObject *self) { return ((handle_object *)self)->block; }

/* BUSY: every message that was published is finished.
 *
 * `finished` is read before `puts`.  It never passes `puts`, so if the two are equal here, they were equal at a moment in
 * between.  In the other order, others could publish and finish messages in between, and the caller's, which is not
 * finished, would not be seen. */
static outcome advance(struct ring *r, bool exactly)
{
    uint64_t finished;
    do {
        finished = load_acquire(&r->finished);
        preemption_point();
        uint64_t puts = exactly ? ring_puts(r) : load_acquire(&r->puts);
        preemption_point();
        if (finished >= ring_tasks(r, puts)) return BUSY;
    } while (!cas_weak(&r->finished, &finished, finished + 1));
    /* The process that finishes the last message sees that it is the last, because the `puts` that it knows is exact or
     * too small. */
    if (finished + 1 >= ring_tasks(r, load_acquire(&r->puts))) observable_wake(&r->all_finished, ALL_WAITERS);
    return OK;
}

static outcome advance_exactly(struct ring *r)
{
    PyThreadState *thread = PyEval_SaveThread();
    outcome o = advance(r, true);
    PyEval_RestoreThread(thread);
    return o;
}

PyObject *task_done(PyObject *self, PyObject *Py_UNUSED(none))
{
    if (!handle_usable(self)) return NULL;
    struct ring *r = ring_of(self);
    if (advance(r, false) == BUSY && advance_exactly(r) == BUSY) {
        PyErr_SetString(PyExc_ValueError, "task_done() called too many times");
        return NULL;
    }
    Py_RETURN_NONE;
}

/* `finished` is read first: it never passes `puts`, so they were equal at a moment in between. */
static outcome all_finished(void *ctx, bool Py_UNUSED(look))
{
    struct ring *r = ctx;
    uint64_t finished = load(&r->finished);
    return finished >= ring_tasks(r, ring_puts(r)) ? OK : BUSY;
}

PyObject *join_wait(PyObject *self, PyObject *args)
{
    PyObject *timeout = Py_None;
    int64_t deadline;
    if (!PyArg_ParseTuple(args, "|O", &timeout) || !handle_usable(self) || !parse_timeout(timeout, &deadline))
        return NULL;
    struct ring *r = ring_of(self);
    outcome o = park_until(&r->all_finished.parked, &((handle_object *)self)->spin, all_finished, r, deadline);
    return o == OK || o == BUSY ? PyBool_FromLong(o == OK) : raise_outcome(o);
}

PyObject *unfinished(PyObject *self, PyObject *Py_UNUSED(none))
{
    if (!handle_usable(self)) return NULL;
    struct ring *r = ring_of(self);
    PyThreadState *thread = PyEval_SaveThread();
    uint64_t finished = load(&r->finished);
    uint64_t tasks = ring_tasks(r, ring_puts(r));
    PyEval_RestoreThread(thread);
    return PyLong_FromUnsignedLongLong(finished < tasks ? tasks - finished : 0);
}
