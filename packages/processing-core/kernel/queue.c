/* The Python type over a ring: objects in, objects out.
 *
 * Encoding, which may run any user code, is done before the ring is touched; decoding after.  A first try holds the
 * GIL, for a ring that is neither contended nor full takes 50 ns; all waiting is done without it. */
#include "claims.h"
#include "finish.h"
#include "parcel.h"
#include "ring.h"

#include <string.h>

#define LONGEST_INLINE (INLINE_MAX - 24)
#define BATCH 64

struct queue_object {
    handle_object base;
    struct spin put_spin, get_spin;
    bool closed;        /* by close(): this handle refuses everything.  One test of a byte that is in the cache anyway */
    PyObject *leftover; /* what get_many took before the item that could not be unpickled; NULL or a list */
};

static struct ring *ring_of(PyObject *self) { return ((handle_object *)self)->block; }
static uint32_t index_of(PyObject *self) { return id_index(((handle_object *)self)->id); }
static struct queue_object *queue_of(PyObject *self) { return (struct queue_object *)self; }

static bool usable(PyObject *self)
{
    if (!queue_of(self)->closed) return handle_usable(self);
    PyErr_Format(error_closed, "Queue %R is closed: after close() this process cannot use it", self);
    return false;
}

static PyObject *raise_from_queue(const char *name)
{
    PyObject *module = PyImport_ImportModule("queue");
    PyObject *error = module ? PyObject_GetAttrString(module, name) : NULL;
    if (error) PyErr_SetNone(error);
    Py_XDECREF(error);
    Py_XDECREF(module);
    return NULL;
}

static PyObject *raise_put(outcome o)
{
    return o == BUSY ? raise_from_queue("Full") : raise_outcome(o);
}

static PyObject *raise_get(outcome o)
{
    return o == BUSY ? raise_from_queue("Empty") : raise_outcome(o);
}

/* -- one object on its way into the ring -- */

struct sending {
    struct encoding e;
    struct outgoing m;
    refno ref;
};

static bool sending_begin(struct sending *s, PyObject *object, const uint64_t *header)
{
    memset(&s->m, 0, sizeof s->m);
    s->ref = NO_REF;
    encoding_begin(&s->e);
    if (!encode(&s->e, object)) {
        encoding_end(&s->e);
        return false;
    }
    if (s->e.refs.n || encoding_size(&s->e) > LONGEST_INLINE) {
        outcome o = parcel_make(&s->e, &s->m.prefix[0], &s->ref);
        if (o != OK) {
            encoding_end(&s->e);
            raise_outcome(o);
            return false;
        }
        s->m.flags = MESSAGE_PARCEL;
        s->m.prefix_size = 8;
        s->m.ref = reference_at(s->ref);
    } else {
        s->m.head = s->e.head;
        s->m.head_size = (uint32_t)s->e.head_size;
        s->m.tail = s->e.tail;
        s->m.tail_size = (uint32_t)s->e.tail_size;
    }
    if (header) {
        memcpy((uint8_t *)s->m.prefix + s->m.prefix_size, header, 16);
        s->m.prefix_size += 16;
        s->m.flags |= MESSAGE_HEADED;
    }
    return true;
}

/* After a put the ring owns the parcel, and the entry is free again; without one the parcel goes. */
static void sending_end(struct sending *s, bool put)
{
    encoding_end(&s->e);
    if (s->ref == NO_REF) return;
    if (put) reference_return(s->ref);
    else cell_detach(s->ref);
}

struct put_attempt {
    struct ring *ring;
    uint32_t index, n;
    const struct outgoing *messages;
    uint64_t number;
};

static outcome put_attempt(void *ctx, bool look)
{
    struct put_attempt *a = ctx;
    if (look) ring_look(a->ring);
    return ring_put(a->ring, a->index, a->messages, a->n, false, &a->number);
}

