/* The Python type over a ring: what its users call. */
#include "queues/queue_type.h"
#include "queues/join.h"
#include "objects/observer_type.h"
#include "queues/receive_many.h"
#include "arena/errors.h"
#include "objects/arguments.h"
#include "base/private_lock.h"
#include "cells/ownership.h"

#include <string.h>

/* -- putting -- */

static bool is_object_name(PyObject *name)
{
    return PyUnicode_CompareWithASCIIString(name, "obj") == 0 || PyUnicode_CompareWithASCIIString(name, "item") == 0;
}

/* The object to put: the first argument, or the keyword `obj` (multiprocessing's) or `item` (queue's), which is
 * taken out from among `block` and `timeout` here. */
static PyObject *put_by_keyword(PyObject *self, PyObject *const *args, Py_ssize_t nargs, PyObject *kwnames)
{
    PyObject *object = NULL, *rest[2] = {NULL, NULL}, *names[2] = {NULL, NULL};
    Py_ssize_t n = PyTuple_Size(kwnames), others = 0;
    for (Py_ssize_t i = 0; i < n; i++) {
        PyObject *name = PyTuple_GetItem(kwnames, i);
        if (!object && is_object_name(name)) object = args[nargs + i];
        else if (others < 2) rest[others] = args[nargs + i], names[others++] = name;
        else others++;
    }
    if (!object || nargs > 0 || others > 2) {
        PyErr_SetString(PyExc_TypeError, "put() takes one object (obj), and at most block and timeout");
        return NULL;
    }
    PyObject *named = PyTuple_New(others);
    int64_t deadline;
    uint64_t number;
    for (Py_ssize_t i = 0; named && i < others; i++) PyTuple_SetItem(named, i, Py_NewRef(names[i]));
    bool ok = named && parse_waiting("put", rest, 0, named, 0, &deadline);
    Py_XDECREF(named);
    return ok ? queue_put(self, object, NULL, deadline, &number) : NULL;
}

static PyObject *py_put(PyObject *self, PyObject *const *args, Py_ssize_t nargs, PyObject *kwnames)
{
    int64_t deadline = NO_DEADLINE;
    uint64_t number;
    if (nargs < 1) {
        if (kwnames) return put_by_keyword(self, args, nargs, kwnames);
        PyErr_SetString(PyExc_TypeError, "put() needs the object to put as its first argument");
        return NULL;
    }
    if ((nargs > 1 || kwnames) && !parse_waiting("put", args, nargs, kwnames, 1, &deadline)) return NULL;
    return queue_put(self, args[0], NULL, deadline, &number);
}

static PyObject *py_put_nowait(PyObject *self, PyObject *const *args, Py_ssize_t nargs, PyObject *kwnames)
{
    uint64_t number;
    bool named = nargs == 0 && kwnames && PyTuple_Size(kwnames) == 1 && is_object_name(PyTuple_GetItem(kwnames, 0));
    if (!named && (nargs != 1 || kwnames)) {
        PyErr_SetString(PyExc_TypeError, "put_nowait() takes one argument: the object to put (obj)");
        return NULL;
    }
    return queue_put(self, args[0], NULL, 0, &number);
}

/* All or none, as one operation. */
static PyObject *put_sequence(PyObject *self, PyObject *list, int64_t deadline)
{
    Py_ssize_t n = PyList_Size(list), done = 0;
    struct sending *s = PyMem_Malloc((size_t)(n ? n : 1) * sizeof *s);
    struct outgoing *m = PyMem_Malloc((size_t)(n ? n : 1) * sizeof *m);
    outcome o = E_SIGNAL;
    uint64_t number;
    if (!s || !m) PyErr_NoMemory();
    else
        while (done < n && sending_begin(&s[done], PyList_GetItem(list, done), NULL)) {
            m[done] = s[done].m;
            done++;
        }
    if (s && m && done == n) o = n ? queue_send(self, m, (uint32_t)n, deadline, &number) : OK;
    while (done > 0) sending_end(&s[--done], o == OK);
    PyMem_Free(s);
    PyMem_Free(m);
    if (o != OK) return raise_put(o);
    Py_RETURN_NONE;
}

