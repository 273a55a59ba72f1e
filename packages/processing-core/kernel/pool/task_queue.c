/* Channel and TaskQueue: queues of messages with two numbers of the sender, which are readable even if the object
 * cannot be unpickled. */
#include "pool/batch.h"
#include "pool/claims.h"
#include "queues/queue_type.h"
#include "pool/results.h"
#include "arena/errors.h"
#include "arena/trace.h"
#include "objects/arguments.h"
#include "cells/ownership.h"

#define BATCH 64

/* The only item of a message has a result. */
static void end_item(struct claim *c)
{
    int64_t now = monotonic_ns();
    claim_count(c, 1);
    longest_consider(c, 0, now);
    if (!tracing()) return;
    uint64_t job = load_relaxed(&c->job_id), function = job ? job : load_relaxed(&c->function);
    uint64_t index = load_relaxed(&c->index) & UINT32_MAX;
    trace_add(TRACE_TASK, (int64_t)load_relaxed(&c->began), now, function, 1ull << 32 | index);
}

static PyObject *send_one(PyObject *self, const uint64_t header[2], PyObject *object, struct claim *c)
{
    uint64_t number;
    if (c) end_item(c); /* first: a process that has the result finds it counted, and may end this one */
    PyObject *none = queue_put(self, object, header, NO_DEADLINE, &number);
    if (!none && c) claim_count(c, -1);
    if (!none) return NULL;
    Py_DECREF(none);
    if (c) {
        store_release(&c->flushed, 1); /* before `finished`: the result buffer holds nothing */
        store_release(&c->finished, 1);
        work_close(c);
        return PyBool_FromLong(longest_listed());
    }
    return PyLong_FromUnsignedLongLong(number);
}

/* Channel.send(job_id, index, object) */
static PyObject *channel_send(PyObject *self, PyObject *const *args, Py_ssize_t nargs)
{
    uint64_t header[2];
    if (!check_count("_send", nargs, 3, 3) || !parse_numbers(args, header)) return NULL;
    return send_one(self, header, args[2], NULL);
}

static struct claim *parse_claim(PyObject *const *args)
{
    Py_ssize_t worker = PyLong_AsSsize_t(args[1]);
    return worker == -1 && PyErr_Occurred() ? NULL : claim_at(args[0], worker);
}

/* TaskQueue.send(job_id, index, object, [claims, worker]): with a claim, the object is the result of its only item, and
 * the return value says whether it was one of the longest. */
static PyObject *task_send(PyObject *self, PyObject *const *args, Py_ssize_t nargs)
{
    uint64_t header[2];
    struct claim *c = NULL;
    if (nargs == 3) return channel_send(self, args, nargs);
    if (!check_count("_send", nargs, 5, 5) || !parse_numbers(args, header) || !(c = parse_claim(args + 3))) return NULL;
    return send_one(self, header, args[2], c);
}

static bool add_failure(PyObject *failures, uint64_t number)
{
    PyObject *row = Py_BuildValue("KN", (unsigned long long)number, take_exception());
    bool ok = row && PyList_Append(failures, row) == 0;
    Py_XDECREF(row);
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
    outcome o = going && n ? queue_send(self, m, n, NO_DEADLINE, &number) : OK;
    for (uint32_t k = 0; k < n; k++) sending_end(&s[k], going && o == OK);
    if (!going) return false;
    if (o != OK) return raise_put(o) != NULL;
    *i = at;
    return true;
}

/* send_many(job_id, index, list, progress=None, failures=None): (job_id, index + i, list[i]) for every i. An
 * item that cannot be pickled is left out, and (index + i, exception) is appended to `failures`, which is returned.
 * After each batch `progress[0]` becomes the next index to send: after an exception the caller can continue from
 * there. */
static PyObject *channel_send_many(PyObject *self, PyObject *args)
{
    unsigned long long header[2];
    PyObject *list, *progress = NULL, *given = NULL;
    if (!PyArg_ParseTuple(args, "KKO!|O!O!", &header[0], &header[1], &PyList_Type, &list, &PyList_Type, &progress,
                          &PyList_Type, &given))
        return NULL;
    if (!queue_usable(self)) return NULL;
    PyObject *failures = given ? Py_NewRef(given) : PyList_New(0);
    uint64_t numbers[2] = {header[0], header[1]};
    for (Py_ssize_t i = 0; failures && i < PyList_Size(list);) {
        bool ok = send_batch(self, numbers, list, &i, failures);
        PyObject *next = ok && progress ? PyLong_FromUnsignedLongLong(numbers[1] + (uint64_t)i) : NULL;
        if (!ok || (progress && (!next || PyList_SetItem(progress, 0, next) < 0))) Py_CLEAR(failures);
    }
    return failures;
}

