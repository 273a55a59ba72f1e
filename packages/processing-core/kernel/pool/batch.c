/* Batches. A batch of items is one message whose object is their list; index is the first one's number. The taker
 * saves the results one by one in its result buffer, and sends them together when the buffer is full, when the oldest
 * result has waited long enough, or at the end. Result i of a batch has the number index + i.
 *
 * | killed                                | what is in shared memory        | what follows                            |
 * |---------------------------------------|---------------------------------|-----------------------------------------|
 * | before `finished` counts a result     | garbage in the result buffer    | the item died                           |
 * | after                                 | the result in the result buffer | it is sent from there                   |
 * | between sending and storing `flushed` | the results twice               | they are sent again; the receiver takes |
 * |                                       |                                 | both for one                            |
 * | after sending an item by itself       | `finished` without it           | the report of its death arrives after   |
 * |                                       |                                 | its result, and is ignored              |
 */
#include "pool/batch.h"
#include "pool/claims.h"
#include "arena/errors.h"

#include <string.h>

#define HOLD_NS 1000000 /* a result waits for others no longer than this and a tick, but for the item that runs */

/* send_batch(job_id, index, items, progress): one message of a list or of a range, which is sent as a range; afterwards
 * progress[0] is index + len(items), even if an exception is raised. Several items with large buffers are refused: if
 * two of them contained the same array, both tasks would get one array, and they may write to it. */