static PyObject *py_put_many(PyObject *self, PyObject *const *args, Py_ssize_t nargs, PyObject *kwnames)
{
    int64_t deadline;
    if (nargs < 1) {
        PyErr_SetString(PyExc_TypeError, "put_many() needs an iterable as its first argument");
        return NULL;
    }
    if (!queue_usable(self) || !parse_waiting("put_many", args, nargs, kwnames, 1, &deadline)) return NULL;
    PyObject *list = PySequence_List(args[0]);
    if (!list) return NULL;
    PyObject *result = put_sequence(self, list, deadline);
    Py_DECREF(list);
    return result;
}
/* -- getting -- */

/* The first of the rows that an earlier get_many could not return. */
static PyObject *take_leftover(PyObject *self)
{
    PyObject *rows = queue_of(self)->leftover;
    PyObject *row = Py_NewRef(PyList_GetItem(rows, 0));
    if (PyList_SetSlice(rows, 0, 1, NULL) < 0) Py_CLEAR(row);
    if (PyList_Size(rows) == 0) Py_CLEAR(queue_of(self)->leftover);
    PyObject *object = row ? PyTuple_GetItem(row, 1) : NULL;
    bool good = row && PyTuple_GetItem(row, 0) == Py_True;
    if (row && !good) PyErr_SetObject((PyObject *)Py_TYPE(object), object);
    object = good ? Py_NewRef(object) : NULL;
    Py_XDECREF(row);
    return object;
}

#ifdef Py_GIL_DISABLED
/* False: another thread has taken it since it was seen to be there. */
static bool took_leftover(PyObject *self, PyObject **object)
{
    bool there;
    LOCKED(self, if ((there = queue_of(self)->leftover != NULL)) *object = take_leftover(self));
    return there;
}
#endif

static PyObject *get_object(PyObject *self, int64_t deadline, bool copy)
{
    struct receiving r;
    uint64_t header[2];
    if (!queue_usable(self)) return NULL;
#ifdef Py_GIL_DISABLED
    PyObject *object;
    if (queue_of(self)->leftover && took_leftover(self, &object)) return object;
#else
    if (queue_of(self)->leftover) return take_leftover(self);
#endif
    outcome o = queue_receive(self, &r, NULL, &queue_of(self)->gets, deadline);
    r.copy = copy;
    return o == OK ? received_object(&r, header) : raise_get(o);
}

static PyObject *py_get(PyObject *self, PyObject *const *args, Py_ssize_t nargs, PyObject *kwnames)
{
    int64_t deadline = NO_DEADLINE;
    bool copy = false;
    if ((nargs || kwnames) && !parse_getting("get", args, nargs, kwnames, 0, &deadline, &copy)) return NULL;
    return get_object(self, deadline, copy);
}

static PyObject *py_get_nowait(PyObject *self, PyObject *Py_UNUSED(none)) { return get_object(self, 0, false); }

/* Rows that were taken and not returned are for later gets.  Those of another thread may stand there by now.  Locked. */
static bool keep_leftover(PyObject *self, PyObject *rows)
{
    struct queue_object *q = queue_of(self);
    if (PyList_Size(rows) == 0) return true;
    if (!q->leftover) q->leftover = Py_NewRef(rows);
    else return PyList_SetSlice(q->leftover, 0, 0, rows) == 0;
    return true;
}

/* The same, where an exception is set. */
static void keep_after_error(PyObject *self, PyObject *rows)
{
    PyObject *type, *value, *trace;
    PyErr_Fetch(&type, &value, &trace);
    bool kept;
    LOCKED(self, kept = keep_leftover(self, rows));
    if (!kept) PyErr_Clear(); /* no memory: they are lost with this operation */
    PyErr_Restore(type, value, trace);
}

/* The objects of the rows; or, if one of them is an exception, that, and all others are left for later. */
static PyObject *objects_of(PyObject *self, PyObject *rows)
{
    Py_ssize_t n = PyList_Size(rows), bad = 0;
    while (bad < n && PyTuple_GetItem(PyList_GetItem(rows, bad), 0) == Py_True) bad++;
    if (bad < n) {
        PyObject *error = Py_NewRef(PyTuple_GetItem(PyList_GetItem(rows, bad), 1));
        bool kept = PyList_SetSlice(rows, bad, bad + 1, NULL) == 0;
        if (kept) LOCKED(self, kept = keep_leftover(self, rows));
        if (kept) PyErr_SetObject((PyObject *)Py_TYPE(error), error);
        Py_DECREF(error);
        return NULL;
    }
    PyObject *objects = PyList_New(n);
    for (Py_ssize_t i = 0; objects && i < n; i++)
        PyList_SetItem(objects, i, Py_NewRef(PyTuple_GetItem(PyList_GetItem(rows, i), 1)));
    return objects;
}

