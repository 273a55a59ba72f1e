/* A task's wait for a condition, in steps, because it waits in its event loop and not here: see condition.c.
 *
 * The waiter is named by its offset, which is also the key that its observer is told (arena/observers.h). */
#include "sync/condition.h"
#include "arena/errors.h"
#include "objects/observer_type.h"

static struct waiter *waiter_at(PyObject *self, PyObject *offset)
{
    uint64_t at = PyLong_AsUnsignedLongLong(offset);
    return PyErr_Occurred() || !handle_usable(self) ? NULL : waiter_find(self, at);
}

/* _wait_begin(): the waiter, which is also the key that its observer is told; the lock is held. */
static PyObject *py_wait_begin(PyObject *self, PyObject *Py_UNUSED(none))
{
    struct waiter *w;
    if (!condition_held(self, "wait")) return NULL;
    outcome o = waiter_take(self, &w);
    return o == OK ? PyLong_FromUnsignedLongLong(arena_offset(w)) : raise_outcome(o);
}

/* _wait_observe(waiter, observer): whether it is notified; if not, the observer will be told. */
static PyObject *py_wait_observe(PyObject *self, PyObject *args)
{
    PyObject *offset, *observer;
    uint32_t slot;
    if (!PyArg_ParseTuple(args, "OO", &offset, &observer) || !observer_slot(observer, &slot)) return NULL;
    struct waiter *w = waiter_at(self, offset);
    if (!w) return NULL;
    store(&w->observer, slot + 1);
    fence_full();
    condition_pass_on_dead(condition_of(self), true);
    return PyBool_FromLong((load(&w->ticket) & NOTIFIED) != 0);
}

/* _wait_end(waiter, notified): the lock is held again; whether the wait ended by a notification.  None: it did not, as
 * what was seen has been undone. */
static PyObject *py_wait_end(PyObject *self, PyObject *args)
{
    PyObject *offset;
    int notified;
    if (!PyArg_ParseTuple(args, "Op", &offset, &notified)) return NULL;
    struct waiter *w = waiter_at(self, offset);
    if (!w) return NULL;
    outcome o = waiter_leave(w, notified ? OK : BUSY);
    if (o == E_STALE) Py_RETURN_NONE;
    return PyBool_FromLong(o == OK);
}

/* _wait_abandon(waiter): a notification passes on. */
static PyObject *py_wait_abandon(PyObject *self, PyObject *offset)
{
    struct waiter *w = waiter_at(self, offset);
    if (!w) return NULL;
    waiter_abandon(condition_of(self), w);
    Py_RETURN_NONE;
}

static PyMethodDef methods[] = {
    {"_wait_begin", py_wait_begin, METH_NOARGS, NULL},
    {"_wait_observe", py_wait_observe, METH_VARARGS, NULL},
    {"_wait_end", py_wait_end, METH_VARARGS, NULL},
    {"_wait_abandon", py_wait_abandon, METH_O, NULL},
    {NULL, NULL, 0, NULL},
};

/* Adds them to the type that condition.c has made. */
bool condition_task_register(PyObject *module)
{
    PyObject *type = PyObject_GetAttrString(module, "Condition");
    bool added = type != NULL;
    for (PyMethodDef *method = methods; added && method->ml_name; method++) {
        PyObject *descriptor = PyDescr_NewMethod((PyTypeObject *)type, method);
        added = descriptor && PyObject_SetAttrString(type, method->ml_name, descriptor) == 0;
        Py_XDECREF(descriptor);
    }
    Py_XDECREF(type);
    return added;
}