PyObject *batch_send(PyObject *self, PyObject *args)
{
    unsigned long long job_id, index;
    PyObject *items, *progress;
    struct sending s;
    uint64_t number;
    if (!PyArg_ParseTuple(args, "KKOO!", &job_id, &index, &items, &PyList_Type, &progress) || !queue_usable(self))
        return NULL;
    if (!PyList_Check(items) && !PyRange_Check(items))
        return PyErr_Format(PyExc_TypeError, "%R is no list or range", items);
    uint64_t header[2] = {job_id, index};
    size_t n = (size_t)PyObject_Size(items);
    if (n == 0 || n > BATCH_MAX) return PyErr_Format(PyExc_ValueError, "a batch of %zu", n);
    PyObject *next = PyLong_FromUnsignedLongLong(index + n);
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

static outcome put_saved(PyObject *self, uint64_t job_id, uint64_t index, uint64_t n, const void *bytes, uint64_t size,
                         int64_t deadline)
{
    struct outgoing m;
    uint64_t number;
    memset(&m, 0, sizeof m);
    m.prefix[0] = job_id;
    m.prefix[1] = index;
    m.prefix[2] = n;
    m.prefix_size = 24;
    m.head = bytes;
    m.head_size = (uint32_t)size;
    m.flags = MESSAGE_HEADED | MESSAGE_BATCH | MESSAGE_MANY;
    return queue_send(self, &m, 1, deadline, &number);
}

static outcome flush(PyObject *self, struct claim *c, const uint8_t *buffer, int64_t now, int64_t deadline)
{
    uint64_t finished = load_relaxed(&c->finished), flushed = load_relaxed(&c->flushed);
    store_relaxed(&c->flushed_at, (uint64_t)now);
    if (finished <= flushed) return OK;
    outcome o = put_saved(self, load_relaxed(&c->job_id), load_relaxed(&c->index) + flushed, finished - flushed, buffer,
                          load_relaxed(&c->filled), deadline);
    if (o != OK) return o;
    crash_point();
    store_release(&c->flushed, finished);
    crash_point();
    store_relaxed(&c->filled, 0);
    return OK;
}

/* Where the next result is to stand, behind its size. */
static uint8_t *next_slot(const struct claim *c, uint8_t *buffer) { return buffer + load_relaxed(&c->filled) + 4; }

/* What stands in the next slot becomes a whole result, and only then counts. */
static void save(struct claim *c, uint8_t *at, uint32_t size, bool failed)
{
    uint32_t marked = size | (failed ? SAVED_FAILED : 0);
    memcpy(at - 4, &marked, 4);
    crash_point();
    store_relaxed(&c->filled, load_relaxed(&c->filled) + 4 + size);
    claim_count(c, 1);
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
    s->m.prefix[s->m.prefix_size / 8] = load_relaxed(&c->job_id);
    s->m.prefix[s->m.prefix_size / 8 + 1] = load_relaxed(&c->index) + load_relaxed(&c->finished);
    s->m.prefix_size += 16;
    s->m.flags |= MESSAGE_HEADED;
    outcome o = queue_send(self, &s->m, 1, NO_DEADLINE, &number);
    if (o != OK) return o;
    crash_point();
    store_release(&c->flushed, load_relaxed(&c->finished) + 1); /* first: the result buffer holds nothing */
    crash_point();
    claim_count(c, 1);
    store_release(&c->finished, load_relaxed(&c->finished) + 1);
    return OK;
}

static outcome save_or_send(PyObject *self, struct claim *c, uint8_t *buffer, struct sending *s, bool failed,
                            int64_t now)
{
    bool alone = s->m.flags & MESSAGE_PARCEL || outgoing_size(&s->m) + 4 > RESULT_BUFFER_ROOM;
    if (alone || load_relaxed(&c->filled) + 4 + outgoing_size(&s->m) > RESULT_BUFFER_ROOM) {
        outcome o = flush(self, c, buffer, now, NO_DEADLINE);
        if (o != OK) return o;
    }
    if (alone) return send_alone(self, c, s);
    save_copy(c, next_slot(c, buffer), &s->m, failed);
    return OK;
}

/* The head is written where it is to stand, if there is room. */
static outcome save_any(PyObject *self, struct claim *c, uint8_t *buffer, PyObject *result, bool failed, int64_t now)
{
    struct sending s;
    uint8_t *at = next_slot(c, buffer), *end = buffer + RESULT_BUFFER_ROOM;
    if (!(at < end ? sending_begin_at(&s, result, at, (size_t)(end - at)) : sending_begin(&s, result, NULL)))
        return E_SIGNAL;
    outcome o = save_or_send(self, c, buffer, &s, failed, now);
    sending_end(&s, o == OK && s.m.flags & MESSAGE_PARCEL);
    return o;
}

static size_t save_scalar(struct claim *c, uint8_t *buffer, PyObject *result, bool failed)
{
    uint8_t *at = next_slot(c, buffer);
    size_t n = at + SCALAR_MAX <= buffer + RESULT_BUFFER_ROOM ? encode_scalar(at, result) : 0;
    if (n) save(c, at, (uint32_t)n, failed);
    return n;
}

/* Save a result and begin the next item: OK; BUSY (there is none, or it must not be begun); otherwise an exception is
 * set, and nothing has changed. */
static outcome save_and_begin(PyObject *self, struct claim *c, uint8_t *buffer, PyObject *result, bool failed,
                              int64_t now)
{
    outcome o = save_scalar(c, buffer, result, failed) ? OK : save_any(self, c, buffer, result, failed, now);
    if (o != OK) {
        if (o != E_SIGNAL) raise_put(o);
        return E_SIGNAL;
    }
    longest_consider(c, load_relaxed(&c->finished) - 1, now);
    /* What this cannot send without waiting, a later flush will. */
    if (now - (int64_t)load_relaxed(&c->flushed_at) > HOLD_NS) flush(self, c, buffer, now, 0);
    return work_begin(c, now) == OK ? OK : BUSY;
}

/* save(claims, worker, result, failed): whether the next item is begun. */
PyObject *batch_save(PyObject *self, PyObject *const *args, Py_ssize_t nargs)
{
    if (nargs != 4) return PyErr_Format(PyExc_TypeError, "_save() takes 4 arguments");
    Py_ssize_t worker = PyLong_AsSsize_t(args[1]);
    if ((worker == -1 && PyErr_Occurred()) || !queue_usable(self)) return NULL;
    struct claim *c = claim_at(args[0], worker);
    if (!c) return NULL;
    outcome o = save_and_begin(self, c, result_buffer_of(args[0], c), args[2], args[3] == Py_True, monotonic_ns());
    return o == E_SIGNAL ? NULL : PyBool_FromLong(o == OK);
}

/* The time, at most one tick late (4 ms, 10 at most): reading the coarse clock to see whether there was a tick takes a
 * fifth of the time of reading the exact clock. */
struct moment {
    int64_t tick, now;
};

/* False: a signal handler raised. Python code checks for signals itself; for items without Python code, a check once a
 * tick suffices. */
static bool moment_renew(struct moment *m)
{
    int64_t tick = coarse_ns();
    if (tick == m->tick) return true;
    m->tick = tick;
    m->now = monotonic_ns();
    return PyErr_CheckSignals() == 0;
}

/* run(claims, worker, results): take results from the iterator, whose every step runs an item, and save them; the
 * first item is begun. Returns None if there are no more, or (result, error) if a result cannot be pickled: then the
 * caller must save that item's outcome. Raises what an item raises. The iterator's slot is called directly, because
 * there is a step for each item that was begun, so that every StopIteration was raised by an item. */
PyObject *batch_run(PyObject *self, PyObject *args)
{
    PyObject *claims, *results, *result;
    Py_ssize_t worker;
    if (!PyArg_ParseTuple(args, "OnO", &claims, &worker, &results) || !queue_usable(self)) return NULL;
    struct claim *c = claim_at(claims, worker);
    iternextfunc step = c ? (iternextfunc)PyType_GetSlot(Py_TYPE(results), Py_tp_iternext) : NULL;
    if (!step) return c ? PyErr_Format(PyExc_TypeError, "%R is no iterator", results) : NULL;
    uint8_t *buffer = result_buffer_of(claims, c);
    struct moment m = {0, 0};
    while ((result = step(results)) && moment_renew(&m)) {
        outcome o = save_and_begin(self, c, buffer, result, false, m.now);
        if (o == E_SIGNAL) return Py_BuildValue("NN", result, take_exception());
        Py_DECREF(result);
        if (o == BUSY) Py_RETURN_NONE;
    }
    Py_XDECREF(result);
    if (!PyErr_Occurred()) PyErr_SetString(PyExc_RuntimeError, "fewer steps than items");
    return NULL;
}

/* flush(claims, worker): send what is saved; the batch is done.  Whether some of its items were among the longest. */
PyObject *batch_flush(PyObject *self, PyObject *args)
{
    PyObject *claims;
    Py_ssize_t worker;
    if (!PyArg_ParseTuple(args, "On", &claims, &worker) || !queue_usable(self)) return NULL;
    struct claim *c = claim_at(claims, worker);
    if (!c) return NULL;
    outcome o = flush(self, c, result_buffer_of(claims, c), monotonic_ns(), NO_DEADLINE);
    if (o != OK) return raise_put(o);
    work_close(c);
    return PyBool_FromLong(longest_listed());
}

/* send_saved(job_id, index, n, bytes): what claims.saved() gave. */
PyObject *batch_send_saved(PyObject *self, PyObject *args)
{
    unsigned long long job_id, index, n;
    const char *bytes;
    Py_ssize_t size;
    if (!PyArg_ParseTuple(args, "KKKy#", &job_id, &index, &n, &bytes, &size) || !queue_usable(self)) return NULL;
    if (n > BATCH_MAX || size > (Py_ssize_t)RESULT_BUFFER_SIZE)
        return PyErr_Format(PyExc_ValueError, "%llu results", n);
    outcome o = put_saved(self, job_id, index, n, bytes, (uint64_t)size, NO_DEADLINE);
    if (o != OK) return raise_put(o);
    Py_RETURN_NONE;
}