/* What was left for later, up to the first exception; else what the ring has.  Locked if it was seen to be there; the
 * lock is left while the thread waits.  Nothing is made while rows are moved: before CPython 3.12 the collector could run
 * finalizers then, and another thread take the rows. */
static outcome collect_locked(PyObject *self, PyObject *rows, Py_ssize_t limit, int64_t deadline, bool copy)
{
    PyObject *left = queue_of(self)->leftover;
    if (!left) return queue_receive_many(self, rows, limit, deadline, copy);
    Py_ssize_t n = 0;
    while (n < limit && n < PyList_Size(left) && PyTuple_GetItem(PyList_GetItem(left, n), 0) == Py_True) n++;
    if (n == 0) n = 1;
    bool ok = true;
    for (Py_ssize_t i = 0; ok && i < n; i++) ok = PyList_Append(rows, PyList_GetItem(left, i)) == 0;
    ok = ok && PyList_SetSlice(left, 0, n, NULL) == 0;
    if (PyList_Size(left) == 0) Py_CLEAR(queue_of(self)->leftover);
    if (!ok) return E_SIGNAL;
    if (queue_of(self)->leftover || PyTuple_GetItem(PyList_GetItem(rows, 0), 0) != Py_True) return OK;
    outcome o = n < limit ? queue_receive_many(self, rows, limit, 0, copy) : OK;
    return o == BUSY || o == E_CLOSED ? OK : o;
}

static inline outcome collect_rows(PyObject *self, PyObject *rows, Py_ssize_t limit, int64_t deadline, bool copy)
{
    outcome o;
#ifdef Py_GIL_DISABLED
    if (!queue_of(self)->leftover) return queue_receive_many(self, rows, limit, deadline, copy);
#endif
    LOCKED(self, o = collect_locked(self, rows, limit, deadline, copy));
    return o;
}

static PyObject *py_get_many(PyObject *self, PyObject *const *args, Py_ssize_t nargs, PyObject *kwnames)
{
    int64_t deadline;
    bool copy;
    Py_ssize_t limit = nargs > 0 ? PyNumber_AsSsize_t(args[0], PyExc_OverflowError) : -1;
    if (nargs > 0 && limit == -1 && PyErr_Occurred()) return NULL;
    if (limit < 1) {
        if (nargs == 0) PyErr_SetString(PyExc_TypeError, "get_many() needs a limit as its first argument");
        else PyErr_Format(PyExc_ValueError, "get_many() limit %zd: it must be at least 1", limit);
        return NULL;
    }
    if (!queue_usable(self) || !parse_getting("get_many", args, nargs, kwnames, 1, &deadline, &copy)) return NULL;
    PyObject *rows = PyList_New(0);
    if (!rows) return NULL;
    outcome o = collect_rows(self, rows, limit, deadline, copy);
    PyObject *objects = NULL;
    if (o != OK) {
        raise_get(o);
        keep_after_error(self, rows);
    } else {
        objects = objects_of(self, rows);
    }
    Py_DECREF(rows);
    return objects;
}
/* -- looking -- */

static PyObject *py_qsize(PyObject *self, PyObject *Py_UNUSED(none))
{
    if (!queue_usable(self)) return NULL;
    Py_ssize_t left = 0;
    LOCKED(self, if (queue_of(self)->leftover) left = PyList_Size(queue_of(self)->leftover));
    return PyLong_FromUnsignedLongLong(ring_count(ring_of(self)) + (uint64_t)left);
}

/* As with multiprocessing, a queue that nothing was ever put into is empty after close() too. */
static PyObject *py_empty(PyObject *self, PyObject *Py_UNUSED(none))
{
    if (queue_of(self)->closed && arena_usable() == OK && load_acquire(&ring_of(self)->puts) == 0) Py_RETURN_TRUE;
    if (!queue_usable(self)) return NULL;
    return PyBool_FromLong(!queue_of(self)->leftover && ring_empty(ring_of(self)));
}

static PyObject *py_full(PyObject *self, PyObject *Py_UNUSED(none))
{
    if (!queue_usable(self)) return NULL;
    struct ring *r = ring_of(self);
    return PyBool_FromLong(ring_count(r) >= r->max_items || (ring_bounds_bytes(r) && ring_bytes(r) >= r->max_bytes));
}