static outcome put_messages(PyObject *self, const struct outgoing *m, uint32_t n, int64_t deadline, uint64_t *number)
{
    struct put_attempt a = {ring_of(self), index_of(self), n, m, 0};
    outcome o = ring_put(a.ring, a.index, m, n, true, &a.number);
    if (o == BUSY && deadline == 0) {
        PyThreadState *thread = PyEval_SaveThread();
        o = put_attempt(&a, true);
        PyEval_RestoreThread(thread);
    } else if (o == BUSY) {
        o = park_until(&a.ring->not_full, &((struct queue_object *)self)->put_spin, put_attempt, &a, deadline);
    }
    *number = a.number;
    return o;
}

static PyObject *put_object(PyObject *self, PyObject *object, const uint64_t *header, int64_t deadline, uint64_t *number)
{
    struct sending s;
    if (!usable(self) || !sending_begin(&s, object, header)) return NULL;
    outcome o = put_messages(self, &s.m, 1, deadline, number);
    sending_end(&s, o == OK);
    if (o != OK) return raise_put(o);
    Py_RETURN_NONE;
}

static bool is_object_name(PyObject *name)
{
    return PyUnicode_CompareWithASCIIString(name, "obj") == 0 || PyUnicode_CompareWithASCIIString(name, "item") == 0;
}

/* The object to put: the first argument, or the keyword `obj` (multiprocessing's) or `item` (queue's), which is taken out
 * from among `block` and `timeout` here. */
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
    return ok ? put_object(self, object, NULL, deadline, &number) : NULL;
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
    return put_object(self, args[0], NULL, deadline, &number);
}

static PyObject *py_put_nowait(PyObject *self, PyObject *const *args, Py_ssize_t nargs, PyObject *kwnames)
{
    uint64_t number;
    bool named = nargs == 0 && kwnames && PyTuple_Size(kwnames) == 1 && is_object_name(PyTuple_GetItem(kwnames, 0));
    if (!named && (nargs != 1 || kwnames)) {
        PyErr_SetString(PyExc_TypeError, "put_nowait() takes one argument: the object to put (obj)");
        return NULL;
    }
    return put_object(self, args[0], NULL, 0, &number);
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
    if (s && m && done == n) o = n ? put_messages(self, m, (uint32_t)n, deadline, &number) : OK;
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
    if (!usable(self) || !parse_waiting("put_many", args, nargs, kwnames, 1, &deadline)) return NULL;
    PyObject *list = PySequence_List(args[0]);
    if (!list) return NULL;
    PyObject *result = put_sequence(self, list, deadline);
    Py_DECREF(list);
    return result;
}

/* -- one object on its way out -- */

struct receiving {
    struct incoming m;
    refno ref;
    uint8_t data[INLINE_MAX];
};

struct get_attempt {
    struct ring *ring;
    uint32_t index;
    struct incoming *message;
};

static outcome get_attempt(void *ctx, bool look)
{
    struct get_attempt *a = ctx;
    if (look) ring_look(a->ring);
    return ring_get(a->ring, a->index, a->message, false);
}

static outcome receive(PyObject *self, struct receiving *r, struct claim *claim, int64_t deadline)
{
    outcome o = reference_reserve(&r->ref);
    if (o != OK) return o;
    r->m = (struct incoming){.data = r->data, .entry = reference_at(r->ref), .claim = claim};
    struct get_attempt a = {ring_of(self), index_of(self), &r->m};
    o = ring_get(a.ring, a.index, &r->m, true);
    if (o == BUSY && deadline == 0) {
        PyThreadState *thread = PyEval_SaveThread();
        o = get_attempt(&a, true);
        PyEval_RestoreThread(thread);
    } else if (o == BUSY) {
        o = park_until_alone(&a.ring->not_empty, &a.ring->spinner, &((struct queue_object *)self)->get_spin, get_attempt, &a,
                             deadline);
        ring_pass_on(a.ring);
    }
    if (o != OK || !(r->m.flags & MESSAGE_PARCEL)) reference_return(r->ref);
    return o;
}

