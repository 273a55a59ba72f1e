/* The Python type over a priority queue.  Its methods have the signatures of a queue's; the classes above it have
 * the others. */
#include "queues/messages.h"
#include "queues/priority_queue.h"
#include "objects/observer_type.h"
#include "queues/sort_key.h"
#include "arena/errors.h"
#include "objects/arguments.h"
#include "base/private_lock.h"

struct priority_queue_object {
    handle_object base;
    struct spin put_spin, get_spin;
    bool closed;       /* by close(): this handle refuses everything */
    PyObject *failure; /* what the next get raises, for an earlier one could not; NULL or an exception */
};

static struct priority_queue *priority_queue_of(PyObject *self) { return ((handle_object *)self)->block; }
static uint32_t priority_queue_index(PyObject *self) { return id_index(((handle_object *)self)->id); }

static bool usable(PyObject *self)
{
    if (!((struct priority_queue_object *)self)->closed) return handle_usable(self);
    PyErr_Format(error_closed, "Queue %R is closed: after close() this process cannot use it", self);
    return false;
}

/* -- putting -- */

struct putting {
    PyObject *self;
    struct reference *entry;
    uint64_t bytes;
};

static outcome put_attempt(void *ctx, bool look)
{
    struct putting *g = ctx;
    if (!look && !priority_queue_may_put(priority_queue_of(g->self), g->bytes)) return BUSY;
    return priority_queue_put(priority_queue_of(g->self), priority_queue_index(g->self), g->entry, g->bytes, false);
}

/* The parcel is this process's until it is put; where it is not, it goes. */
static outcome put_encoded(PyObject *self, const struct encoding *e, const struct sort_key *key, int64_t deadline)
{
    cell_id id;
    refno ref;
    outcome o = parcel_make_with_key(e, key ? key->bytes : NULL, key ? key->size : 0, &id, &ref);
    if (o != OK) return o;
    struct priority_queue_object *q = (struct priority_queue_object *)self;
    struct priority_queue *p = priority_queue_of(self);
    struct putting g = {self, reference_at(ref), bytes_of(e)};
    o = priority_queue_put(p, priority_queue_index(self), g.entry, g.bytes, true);
    if (o == BUSY && deadline != 0)
        o = park_until_room(&p->not_full.parked, &q->put_spin, put_attempt, &g, deadline, (struct room){1, g.bytes});
    if (o == OK) reference_return(ref);
    else cell_detach(ref);
    return o;
}

/* _put(key, obj, block=True, timeout=None); the sort key of an unordered priority queue is None. */
static PyObject *py_put(PyObject *self, PyObject *const *args, Py_ssize_t nargs, PyObject *kwnames)
{
    int64_t deadline;
    struct sort_key key;
    struct encoding e;
    if (nargs < 2) {
        PyErr_SetString(PyExc_TypeError, "_put() needs a sort key and an object");
        return NULL;
    }
    if (!usable(self) || !parse_waiting("put", args, nargs, kwnames, 2, &deadline)) return NULL;
    bool ordered = priority_queue_of(self)->ordered;
    if (ordered && !sort_key_begin(&key, args[0])) return NULL;
    encoding_begin(&e);
    outcome o = encode(&e, args[1]) ? put_encoded(self, &e, ordered ? &key : NULL, deadline) : E_SIGNAL;
    encoding_end(&e);
    if (ordered) sort_key_end(&key);
    if (o != OK) return raise_put(o);
    Py_RETURN_NONE;
}

/* -- getting -- */

struct getting {
    PyObject *self;
    struct reference *entry;
};

static outcome get_attempt(void *ctx, bool look)
{
    struct getting *g = ctx;
    if (!look && !priority_queue_may_get(priority_queue_of(g->self))) return BUSY;
    return priority_queue_get(priority_queue_of(g->self), priority_queue_index(g->self), g->entry, false);
}

static PyObject *take_failure(PyObject *self)
{
    PyObject *failure;
    LOCKED(self, failure = ((struct priority_queue_object *)self)->failure;
           ((struct priority_queue_object *)self)->failure = NULL);
    return failure;
}

static PyObject *raise_failure(PyObject *failure)
{
    PyErr_SetObject((PyObject *)Py_TYPE(failure), failure);
    Py_DECREF(failure);
    return NULL;
}

static PyObject *py_fail_next(PyObject *self, PyObject *failure)
{
    PyObject *old;
    LOCKED(self, old = ((struct priority_queue_object *)self)->failure;
           ((struct priority_queue_object *)self)->failure = Py_NewRef(failure));
    Py_XDECREF(old);
    Py_RETURN_NONE;
}