/* A get would not wait: there is something, or never will be. */
static bool answers(struct ring *r) { return !ring_empty(r) || load_acquire(&r->state) & RING_SHUT; }

/* _observe(observer, what=0): its key for a get (0), a put (1), a join (2). */
static PyObject *py_observe(PyObject *self, PyObject *args)
{
    PyObject *observer;
    int what = 0;
    if (!PyArg_ParseTuple(args, "O|i:_observe", &observer, &what) || !queue_usable(self)) return NULL;
    struct ring *r = ring_of(self);
    return observer_watch(observer, what == 0 ? &r->not_empty : what == 1 ? &r->not_full : &r->all_finished);
}

/* _watch(observer=None): whether a get would not wait; if it would, the next put or shutdown tells the observer. */
static PyObject *py_watch(PyObject *self, PyObject *args)
{
    PyObject *observer = Py_None;
    if (!PyArg_ParseTuple(args, "|O:_watch", &observer) || !queue_usable(self)) return NULL;
    struct ring *r = ring_of(self);
    if (queue_of(self)->leftover || answers(r)) Py_RETURN_TRUE;
    if (observer == Py_None) Py_RETURN_FALSE;
    PyObject *key = observer_watch(observer, &r->not_empty);
    if (!key) return NULL;
    Py_DECREF(key);
    return PyBool_FromLong(answers(r));
}

/* Throw away what was cancelled; whatever interrupts it, the rest goes with the queue. */
static outcome discard_all(PyObject *self)
{
    struct receiving r;
    outcome o = reference_reserve(&r.ref);
    if (o != OK) return o;
    while (o == OK) {
        r.m = (struct incoming){.data = r.data, .entry = reference_at(r.ref)};
        PyThreadState *thread = PyEval_SaveThread();
        o = ring_discard(ring_of(self), index_of(self), &r.m);
        PyEval_RestoreThread(thread);
        if (o != OK || !(r.m.flags & MESSAGE_PARCEL)) continue;
        cell_detach(r.ref);
        o = reference_reserve(&r.ref);
        if (o != OK) return o;
    }
    reference_return(r.ref);
    return o == BUSY ? OK : o;
}

static PyObject *py_shutdown(PyObject *self, PyObject *args, PyObject *kwargs)
{
    static char *names[] = {"immediate", NULL};
    int immediate = 0;
    if (!PyArg_ParseTupleAndKeywords(args, kwargs, "|p:shutdown", names, &immediate) || !queue_usable(self))
        return NULL;
    PyThreadState *thread = PyEval_SaveThread();
    if (immediate) ring_close_now(ring_of(self));
    else ring_shut(ring_of(self));
    PyEval_RestoreThread(thread);
    outcome o = immediate ? discard_all(self) : OK;
    if (o != OK) return raise_outcome(o);
    Py_RETURN_NONE;
}

/* Of this handle, in this process; a second call does nothing. */
static PyObject *py_close(PyObject *self, PyObject *Py_UNUSED(none))
{
    queue_of(self)->closed = true;
    LOCKED(self, Py_CLEAR(queue_of(self)->leftover));
    Py_RETURN_NONE;
}

static PyObject *py_closed(PyObject *self, void *Py_UNUSED(closure)) { return PyBool_FromLong(queue_of(self)->closed); }

static PyObject *py_is_shutdown(PyObject *self, void *Py_UNUSED(closure))
{
    if (!handle_usable(self)) return NULL;
    return PyBool_FromLong(load_acquire(&ring_of(self)->state) & RING_SHUT);
}

static PyObject *py_max_bytes(PyObject *self, void *Py_UNUSED(closure))
{
    if (!handle_usable(self)) return NULL;
    return PyLong_FromUnsignedLongLong(ring_bounds_bytes(ring_of(self)) ? ring_of(self)->max_bytes : 0);
}

static PyObject *py_max_items(PyObject *self, void *Py_UNUSED(closure))
{
    if (!handle_usable(self)) return NULL;
    uint64_t n = ring_of(self)->max_items;
    return PyLong_FromUnsignedLongLong(n == UINT64_MAX ? 0 : n);
}