/* The object; `header` (two numbers) is filled in if the message has one. */
static PyObject *received_object(struct receiving *r, uint64_t header[2])
{
    size_t at = r->m.flags & MESSAGE_PARCEL ? 8 : 0;
    if (r->m.flags & MESSAGE_HEADED) {
        memcpy(header, r->data + at, 16);
        at += 16;
    }
    if (r->m.flags & MESSAGE_PARCEL) return parcel_open(r->ref);
    bool kept;
    PyObject *object = decode(r->data + at, r->m.size - at, &kept);
    if (object == NULL || !kept) return object;
    Py_DECREF(object); /* it looks into this stack frame: no unpickler of ours does that */
    PyErr_SetString(PyExc_BufferError, "an unpickled object kept a view of its message");
    return NULL;
}

/* The first of what an unlucky get_many left. */
static PyObject *take_leftover(PyObject *self)
{
    PyObject *list = queue_of(self)->leftover;
    PyObject *first = Py_NewRef(PyList_GetItem(list, 0));
    if (PyList_SetSlice(list, 0, 1, NULL) < 0) Py_CLEAR(first);
    if (PyList_Size(list) == 0) Py_CLEAR(queue_of(self)->leftover);
    return first;
}

static PyObject *get_object(PyObject *self, int64_t deadline)
{
    struct receiving r;
    uint64_t header[2];
    if (!usable(self)) return NULL;
    if (queue_of(self)->leftover) return take_leftover(self);
    outcome o = receive(self, &r, NULL, deadline);
    return o == OK ? received_object(&r, header) : raise_get(o);
}

static PyObject *py_get(PyObject *self, PyObject *const *args, Py_ssize_t nargs, PyObject *kwnames)
{
    int64_t deadline = NO_DEADLINE;
    if ((nargs || kwnames) && !parse_waiting("get", args, nargs, kwnames, 0, &deadline)) return NULL;
    return get_object(self, deadline);
}

static PyObject *py_get_nowait(PyObject *self, PyObject *Py_UNUSED(none)) { return get_object(self, 0); }

/* Append up to `limit` objects; waits for the first only.  False with an exception, and what came before it stays. */
static bool get_into(PyObject *list, PyObject *self, Py_ssize_t limit, int64_t deadline)
{
    struct receiving r;
    uint64_t header[2];
    for (Py_ssize_t i = 0; i < limit; i++) {
        PyObject *object;
        if (queue_of(self)->leftover) {
            object = take_leftover(self);
        } else {
            if (i > 0 && ring_empty(ring_of(self))) break;
            outcome o = receive(self, &r, NULL, i ? 0 : deadline);
            if (i > 0 && (o == BUSY || o == E_CLOSED)) break; /* another consumer was quicker */
            object = o == OK ? received_object(&r, header) : raise_get(o);
        }
        bool ok = object && PyList_Append(list, object) == 0;
        Py_XDECREF(object);
        if (!ok) return false;
    }
    return true;
}

/* What was taken is not lost when a later item cannot be unpickled: the next get has it. */
static void keep_leftover(PyObject *self, PyObject *list)
{
    struct queue_object *q = queue_of(self);
    if (PyList_Size(list) == 0) return;
    if (q->leftover) { /* of another thread: its items came later or earlier, nobody can tell */
        Py_ssize_t n = PyList_Size(q->leftover);
        PyList_SetSlice(q->leftover, n, n, list);
    } else {
        q->leftover = Py_NewRef(list);
    }
}

