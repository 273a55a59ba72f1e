/* Batches.  A batch of items is one message whose object is their list; b is the first one's number.  Its results are
 * saved one by one in the slate of their taker, and sent together when the slate is full, when the oldest of them has
 * waited a moment, or at the end.  Result i of a batch has the number b + i.
 *
 * | killed                                 | what stands there        | what follows                                     |
 * |----------------------------------------|--------------------------|--------------------------------------------------|
 * | before `finished` counts a result      | garbage in the slate     | the item died                                    |
 * | after                                  | the result in the slate  | it is sent from there                            |
 * | between sending and storing `flushed`  | the results twice        | they are sent again: who takes them twice takes  |
 * |                                        |                          | them as once                                     |
 * | an item that is sent by itself: after  | `finished` without it    | word of its death comes behind its result, and   |
 * | sending                                |                          | is not heeded                                    |
 */
#include "batch.h"

#include <string.h>

#define HOLD_NS 1000000 /* a result waits for others no longer than this and a tick, but for the item that runs */

/* send_batch(a, b, items, progress): one message, of a list or of a range, which travels as a range; then progress[0] is
 * b + len(items), whatever is raised.  Several items with large buffers are refused: an array that is in two of them would
 * be one array to both tasks, which may write to what they get. */
PyObject *batch_send(PyObject *self, PyObject *args)
{
    unsigned long long a, b;
    PyObject *items, *progress;
    struct sending s;
    uint64_t number;
    if (!PyArg_ParseTuple(args, "KKOO!", &a, &b, &items, &PyList_Type, &progress) || !queue_usable(self)) return NULL;
    if (!PyList_Check(items) && !PyRange_Check(items)) return PyErr_Format(PyExc_TypeError, "%R is no list or range", items);
    uint64_t header[2] = {a, b};
    size_t n = (size_t)PyObject_Size(items);
    if (n == 0 || n > BATCH_MAX) return PyErr_Format(PyExc_ValueError, "a batch of %zu", n);
    PyObject *next = PyLong_FromUnsignedLongLong(b + n);
    if (!next || !(n > 1 ? sending_begin_blockless : sending_begin)(&s, items, header)) {
        Py_XDECREF(next);
        return NULL;
    }
    s.m.prefix[s.m.prefix_size / 8] = n;
    s.m.prefix_size += 8;
    s.m.flags |= MESSAGE_BATCH;
    outcome o = queue_send(self, &s.m, 1, NO_DEADLINE, &number);
    sending_end(&s, o == OK);
    if (o != OK) {
        Py_DECREF(next);
        return raise_put(o);
    }
    if (PyList_SetItem(progress, 0, next) < 0) return NULL;
    return PyLong_FromUnsignedLongLong(number);
}

/* -- results -- */

static outcome put_saved(PyObject *self, uint64_t a, uint64_t b, uint64_t n, const void *bytes, uint64_t size, int64_t deadline)
{
    struct outgoing m;
    uint64_t number;
    memset(&m, 0, sizeof m);
    m.prefix[0] = a;
    m.prefix[1] = b;
    m.prefix[2] = n;
    m.prefix_size = 24;
    m.head = bytes;
    m.head_size = (uint32_t)size;
    m.flags = MESSAGE_HEADED | MESSAGE_BATCH | MESSAGE_MANY;
    return queue_send(self, &m, 1, deadline, &number);
}

static outcome flush(PyObject *self, struct claim *c, const uint8_t *slate, int64_t now, int64_t deadline)
{
    uint64_t finished = load_relaxed(&c->finished), flushed = load_relaxed(&c->flushed);
    store_relaxed(&c->flushed_at, (uint64_t)now);
    if (finished <= flushed) return OK;
    outcome o = put_saved(self, load_relaxed(&c->a), load_relaxed(&c->b) + flushed, finished - flushed, slate,
                          load_relaxed(&c->filled), deadline);
    if (o != OK) return o;
    crash_point();
    store_release(&c->flushed, finished);
    crash_point();
    store_relaxed(&c->filled, 0);
    return OK;
}

/* Where the next result is to stand, behind its size. */
static uint8_t *vacancy(const struct claim *c, uint8_t *slate) { return slate + load_relaxed(&c->filled) + 4; }

/* What stands in the vacancy becomes a whole result, and only then counts. */
static void save(struct claim *c, uint8_t *at, uint32_t size, bool failed)
{
    uint32_t marked = size | (failed ? SAVED_FAILED : 0);
    memcpy(at - 4, &marked, 4);
    crash_point();
    store_relaxed(&c->filled, load_relaxed(&c->filled) + 4 + size);
    store_release(&c->finished, load_relaxed(&c->finished) + 1);
    crash_point();
}