static PyObject *queue_new(PyTypeObject *type, PyObject *args, PyObject *kwargs)
{
    static char *names[] = {"maxsize", "max_bytes", "ctx", NULL};
    PyObject *items = NULL, *bytes = NULL, *ctx; /* which is multiprocessing's; nothing depends on it */
    uint64_t max_items = UINT64_MAX, max_bytes = UINT64_MAX;
    if (!handle_arguments(type, queue_new, &args, &kwargs)
        || !PyArg_ParseTupleAndKeywords(args, kwargs, "|OO$O", names, &items, &bytes, &ctx))
        return NULL;
    if (items && !parse_bound(items, "maxsize", true, &max_items)) return NULL;
    if (bytes && !parse_bound(bytes, "max_bytes", false, &max_bytes)) return NULL;
    PyObject *self = handle_create(type, CELL_RING, sizeof(struct ring));
    if (!self) return NULL;
    outcome o = ring_make(((handle_object *)self)->id, max_items, max_bytes);
    if (o == OK) return self;
    Py_DECREF(self);
    return raise_outcome(o);
}

static destructor base_dealloc; /* Handle's */

static void queue_dealloc(PyObject *self)
{
    Py_CLEAR(queue_of(self)->leftover);
    base_dealloc(self);
}

static const char put_doc[] =
    "put($self, /, obj, block=True, timeout=None)\n--\n\n"
    "Put an object.  Blocks while the queue is full; an unbounded queue is never full.\n\n"
    "The object is pickled here and now, so what cannot be pickled raises in the caller and the queue is as before.\n"
    "Process- and thread-safe; a signal handler that raises interrupts the wait, and then nothing was put.  The\n"
    "objects of one producer arrive in the order in which it put them.\n\n"
    ":param block: whether to wait for room.\n"
    ":param timeout: seconds; None waits for ever.\n"
    ":raises queue.Full: if there was no room in time.\n"
    ":raises ShutDown: if the queue was shut down.\n"
    ":raises ClosedError: if it was closed in this process.\n"
    ":raises MemoryError: if the family's arena is full.\n"
    ":raises Exception: what pickling the object raises.";
static const char get_doc[] =
    "get($self, /, block=True, timeout=None, *, copy=False)\n--\n\n"
    "Take an object.  Blocks while the queue is empty.\n\n"
    "Process- and thread-safe; a signal handler that raises interrupts the wait, and then nothing was taken.\n\n"
    "A large buffer in the object, such as a NumPy array, is not copied: the object refers to shared memory, which it\n"
    "alone refers to, and which is freed with the last view of it.\n\n"
    ":param block: whether to wait for one.\n"
    ":param timeout: seconds; None waits for ever.\n"
    ":param copy: whether to copy such a buffer into this process's own memory.\n"
    ":raises queue.Empty: if none came in time.\n"
    ":raises ShutDown: if the queue was shut down and is empty.\n"
    ":raises ClosedError: if the queue was closed in this process.\n"
    ":raises Exception: what unpickling the object raises; the next call takes the next one.";
static const char put_nowait_doc[] =
    "put_nowait($self, /, obj)\n--\n\nPut an object without waiting: put(obj, False).\n\n"
    ":raises queue.Full: if there is no room.";
static const char get_nowait_doc[] = "get_nowait($self, /)\n--\n\nTake an object without waiting: get(False).\n\n"
                                     ":raises queue.Empty: if there is none.";
static const char put_many_doc[] = "put_many($self, objs, /, block=True, timeout=None)\n--\n\n"
                                   "Put several objects as one operation: all of them, side by side, or none.\n\n"
                                   "Otherwise as put().  More objects than maxsize wait until the queue is empty.\n\n"
                                   ":param objs: an iterable.\n"
                                   ":raises queue.Full: if there was no room for all in time.";
static const char get_many_doc[] = "get_many($self, limit, /, block=True, timeout=None, *, copy=False)\n--\n\n"
                                   "Take what is there, at most limit objects.  Blocks while the queue is empty.\n\n"
                                   "Otherwise as get(), and one operation: a process that is killed in it loses at "
                                   "most what it took.  When an object cannot be\n"
                                   "unpickled, that is raised, and the next calls return what else was taken.\n\n"
                                   ":param limit: how many at most; at least 1.\n"
                                   ":return: a list of one object or more.\n"
                                   ":raises queue.Empty: if none came in time.";
static const char qsize_doc[] = "qsize($self, /)\n--\n\nHow many objects are in the queue; by the time you know it may "
                                "be otherwise.  Does not block.";
static const char empty_doc[] =
    "empty($self, /)\n--\n\nWhether the queue is empty; False as soon as a put has returned.  Does not block.";