static PyObject *py_get_many(PyObject *self, PyObject *const *args, Py_ssize_t nargs, PyObject *kwnames)
{
    int64_t deadline;
    Py_ssize_t limit = nargs > 0 ? PyLong_AsSsize_t(args[0]) : -1;
    if (nargs > 0 && limit == -1 && PyErr_Occurred()) return NULL;
    if (limit < 1) {
        if (nargs == 0) PyErr_SetString(PyExc_TypeError, "get_many() needs a limit as its first argument");
        else PyErr_Format(PyExc_ValueError, "get_many() limit %zd: it must be at least 1", limit);
        return NULL;
    }
    if (!usable(self) || !parse_waiting("get_many", args, nargs, kwnames, 1, &deadline)) return NULL;
    PyObject *list = PyList_New(0);
    if (!list || get_into(list, self, limit, deadline)) return list;
    PyObject *type, *value, *trace;
    PyErr_Fetch(&type, &value, &trace);
    keep_leftover(self, list);
    Py_DECREF(list);
    PyErr_Restore(type, value, trace);
    return NULL;
}

/* -- for pools: messages with two numbers of the sender's, which are readable even where the object is not -- */

static PyObject *py_send(PyObject *self, PyObject *args)
{
    unsigned long long a, b;
    PyObject *object;
    if (!PyArg_ParseTuple(args, "KKO", &a, &b, &object)) return NULL;
    uint64_t header[2] = {a, b}, number;
    PyObject *none = put_object(self, object, header, NO_DEADLINE, &number);
    if (!none) return NULL;
    Py_DECREF(none);
    return PyLong_FromUnsignedLongLong(number);
}

static bool add_failure(PyObject *failures, uint64_t number)
{
    PyObject *type, *value, *trace;
    PyErr_Fetch(&type, &value, &trace);
    PyErr_NormalizeException(&type, &value, &trace);
    if (value && trace) PyException_SetTraceback(value, trace);
    PyObject *row = Py_BuildValue("KO", (unsigned long long)number, value ? value : Py_None);
    bool ok = row && PyList_Append(failures, row) == 0;
    Py_XDECREF(row), Py_XDECREF(type), Py_XDECREF(value), Py_XDECREF(trace);
    return ok;
}

static bool is_fatal(void) { return !PyErr_ExceptionMatches(PyExc_Exception); }

/* Publish up to BATCH objects of the list from `*i` on, and move `*i` behind what was published or left out. */
static bool send_batch(PyObject *self, const uint64_t header[2], PyObject *list, Py_ssize_t *i, PyObject *failures)
{
    struct sending s[BATCH];
    struct outgoing m[BATCH];
    uint32_t n = 0;
    uint64_t number;
    Py_ssize_t at = *i;
    bool going = true;
    for (; going && n < BATCH && at < PyList_Size(list); at++) {
        uint64_t numbers[2] = {header[0], header[1] + (uint64_t)at};
        PyObject *object = Py_NewRef(PyList_GetItem(list, at));
        bool ok = sending_begin(&s[n], object, numbers);
        Py_DECREF(object);
        if (ok) {
            m[n] = s[n].m;
            n++;
        } else {
            going = !is_fatal() && add_failure(failures, numbers[1]);
        }
    }
    outcome o = going && n ? put_messages(self, m, n, NO_DEADLINE, &number) : OK;
    for (uint32_t k = 0; k < n; k++) sending_end(&s[k], going && o == OK);
    if (!going) return false;
    if (o != OK) return raise_put(o) != NULL;
    *i = at;
    return true;
}

/* send_many(a, b, list, progress=None, failures=None): (a, b + i, list[i]) for every i.  What cannot be pickled is left
 * out, and (b + i, exception) appended to `failures`, which is returned.  After each batch `progress[0]` becomes the
 * next number to send: whatever is raised, one can go on from there. */