/* A message that was cancelled, or that its taker may not begin. */
static void discard(struct receiving *r)
{
    if (r->m.flags & MESSAGE_PARCEL) cell_detach(r->ref);
}

/* A call's task is (the cell of its function, args, kwds), or has another function, which has no name outside. */
static void note_function(struct claim *c, PyObject *row)
{
    PyObject *task = PyTuple_GetItem(row, 4);
    PyObject *function = task && PyTuple_Check(task) && PyTuple_Size(task) == 3 ? PyTuple_GetItem(task, 0) : NULL;
    store_relaxed(&c->function, function && PyLong_CheckExact(function) ? PyLong_AsUnsignedLongLong(function) : 0);
}

static PyObject *receive_one(PyObject *self, PyObject *timeout, struct claim *claim)
{
    int64_t deadline;
    struct receiving r;
    if (!parse_timeout(timeout, &deadline)) return NULL;
    for (;;) {
        outcome o = claim && claim_leaving(claim) ? E_CLOSED : queue_receive(self, &r, claim, NULL, deadline);
        if (o != OK) return o == BUSY ? raise_get(o) : raise_outcome(o);
        if (!(r.m.flags & MESSAGE_CANCELLED)) break;
        discard(&r);
    }
    if (claim
        && work_begin(claim, monotonic_ns()) != OK) { /* stopped: the process that stopped it sees to the message */
        discard(&r);
        return raise_outcome(E_CLOSED);
    }
    PyObject *row = received_row(&r, NULL);
    if (claim && row && load_relaxed(&claim->job_id) == 0) note_function(claim, row);
    return row;
}

/* Channel.receive(timeout=None): raises queue.Empty at the deadline. */
static PyObject *channel_receive(PyObject *self, PyObject *const *args, Py_ssize_t nargs)
{
    if (!check_count("_receive", nargs, 0, 1) || !queue_usable(self)) return NULL;
    return receive_one(self, nargs ? args[0] : Py_None, NULL);
}

/* TaskQueue.receive([timeout, [claims, worker]]): the same.  With a claim its first item is begun. */
static PyObject *task_receive(PyObject *self, PyObject *const *args, Py_ssize_t nargs)
{
    struct claim *claim;
    if (nargs < 2) return channel_receive(self, args, nargs);
    if (!check_count("_receive", nargs, 3, 3) || !queue_usable(self) || !(claim = parse_claim(args + 1))) return NULL;
    return receive_one(self, args[0], claim);
}

/* An interrupt that came while a row was unpickled belongs to this thread. */
static bool raise_interrupt(PyObject *interrupt)
{
    if (!interrupt) return false;
    PyErr_SetObject((PyObject *)Py_TYPE(interrupt), interrupt);
    Py_DECREF(interrupt);
    return true;
}

/* Append up to `limit` rows; waits for the first only. */
static bool receive_into(PyObject *list, PyObject *self, Py_ssize_t limit, int64_t deadline)
{
    struct receiving r;
    for (Py_ssize_t i = 0; i < limit; i++) {
        if (i > 0 && ring_empty(ring_of(self))) break;
        outcome o = queue_receive(self, &r, NULL, NULL, i ? 0 : deadline);
        if (o == BUSY || (o == E_CLOSED && i > 0)) break;
        PyObject *interrupt = NULL, *row = o == OK ? received_row(&r, &interrupt) : raise_outcome(o);
        bool ok = row && PyList_Append(list, row) == 0;
        if (raise_interrupt(interrupt)) ok = false; /* the row is safe */
        Py_XDECREF(row);
        if (!ok) return false;
    }
    return true;
}

/* receive_many(limit, timeout=None, into=None): rows are appended to the list `into`, so that none is lost if an
 * exception is raised before the caller gets the result. */