static void save_copy(struct claim *c, uint8_t *at, const struct outgoing *m, bool failed)
{
    if (m->head != at) memmove(at, m->head, m->head_size); /* it may stand where it had been to go before a flush */
    if (m->tail_size) memcpy(at + m->head_size, m->tail, m->tail_size);
    save(c, at, m->head_size + m->tail_size, failed);
}

static outcome send_alone(PyObject *self, struct claim *c, struct sending *s)
{
    uint64_t number;
    s->m.prefix[s->m.prefix_size / 8] = load_relaxed(&c->a);
    s->m.prefix[s->m.prefix_size / 8 + 1] = load_relaxed(&c->b) + load_relaxed(&c->finished);
    s->m.prefix_size += 16;
    s->m.flags |= MESSAGE_HEADED;
    outcome o = queue_send(self, &s->m, 1, NO_DEADLINE, &number);
    if (o != OK) return o;
    crash_point();
    store_release(&c->flushed, load_relaxed(&c->finished) + 1); /* first: the slate holds nothing */
    crash_point();
    store_release(&c->finished, load_relaxed(&c->finished) + 1);
    return OK;
}

static outcome save_or_send(PyObject *self, struct claim *c, uint8_t *slate, struct sending *s, bool failed, int64_t now)
{
    bool alone = s->m.flags & MESSAGE_PARCEL || outgoing_size(&s->m) + 4 > SLATE_ROOM;
    if (alone || load_relaxed(&c->filled) + 4 + outgoing_size(&s->m) > SLATE_ROOM) {
        outcome o = flush(self, c, slate, now, NO_DEADLINE);
        if (o != OK) return o;
    }
    if (alone) return send_alone(self, c, s);
    save_copy(c, vacancy(c, slate), &s->m, failed);
    return OK;
}

/* The head is written where it is to stand, if there is room. */
static outcome save_any(PyObject *self, struct claim *c, uint8_t *slate, PyObject *result, bool failed, int64_t now)
{
    struct sending s;
    uint8_t *at = vacancy(c, slate), *end = slate + SLATE_ROOM;
    if (!(at < end ? sending_begin_at(&s, result, at, (size_t)(end - at)) : sending_begin(&s, result, NULL))) return E_SIGNAL;
    outcome o = save_or_send(self, c, slate, &s, failed, now);
    sending_end(&s, o == OK && s.m.flags & MESSAGE_PARCEL);
    return o;
}

static size_t save_scalar(struct claim *c, uint8_t *slate, PyObject *result, bool failed)
{
    uint8_t *at = vacancy(c, slate);
    size_t n = at + SCALAR_MAX <= slate + SLATE_ROOM ? encode_scalar(at, result) : 0;
    if (n) save(c, at, (uint32_t)n, failed);
    return n;
}

/* Save a result and begin the next item: OK, BUSY (there is none, or it must not be begun); else an exception is set,
 * and nothing has changed. */
static outcome save_and_begin(PyObject *self, struct claim *c, uint8_t *slate, PyObject *result, bool failed, int64_t now)
{
    outcome o = save_scalar(c, slate, result, failed) ? OK : save_any(self, c, slate, result, failed, now);
    if (o != OK) {
        if (o != E_SIGNAL) raise_put(o);
        return E_SIGNAL;
    }
    /* What this cannot send without waiting, a later flush will. */
    if (now - (int64_t)load_relaxed(&c->flushed_at) > HOLD_NS) flush(self, c, slate, now, 0);
    return work_begin(c, now) == OK ? OK : BUSY;
}

/* save(claims, place, result, failed): whether the next item is begun. */
PyObject *batch_save(PyObject *self, PyObject *const *args, Py_ssize_t nargs)
{
    if (nargs != 4) return PyErr_Format(PyExc_TypeError, "_save() takes 4 arguments");
    Py_ssize_t place = PyLong_AsSsize_t(args[1]);
    if ((place == -1 && PyErr_Occurred()) || !queue_usable(self)) return NULL;
    struct claim *c = claim_at(args[0], place);
    if (!c) return NULL;
    outcome o = save_and_begin(self, c, slate_of(args[0], c), args[2], args[3] == Py_True, monotonic_ns());
    return o == E_SIGNAL ? NULL : PyBool_FromLong(o == OK);
}

/* The time, at most a tick ago (4 ms; 10 at the most): asking the coarse clock whether there was one takes a fifth of asking
 * the other what time it is. */
struct moment {
    int64_t tick, now;
};

/* False: a signal handler raised.  Python code looks for signals itself; once a tick will do for what is none. */
static bool moment_renew(struct moment *m)
{
    int64_t tick = coarse_ns();
    if (tick == m->tick) return true;
    m->tick = tick;
    m->now = monotonic_ns();
    return PyErr_CheckSignals() == 0;
}