static PyObject *py_send_many(PyObject *self, PyObject *args)
{
    unsigned long long header[2];
    PyObject *list, *progress = NULL, *given = NULL;
    if (!PyArg_ParseTuple(args, "KKO!|O!O!", &header[0], &header[1], &PyList_Type, &list, &PyList_Type, &progress,
                          &PyList_Type, &given))
        return NULL;
    if (!usable(self)) return NULL;
    PyObject *failures = given ? Py_NewRef(given) : PyList_New(0);
    uint64_t numbers[2] = {header[0], header[1]};
    for (Py_ssize_t i = 0; failures && i < PyList_Size(list);) {
        bool ok = send_batch(self, numbers, list, &i, failures);
        PyObject *next = ok && progress ? PyLong_FromUnsignedLongLong(numbers[1] + (uint64_t)i) : NULL;
        if (!ok || (progress && (!next || PyList_SetItem(progress, 0, next) < 0))) Py_CLEAR(failures);
    }
    return failures;
}

/* (a, b, number, ok, object), or with ok False the exception that decoding raised. */
static PyObject *received_row(struct receiving *r)
{
    uint64_t header[2] = {0, 0};
    PyObject *object = received_object(r, header);
    PyObject *ok = object ? Py_True : Py_False;
    if (!object) {
        PyObject *type, *trace;
        PyErr_Fetch(&type, &object, &trace);
        PyErr_NormalizeException(&type, &object, &trace);
        if (trace) PyException_SetTraceback(object, trace);
        Py_XDECREF(type), Py_XDECREF(trace);
    }
    return Py_BuildValue("KKKON", (unsigned long long)header[0], (unsigned long long)header[1],
                         (unsigned long long)r->m.number, ok, object);
}

/* receive(timeout=None, claims=None, place=0): raises queue.Empty at the deadline. */
static PyObject *py_receive(PyObject *self, PyObject *args)
{
    PyObject *timeout = Py_None, *claims = Py_None;
    Py_ssize_t place = 0;
    int64_t deadline;
    struct receiving r;
    if (!PyArg_ParseTuple(args, "|OOn", &timeout, &claims, &place) || !usable(self)) return NULL;
    if (!parse_timeout(timeout, &deadline)) return NULL;
    struct claim *claim = NULL;
    if (claims != Py_None && !(claim = claim_at(claims, place))) return NULL;
    outcome o = receive(self, &r, claim, deadline);
    return o == OK ? received_row(&r) : raise_get(o);
}

/* An interrupt that came while a row was unpickled belongs to this thread, not to that row alone: raise it as well. */
static bool raise_if_interrupt(PyObject *row)
{
    PyObject *object = PyTuple_GetItem(row, 4);
    if (PyTuple_GetItem(row, 3) == Py_True || PyObject_IsInstance(object, PyExc_Exception) != 0) return false;
    PyErr_SetObject((PyObject *)Py_TYPE(object), object);
    return true;
}

/* Append up to `limit` rows; waits for the first only. */
static bool receive_into(PyObject *list, PyObject *self, Py_ssize_t limit, int64_t deadline)
{
    struct receiving r;
    for (Py_ssize_t i = 0; i < limit; i++) {
        if (i > 0 && ring_empty(ring_of(self))) break;
        outcome o = receive(self, &r, NULL, i ? 0 : deadline);
        if (o == BUSY || (o == E_CLOSED && i > 0)) break;
        PyObject *row = o == OK ? received_row(&r) : raise_outcome(o);
        bool ok = row && PyList_Append(list, row) == 0 && !raise_if_interrupt(row);
        Py_XDECREF(row);
        if (!ok) return false;
    }
    return true;
}

/* receive_many(limit, timeout=None, into=None): rows are appended to the list `into`, where they are safe whatever
 * is raised on the way back to the caller. */
static PyObject *py_receive_many(PyObject *self, PyObject *args)
{
    PyObject *timeout = Py_None, *into = Py_None;
    Py_ssize_t limit;
    int64_t deadline;
    if (!PyArg_ParseTuple(args, "n|OO", &limit, &timeout, &into) || !usable(self)) return NULL;
    if (!parse_timeout(timeout, &deadline)) return NULL;
    PyObject *list = into == Py_None ? PyList_New(0) : Py_NewRef(into);
    if (list && !receive_into(list, self, limit, deadline)) Py_CLEAR(list);
    return list;
}

/* -- looking -- */

