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

#define HOLD_NS 1000000 /* a result waits for others no longer than this, but for the item that runs */

/* send_batch(a, b, list, progress): one message; then progress[0] is b + len(list), whatever is raised. */
PyObject *batch_send(PyObject *self, PyObject *args)
{
    unsigned long long a, b;
    PyObject *list, *progress;
    struct sending s;
    uint64_t number;
    if (!PyArg_ParseTuple(args, "KKO!O!", &a, &b, &PyList_Type, &list, &PyList_Type, &progress) || !queue_usable(self))
        return NULL;
    uint64_t header[2] = {a, b};
    size_t n = (size_t)PyList_Size(list);
    if (n == 0 || n > BATCH_MAX) return PyErr_Format(PyExc_ValueError, "a batch of %zu", n);
    PyObject *next = PyLong_FromUnsignedLongLong(b + n);
    if (!next || !sending_begin(&s, list, header)) {
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

static outcome put_saved(PyObject *self, uint64_t a, uint64_t b, uint64_t n, const void *bytes, uint64_t size)
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
    return queue_send(self, &m, 1, NO_DEADLINE, &number);
}

static outcome flush(PyObject *self, struct claim *c, const uint8_t *slate, int64_t now)
{
    uint64_t finished = load_relaxed(&c->finished), flushed = load_relaxed(&c->flushed);
    store_relaxed(&c->flushed_at, (uint64_t)now);
    if (finished <= flushed) return OK;
    outcome o = put_saved(self, load_relaxed(&c->a), load_relaxed(&c->b) + flushed, finished - flushed, slate,
                          load_relaxed(&c->filled));
    if (o != OK) return o;
    crash_point();
    store_release(&c->flushed, finished);
    crash_point();
    store_relaxed(&c->filled, 0);
    return OK;
}

/* The result becomes whole, and only then counts. */
static void save(struct claim *c, uint8_t *slate, const struct outgoing *m, bool failed)
{
    uint64_t at = load_relaxed(&c->filled);
    uint32_t size = m->head_size + m->tail_size, marked = size | (failed ? SAVED_FAILED : 0);
    memcpy(slate + at, &marked, 4);
    if (m->head_size) memcpy(slate + at + 4, m->head, m->head_size);
    if (m->tail_size) memcpy(slate + at + 4 + m->head_size, m->tail, m->tail_size);
    crash_point();
    store_relaxed(&c->filled, at + 4 + size);
    store_release(&c->finished, load_relaxed(&c->finished) + 1);
    crash_point();
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
        outcome o = flush(self, c, slate, now);
        if (o != OK) return o;
    }
    if (alone) return send_alone(self, c, s);
    save(c, slate, &s->m, failed);
    return now - (int64_t)load_relaxed(&c->flushed_at) > HOLD_NS ? flush(self, c, slate, now) : OK;
}

/* save(claims, place, result, failed): whether the next item is begun; raises, changing nothing, if the result cannot
 * be pickled. */
PyObject *batch_save(PyObject *self, PyObject *const *args, Py_ssize_t nargs)
{
    struct sending s;
    if (nargs != 4) return PyErr_Format(PyExc_TypeError, "_save() takes 4 arguments");
    Py_ssize_t place = PyLong_AsSsize_t(args[1]);
    if ((place == -1 && PyErr_Occurred()) || !queue_usable(self)) return NULL;
    struct claim *c = claim_at(args[0], place);
    if (!c || !sending_begin(&s, args[2], NULL)) return NULL;
    int64_t now = monotonic_ns();
    outcome o = save_or_send(self, c, slate_of(args[0], c), &s, args[3] == Py_True, now);
    sending_end(&s, o == OK && s.m.flags & MESSAGE_PARCEL);
    if (o != OK) return raise_put(o);
    return PyBool_FromLong(work_begin(c, now) == OK);
}

/* flush(claims, place): send what is saved; the batch is done. */
PyObject *batch_flush(PyObject *self, PyObject *args)
{
    PyObject *claims;
    Py_ssize_t place;
    if (!PyArg_ParseTuple(args, "On", &claims, &place) || !queue_usable(self)) return NULL;
    struct claim *c = claim_at(claims, place);
    if (!c) return NULL;
    outcome o = flush(self, c, slate_of(claims, c), monotonic_ns());
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
    outcome o = put_saved(self, a, b, n, bytes, (uint64_t)size);
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