/* run(claims, place, results): take results from the iterator, whose every step runs an item, and save them; the first
 * item is begun.  None: there are no more.  Raises what an item raises; (result, error) if a result cannot be pickled: then
 * that item's outcome is to be saved by the caller.  The iterator's slot is called, for there every StopIteration is an
 * item's: there is a step for each item that was begun. */
PyObject *batch_run(PyObject *self, PyObject *args)
{
    PyObject *claims, *results, *result;
    Py_ssize_t place;
    if (!PyArg_ParseTuple(args, "OnO", &claims, &place, &results) || !queue_usable(self)) return NULL;
    struct claim *c = claim_at(claims, place);
    iternextfunc step = c ? (iternextfunc)PyType_GetSlot(Py_TYPE(results), Py_tp_iternext) : NULL;
    if (!step) return c ? PyErr_Format(PyExc_TypeError, "%R is no iterator", results) : NULL;
    uint8_t *slate = slate_of(claims, c);
    struct moment m = {0, 0};
    while ((result = step(results)) && moment_renew(&m)) {
        outcome o = save_and_begin(self, c, slate, result, false, m.now);
        if (o == E_SIGNAL) return Py_BuildValue("NN", result, fetched_exception());
        Py_DECREF(result);
        if (o == BUSY) Py_RETURN_NONE;
    }
    Py_XDECREF(result);
    if (!PyErr_Occurred()) PyErr_SetString(PyExc_RuntimeError, "fewer steps than items");
    return NULL;
}

/* flush(claims, place): send what is saved; the batch is done. */
PyObject *batch_flush(PyObject *self, PyObject *args)
{
    PyObject *claims;
    Py_ssize_t place;
    if (!PyArg_ParseTuple(args, "On", &claims, &place) || !queue_usable(self)) return NULL;
    struct claim *c = claim_at(claims, place);
    if (!c) return NULL;
    outcome o = flush(self, c, slate_of(claims, c), monotonic_ns(), NO_DEADLINE);
    if (o != OK) return raise_put(o);
    work_close(c);
    Py_RETURN_NONE;
}

/* send_saved(a, b, n, bytes): what claims.saved() gave. */
PyObject *batch_send_saved(PyObject *self, PyObject *args)
{
    unsigned long long a, b, n;
    const char *bytes;
    Py_ssize_t size;
    if (!PyArg_ParseTuple(args, "KKKy#", &a, &b, &n, &bytes, &size) || !queue_usable(self)) return NULL;
    if (n > BATCH_MAX || size > (Py_ssize_t)SLATE_SIZE) return PyErr_Format(PyExc_ValueError, "%llu results", n);
    outcome o = put_saved(self, a, b, n, bytes, (uint64_t)size, NO_DEADLINE);
    if (o != OK) return raise_put(o);
    Py_RETURN_NONE;
}

/* A failed decoding is that result's failure. */
static bool add_result(PyObject *list, Py_ssize_t i, const uint8_t *data, uint32_t size, PyObject **bad)
{
    bool kept;
    PyObject *object = decode(data, size & ~SAVED_FAILED, NULL, &kept);
    if (object && kept) {
        Py_CLEAR(object);
        PyErr_SetString(PyExc_BufferError, "an unpickled object kept a view of its message");
    }
    if (!object || size & SAVED_FAILED) {
        if (!object) object = fetched_exception();
        if (*bad == NULL) *bad = PyList_New(0);
        PyObject *index = *bad ? PyLong_FromSsize_t(i) : NULL;
        bool ok = index && PyList_Append(*bad, index) == 0;
        Py_XDECREF(index);
        if (!ok) {
            Py_XDECREF(object);
            return false;
        }
    }
    return PyList_SetItem(list, i, object) == 0;
}

PyObject *received_many(struct receiving *r, uint64_t header[2], PyObject **ok)
{
    Py_ssize_t n = message_items(r->m.flags, r->data);
    PyObject *list = PyList_New(n), *bad = NULL;
    uint32_t at = 24, size;
    memcpy(header, r->data, 16);
    for (Py_ssize_t i = 0; list && i < n; i++, at += 4 + (size & ~SAVED_FAILED)) {
        memcpy(&size, r->data + at, 4);
        if (!add_result(list, i, r->data + at + 4, size, &bad)) Py_CLEAR(list);
    }
    *ok = list && bad ? bad : Py_NewRef(Py_True);
    if (!list) Py_XDECREF(bad);
    return list;
}

/* void(a, first, last, number=0): how many messages were voided. */
PyObject *batch_void(PyObject *self, PyObject *args)
{
    unsigned long long a, first, last, number = 0;
    if (!PyArg_ParseTuple(args, "KKK|K", &a, &first, &last, &number) || !queue_usable(self)) return NULL;
    PyThreadState *thread = PyEval_SaveThread();
    uint64_t n = ring_void(ring_of(self), a, first, last, number);
    PyEval_RestoreThread(thread);
    return PyLong_FromUnsignedLongLong(n);
}