static PyObject *py_qsize(PyObject *self, PyObject *Py_UNUSED(none))
{
    if (!usable(self)) return NULL;
    Py_ssize_t left = queue_of(self)->leftover ? PyList_Size(queue_of(self)->leftover) : 0;
    return PyLong_FromUnsignedLongLong(ring_count(ring_of(self)) + (uint64_t)left);
}

static PyObject *py_empty(PyObject *self, PyObject *Py_UNUSED(none))
{
    if (!usable(self)) return NULL;
    return PyBool_FromLong(!queue_of(self)->leftover && ring_empty(ring_of(self)));
}

static PyObject *py_full(PyObject *self, PyObject *Py_UNUSED(none))
{
    if (!usable(self)) return NULL;
    struct ring *r = ring_of(self);
    uint64_t bytes = load_acquire(&r->tail) - load_acquire(&r->head);
    return PyBool_FromLong(ring_count(r) >= r->max_items || (r->max_bytes != UINT64_MAX && bytes >= r->max_bytes));
}

static PyObject *py_shut(PyObject *self, PyObject *Py_UNUSED(none))
{
    if (!usable(self)) return NULL;
    PyThreadState *thread = PyEval_SaveThread();
    ring_shut(ring_of(self));
    PyEval_RestoreThread(thread);
    Py_RETURN_NONE;
}

/* settle(): from now on the claims of dead takers are exact. */
static PyObject *py_settle(PyObject *self, PyObject *Py_UNUSED(none))
{
    if (!usable(self)) return NULL;
    PyThreadState *thread = PyEval_SaveThread();
    ring_settle(ring_of(self));
    PyEval_RestoreThread(thread);
    Py_RETURN_NONE;
}

/* Of this handle, in this process; a second call does nothing. */
static PyObject *py_close(PyObject *self, PyObject *Py_UNUSED(none))
{
    queue_of(self)->closed = true;
    Py_CLEAR(queue_of(self)->leftover);
    Py_RETURN_NONE;
}

static PyObject *py_closed(PyObject *self, void *Py_UNUSED(closure)) { return PyBool_FromLong(queue_of(self)->closed); }

static PyObject *py_max_items(PyObject *self, void *Py_UNUSED(closure))
{
    if (!handle_usable(self)) return NULL;
    uint64_t n = ring_of(self)->max_items;
    return PyLong_FromUnsignedLongLong(n == UINT64_MAX ? 0 : n);
}

static bool parse_bound(PyObject *value, const char *name, uint64_t *bound)
{
    long long n = PyLong_AsLongLong(value);
    if (n == -1 && PyErr_Occurred()) {
        if (PyErr_ExceptionMatches(PyExc_TypeError))
            PyErr_Format(PyExc_TypeError, "%s %R: it must be an int", name, value);
        return false;
    }
    if (n < 0) {
        PyErr_Format(PyExc_ValueError, "%s %lld: it must not be negative (0 means no bound)", name, n);
        return false;
    }
    *bound = n == 0 ? UINT64_MAX : (uint64_t)n;
    return true;
}