static PyObject *channel_receive_many(PyObject *self, PyObject *args)
{
    PyObject *timeout = Py_None, *into = Py_None;
    Py_ssize_t limit;
    int64_t deadline;
    if (!PyArg_ParseTuple(args, "n|OO", &limit, &timeout, &into) || !queue_usable(self)) return NULL;
    if (!parse_timeout(timeout, &deadline)) return NULL;
    PyObject *list = into == Py_None ? PyList_New(0) : Py_NewRef(into);
    if (list && !receive_into(list, self, limit, deadline)) Py_CLEAR(list);
    return list;
}

static PyObject *channel_shut(PyObject *self, PyObject *Py_UNUSED(none))
{
    if (!queue_usable(self)) return NULL;
    PyThreadState *thread = PyEval_SaveThread();
    ring_shut(ring_of(self));
    PyEval_RestoreThread(thread);
    Py_RETURN_NONE;
}

/* _recover_claims(): from now on the claims of dead takers are exact. */
static PyObject *task_recover_claims(PyObject *self, PyObject *Py_UNUSED(none))
{
    if (!queue_usable(self)) return NULL;
    PyThreadState *thread = PyEval_SaveThread();
    ring_recover_claims(ring_of(self));
    PyEval_RestoreThread(thread);
    Py_RETURN_NONE;
}

/* _rouse(): takers that sleep look whether they are to end. */
static PyObject *task_rouse(PyObject *self, PyObject *Py_UNUSED(none))
{
    if (!queue_usable(self)) return NULL;
    observable_wake(&ring_of(self)->not_empty, ALL_WAITERS);
    Py_RETURN_NONE;
}

/* _bytes_put(): bytes that were ever put, with what lies between messages; of parcels, KiB. */
static PyObject *task_bytes_put(PyObject *self, PyObject *Py_UNUSED(none))
{
    if (!queue_usable(self)) return NULL;
    struct ring *r = ring_of(self);
    return PyLong_FromUnsignedLongLong(load_acquire(&r->tail) + load_relaxed(&r->put_weight));
}

/* _cancel(job_id, first, last, number=0): how many messages were cancelled. */
static PyObject *task_cancel(PyObject *self, PyObject *args)
{
    unsigned long long job_id, first, last, number = 0;
    if (!PyArg_ParseTuple(args, "KKK|K", &job_id, &first, &last, &number) || !queue_usable(self)) return NULL;
    PyThreadState *thread = PyEval_SaveThread();
    uint64_t n = ring_cancel(ring_of(self), job_id, first, last, number);
    PyEval_RestoreThread(thread);
    return PyLong_FromUnsignedLongLong(n);
}

static PyMethodDef channel_methods[] = {
    {"_send", (PyCFunction)(void (*)(void))channel_send, METH_FASTCALL, NULL},
    {"_send_many", channel_send_many, METH_VARARGS, NULL},
    {"_receive", (PyCFunction)(void (*)(void))channel_receive, METH_FASTCALL, NULL},
    {"_receive_many", channel_receive_many, METH_VARARGS, NULL},
    {"_shut", channel_shut, METH_NOARGS, NULL},
    {NULL, NULL, 0, NULL},
};
static PyMethodDef task_methods[] = {
    {"_send", (PyCFunction)(void (*)(void))task_send, METH_FASTCALL, NULL},
    {"_send_batch", batch_send, METH_VARARGS, NULL},
    {"_receive", (PyCFunction)(void (*)(void))task_receive, METH_FASTCALL, NULL},
    {"_save", (PyCFunction)(void (*)(void))batch_save, METH_FASTCALL, NULL},
    {"_run", batch_run, METH_VARARGS, NULL},
    {"_flush", batch_flush, METH_VARARGS, NULL},
    {"_send_saved", batch_send_saved, METH_VARARGS, NULL},
    {"_cancel", task_cancel, METH_VARARGS, NULL},
    {"_recover_claims", task_recover_claims, METH_NOARGS, NULL},
    {"_rouse", task_rouse, METH_NOARGS, NULL},
    {"_bytes_put", task_bytes_put, METH_NOARGS, NULL},
    {NULL, NULL, 0, NULL},
};

bool task_queue_register(PyObject *module)
{
    PyTypeObject *channel = queue_subtype(module, "processing_core._kernel.Channel", NULL, channel_methods);
    return channel && queue_subtype(module, "processing_core._kernel.TaskQueue", channel, task_methods);
}