static PyObject *py_get(PyObject *self, PyObject *const *args, Py_ssize_t nargs, PyObject *kwnames)
{
    int64_t deadline;
    bool copy;
    refno ref;
    if (!usable(self) || !parse_getting("get", args, nargs, kwnames, 0, &deadline, &copy)) return NULL;
    PyObject *failure = ((struct priority_queue_object *)self)->failure;
#ifdef Py_GIL_DISABLED
    if (failure) failure = take_failure(self); /* NULL: another thread has taken it since */
    if (failure) return raise_failure(failure);
#else
    if (failure) return raise_failure(take_failure(self));
#endif
    outcome o = reference_reserve(&ref);
    if (o != OK) return raise_outcome(o);
    struct priority_queue_object *q = (struct priority_queue_object *)self;
    struct priority_queue *p = priority_queue_of(self);
    struct getting g = {self, reference_at(ref)};
    o = priority_queue_get(p, priority_queue_index(self), g.entry, true);
    if (o == BUSY && deadline != 0) o = park_until(&p->not_empty.parked, &q->get_spin, get_attempt, &g, deadline);
    if (o == OK) return parcel_open(ref, copy);
    reference_return(ref);
    return raise_get(o);
}

/* -- looking, finishing, shutting down -- */

static PyObject *py_qsize(PyObject *self, PyObject *Py_UNUSED(none))
{
    if (!usable(self)) return NULL;
    struct priority_queue *p = priority_queue_of(self);
    return PyLong_FromUnsignedLongLong(load_acquire(&p->state) & PRIORITY_QUEUE_CLOSED_NOW ? 0 : load_acquire(&p->n));
}

static PyObject *py_full(PyObject *self, PyObject *Py_UNUSED(none))
{
    if (!usable(self)) return NULL;
    struct priority_queue *p = priority_queue_of(self);
    bool full = load_acquire(&p->n) >= p->max_items || load_acquire(&p->bytes) >= p->max_bytes;
    return PyBool_FromLong(full && !(load_acquire(&p->state) & PRIORITY_QUEUE_CLOSED_NOW));
}

static PyObject *py_task_done(PyObject *self, PyObject *Py_UNUSED(none))
{
    if (!handle_usable(self)) return NULL;
    if (priority_queue_finish(priority_queue_of(self)) == OK) Py_RETURN_NONE;
    PyErr_SetString(PyExc_ValueError, "task_done() called too many times");
    return NULL;
}

static outcome join_attempt(void *ctx, bool look)
{
    if (!look && !priority_queue_may_join(ctx)) return BUSY;
    return priority_queue_finished(ctx) ? OK : BUSY;
}

static PyObject *py_join(PyObject *self, PyObject *args)
{
    PyObject *timeout = Py_None;
    int64_t deadline;
    if (!PyArg_ParseTuple(args, "|O", &timeout) || !handle_usable(self) || !parse_timeout(timeout, &deadline))
        return NULL;
    struct priority_queue *p = priority_queue_of(self);
    outcome o = park_until(&p->all_finished.parked, &((handle_object *)self)->spin, join_attempt, p, deadline);
    return o == OK || o == BUSY ? PyBool_FromLong(o == OK) : raise_outcome(o);
}

static bool answers(struct priority_queue *p)
{
    return load_acquire(&p->n) || load_acquire(&p->state) & PRIORITY_QUEUE_SHUT;
}

/* _observe(observer, what=0): its key for a get (0), a put (1), a join (2). */
static PyObject *py_observe(PyObject *self, PyObject *args)
{
    PyObject *observer;
    int what = 0;
    if (!PyArg_ParseTuple(args, "O|i:_observe", &observer, &what) || !usable(self)) return NULL;
    struct priority_queue *r = priority_queue_of(self);
    return observer_watch(observer, what == 0 ? &r->not_empty : what == 1 ? &r->not_full : &r->all_finished);
}

/* _watch(observer=None): whether a get would not wait; if it would, the next put or shutdown tells the observer. */
static PyObject *py_watch(PyObject *self, PyObject *args)
{
    PyObject *observer = Py_None;
    if (!PyArg_ParseTuple(args, "|O:_watch", &observer) || !usable(self)) return NULL;
    struct priority_queue *r = priority_queue_of(self);
    if (answers(r)) Py_RETURN_TRUE;
    if (observer == Py_None) Py_RETURN_FALSE;
    PyObject *key = observer_watch(observer, &r->not_empty);
    if (!key) return NULL;
    Py_DECREF(key);
    return PyBool_FromLong(answers(r));
}