static PyObject *queue_new(PyTypeObject *type, PyObject *args, PyObject *kwargs)
{
    static char *names[] = {"maxsize", "max_bytes", NULL};
    PyObject *items = NULL, *bytes = NULL;
    uint64_t max_items = UINT64_MAX, max_bytes = UINT64_MAX;
    if (!PyArg_ParseTupleAndKeywords(args, kwargs, "|OO", names, &items, &bytes)) return NULL;
    if (items && !parse_bound(items, "maxsize", &max_items)) return NULL;
    if (bytes && !parse_bound(bytes, "max_bytes", &max_bytes)) return NULL;
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
    ":raises ClosedError: if it was closed in this process.\n"
    ":raises MemoryError: if the family's arena is full.\n"
    ":raises Exception: what pickling the object raises.";
static const char get_doc[] =
    "get($self, /, block=True, timeout=None)\n--\n\n"
    "Take an object.  Blocks while the queue is empty.\n\n"
    "Process- and thread-safe; a signal handler that raises interrupts the wait, and then nothing was taken.\n\n"
    ":param block: whether to wait for one.\n"
    ":param timeout: seconds; None waits for ever.\n"
    ":raises queue.Empty: if none came in time.\n"
    ":raises ClosedError: if the queue was closed in this process.\n"
    ":raises Exception: what unpickling the object raises; the next call takes the next one.";
static const char put_nowait_doc[] =
    "put_nowait($self, /, obj)\n--\n\nPut an object without waiting: put(obj, False).\n\n"
    ":raises queue.Full: if there is no room.";
static const char get_nowait_doc[] =
    "get_nowait($self, /)\n--\n\nTake an object without waiting: get(False).\n\n"
    ":raises queue.Empty: if there is none.";
static const char put_many_doc[] =
    "put_many($self, objs, /, block=True, timeout=None)\n--\n\n"
    "Put several objects as one operation: all of them, side by side, or none.\n\n"
    "Otherwise as put().  More objects than maxsize wait until the queue is empty.\n\n"
    ":param objs: an iterable.\n"
    ":raises queue.Full: if there was no room for all in time.";
static const char get_many_doc[] =
    "get_many($self, limit, /, block=True, timeout=None)\n--\n\n"
    "Take what is there, at most limit objects.  Blocks while the queue is empty.\n\n"
    "Otherwise as get().  When an object cannot be unpickled, the next call returns those that came before it.\n\n"
    ":param limit: how many at most; at least 1.\n"
    ":return: a list of one object or more.\n"
    ":raises queue.Empty: if none came in time.";
static const char qsize_doc[] =
    "qsize($self, /)\n--\n\nHow many objects are in the queue; by the time you know it may be otherwise.  Does not block.";
static const char empty_doc[] =
    "empty($self, /)\n--\n\nWhether the queue is empty; False as soon as a put has returned.  Does not block.";
static const char full_doc[] = "full($self, /)\n--\n\nWhether a put would have to wait.  Does not block.";
static const char close_doc[] =
    "close($self, /)\n--\n\n"
    "Refuse every later use of this queue in this process; other processes are not concerned.\n\n"
    "What was put is in shared memory already and will be got.  Does not block; a second call does nothing.";

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
    {"_shut", py_shut, METH_NOARGS, NULL},
    {"_send", py_send, METH_VARARGS, NULL},
    {"_send_many", py_send_many, METH_VARARGS, NULL},
    {"_receive", py_receive, METH_VARARGS, NULL},
    {"_receive_many", py_receive_many, METH_VARARGS, NULL},
    {"_settle", py_settle, METH_NOARGS, NULL},
    {"_task_done", finish_one, METH_NOARGS, NULL},
    {"_join", finish_wait, METH_VARARGS, NULL},
    {"close", py_close, METH_NOARGS, close_doc},
    {"__class_getitem__", Py_GenericAlias, METH_O | METH_CLASS, NULL},
    {NULL, NULL, 0, NULL},
};
static PyGetSetDef getset[] = {
    {"_maxsize", py_max_items, NULL, NULL, NULL},
    {"_closed", py_closed, NULL, NULL, NULL},
    {NULL, NULL, NULL, NULL, NULL},
};
static PyType_Slot slots[] = {
    {Py_tp_new, queue_new}, {Py_tp_dealloc, queue_dealloc}, {Py_tp_methods, methods}, {Py_tp_getset, getset}, {0, NULL}};

bool queue_register(PyObject *module)
{
    PyTypeObject *type = handle_type(module, "processing_core._kernel.Queue", CELL_RING, sizeof(struct queue_object), slots, true);
    if (type) base_dealloc = (destructor)PyType_GetSlot((PyTypeObject *)PyType_GetSlot(type, Py_tp_base), Py_tp_dealloc);
    return type != NULL;
}