static const char full_doc[] = "full($self, /)\n--\n\nWhether a put would have to wait.  Does not block.";
static const char close_doc[] =
    "close($self, /)\n--\n\n"
    "Refuse every later use of this queue in this process; other processes are not concerned.\n\n"
    "What was put is in shared memory already and will be got.  Does not block; a second call does nothing.";

static const char shutdown_doc[] =
    "shutdown($self, /, immediate=False)\n--\n\n"
    "Let every later put() of every process raise ShutDown, and get() as soon as the queue is empty.\n\n"
    "Those that wait now are woken.  Does not block; process- and thread-safe.  With immediate=True every get() raises "
    "at\n"
    "once, and what is in the queue is thrown away and counts as dealt with, so that join() waits only for what was "
    "got:\n"
    "that is decided in one instant, and no death in the middle leaves it half done.\n\n"
    ":param immediate: whether to throw away what is in the queue.\n"
    ":raises ClosedError: if the queue was closed in this process.";

static PyMethodDef methods[] = {
    {"put", (PyCFunction)(void (*)(void))py_put, METH_FASTCALL | METH_KEYWORDS, put_doc},
    {"get", (PyCFunction)(void (*)(void))py_get, METH_FASTCALL | METH_KEYWORDS, get_doc},
    {"put_nowait", (PyCFunction)(void (*)(void))py_put_nowait, METH_FASTCALL | METH_KEYWORDS, put_nowait_doc},
    {"get_nowait", py_get_nowait, METH_NOARGS, get_nowait_doc},
    {"put_many", (PyCFunction)(void (*)(void))py_put_many, METH_FASTCALL | METH_KEYWORDS, put_many_doc},
    {"get_many", (PyCFunction)(void (*)(void))py_get_many, METH_FASTCALL | METH_KEYWORDS, get_many_doc},
    {"qsize", py_qsize, METH_NOARGS, qsize_doc},
    {"empty", py_empty, METH_NOARGS, empty_doc},
    {"full", py_full, METH_NOARGS, full_doc},
    {"shutdown", (PyCFunction)(void (*)(void))py_shutdown, METH_VARARGS | METH_KEYWORDS, shutdown_doc},
    {"_watch", py_watch, METH_VARARGS, NULL},
    {"_observe", py_observe, METH_VARARGS, NULL},
    {"_task_done", task_done, METH_NOARGS, NULL},
    {"_unfinished", unfinished, METH_NOARGS, NULL},
    {"_join", join_wait, METH_VARARGS, NULL},
    {"close", py_close, METH_NOARGS, close_doc},
    {"__class_getitem__", Py_GenericAlias, METH_O | METH_CLASS, NULL},
    {NULL, NULL, 0, NULL},
};
static PyGetSetDef getset[] = {
    {"_maxsize", py_max_items, NULL, NULL, NULL},
    {"_max_bytes", py_max_bytes, NULL, NULL, NULL},
    {"is_shutdown", py_is_shutdown, NULL, "Whether it was shut down, by any process.  Does not block.", NULL},
    {"_closed", py_closed, NULL, NULL, NULL},
    {NULL, NULL, NULL, NULL, NULL},
};
static PyType_Slot slots[] = {{Py_tp_new, queue_new},
                              {Py_tp_dealloc, queue_dealloc},
                              {Py_tp_methods, methods},
                              {Py_tp_getset, getset},
                              {0, NULL}};

static PyTypeObject *queue_type;

PyTypeObject *queue_subtype(PyObject *module, const char *name, PyTypeObject *base, PyMethodDef *methods)
{
    PyType_Slot subslots[] = {{Py_tp_methods, methods}, {0, NULL}};
    return handle_subtype(module, name, base ? base : queue_type, subslots);
}

bool queue_check(PyObject *object)
{
    if (PyObject_TypeCheck(object, queue_type)) return true;
    PyErr_Format(PyExc_TypeError, "%R is no queue of the kernel's", object);
    return false;
}

bool queue_register(PyObject *module)
{
    cell_ops[CELL_RING] = &ring_ops;
    PyTypeObject *type = queue_type =
        handle_type(module, "processing_core._kernel.Queue", CELL_RING, sizeof(struct queue_object), slots, true);
    if (type)
        base_dealloc = (destructor)PyType_GetSlot((PyTypeObject *)PyType_GetSlot(type, Py_tp_base), Py_tp_dealloc);
    return type != NULL;
}