static PyObject *py_shutdown(PyObject *self, PyObject *args, PyObject *kwargs)
{
    static char *names[] = {"immediate", NULL};
    int immediate = 0;
    if (!PyArg_ParseTupleAndKeywords(args, kwargs, "|p:shutdown", names, &immediate) || !usable(self)) return NULL;
    PyThreadState *thread = PyEval_SaveThread();
    priority_queue_shut(priority_queue_of(self), immediate);
    while (immediate && priority_queue_discard(priority_queue_of(self), priority_queue_index(self)) == OK) continue;
    PyEval_RestoreThread(thread);
    free_pending(true);
    Py_RETURN_NONE;
}

static PyObject *py_close(PyObject *self, PyObject *Py_UNUSED(none))
{
    ((struct priority_queue_object *)self)->closed = true;
    Py_RETURN_NONE;
}

static PyObject *py_closed(PyObject *self, void *Py_UNUSED(closure))
{
    return PyBool_FromLong(((struct priority_queue_object *)self)->closed);
}

static PyObject *py_is_shutdown(PyObject *self, void *Py_UNUSED(closure))
{
    if (!handle_usable(self)) return NULL;
    return PyBool_FromLong(load_acquire(&priority_queue_of(self)->state) & PRIORITY_QUEUE_SHUT);
}

static PyObject *py_bound(PyObject *self, void *bytes)
{
    if (!handle_usable(self)) return NULL;
    uint64_t bound = bytes ? priority_queue_of(self)->max_bytes : priority_queue_of(self)->max_items;
    return PyLong_FromUnsignedLongLong(bound == UINT64_MAX ? 0 : bound);
}

static PyObject *priority_queue_new(PyTypeObject *type, PyObject *args, PyObject *kwargs)
{
    static char *names[] = {"maxsize", "max_bytes", "ordered", NULL};
    PyObject *items = NULL, *bytes = NULL;
    int ordered = 0;
    uint64_t max_items = UINT64_MAX, max_bytes = UINT64_MAX;
    if (!PyArg_ParseTupleAndKeywords(args, kwargs, "|OOp", names, &items, &bytes, &ordered)) return NULL;
    if (items && !parse_bound(items, "maxsize", true, &max_items)) return NULL;
    if (bytes && !parse_bound(bytes, "max_bytes", false, &max_bytes)) return NULL;
    PyObject *self = handle_create(type, CELL_PRIORITY_QUEUE, sizeof(struct priority_queue));
    if (!self) return NULL;
    struct priority_queue *p = priority_queue_of(self);
    p->max_items = max_items;
    p->max_bytes = max_bytes;
    p->ordered = (uint64_t)ordered;
    cell_ready(((handle_object *)self)->id);
    return self;
}

static void priority_queue_dealloc(PyObject *self)
{
    Py_CLEAR(((struct priority_queue_object *)self)->failure);
    handle_dealloc(self);
}

static PyMethodDef methods[] = {
    {"_put", (PyCFunction)(void (*)(void))py_put, METH_FASTCALL | METH_KEYWORDS, NULL},
    {"_get", (PyCFunction)(void (*)(void))py_get, METH_FASTCALL | METH_KEYWORDS, NULL},
    {"_fail_next", py_fail_next, METH_O, NULL},
    {"_qsize", py_qsize, METH_NOARGS, NULL},
    {"_full", py_full, METH_NOARGS, NULL},
    {"_task_done", py_task_done, METH_NOARGS, NULL},
    {"_join", py_join, METH_VARARGS, NULL},
    {"_watch", py_watch, METH_VARARGS, NULL},
    {"_observe", py_observe, METH_VARARGS, NULL},
    {"_shutdown", (PyCFunction)(void (*)(void))py_shutdown, METH_VARARGS | METH_KEYWORDS, NULL},
    {"_close", py_close, METH_NOARGS, NULL},
    {"__class_getitem__", Py_GenericAlias, METH_O | METH_CLASS, NULL},
    {NULL, NULL, 0, NULL},
};
static PyGetSetDef getset[] = {
    {"_maxsize", py_bound, NULL, NULL, NULL}, {"_max_bytes", py_bound, NULL, NULL, "bytes"},
    {"_closed", py_closed, NULL, NULL, NULL}, {"_is_shutdown", py_is_shutdown, NULL, NULL, NULL},
    {NULL, NULL, NULL, NULL, NULL},
};
static PyType_Slot slots[] = {{Py_tp_new, priority_queue_new},
                              {Py_tp_dealloc, priority_queue_dealloc},
                              {Py_tp_methods, methods},
                              {Py_tp_getset, getset},
                              {0, NULL}};

bool priority_queue_register(PyObject *module)
{
    cell_ops[CELL_PRIORITY_QUEUE] = &priority_queue_ops;
    return handle_type(module, "processing_core._kernel.PriorityQueue", CELL_PRIORITY_QUEUE,
                       sizeof(struct priority_queue_object), slots, true)
        != NULL;
}
