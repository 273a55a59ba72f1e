/* What comes out of an end of a pipe, and waiting for it: see pipe_end.h. */
#include "queues/messages.h"
#include "pipes/pipe_receive.h"
#include "arena/wait_record.h"
#include "arena/errors.h"
#include "objects/arguments.h"

#include <string.h>

/* How long a receiver sleeps on the ring's event count before it sleeps on the doorbell. (A write into a system pipe
 * wakes the reader on the writer's own processor, because the system expects the writer to sleep next, which it does
 * not. Measured on 2 processors: a round trip by doorbells alone takes 45 us, because the spinning side keeps the other
 * from running; in this way 1 us.) */
#define BRIEF_NS 5000000

static bool may_receive(pipe_object *p)
{
    if (p->closed) pipe_raise_closed();
    else if (!p->incoming || p->receive_failed) PyErr_SetString(PyExc_OSError, "connection is write-only");
    else return handle_usable(p->incoming);
    return false;
}

/* -- waiting -- */

static int64_t sooner(int64_t deadline, int64_t ns)
{
    int64_t now = monotonic_ns();
    return deadline - now < ns ? deadline : now + ns;
}

/* OK, BUSY at the deadline, E_CLOSED at the end or when another thread closed this end, E_SIGNAL. */
static outcome wait_for(pipe_object *p, struct ring *r, attempt_fn attempt, void *ctx, int64_t deadline)
{
    struct wait_record *record = NULL;
    PyThreadState *thread = PyEval_SaveThread();
    outcome o = park_spin(&p->receive_spin, attempt, ctx);
    if (o == BUSY) o = park_briefly(&r->not_empty.parked, attempt, ctx, sooner(deadline, BRIEF_NS));
    while (o == BUSY) {
        if (p->closed) o = E_CLOSED;
        else if (doorbell_arm(r, p->read_fd)) o = attempt(ctx, false);
        if (o != BUSY) break;
        int heard = platform_doorbell_sleep(p->read_fd, sooner(deadline, SLICE_NS));
        o = attempt(ctx, heard == 0); /* after the doorbell: a sender that hung up has put nothing since */
        if (o == BUSY && heard & (DOORBELL_HUNG_UP | DOORBELL_CLOSED)) o = E_CLOSED;
        if (o == BUSY && heard & DOORBELL_READABLE) o = park_spin(&p->receive_spin, attempt, ctx); /* it comes */
        if (o != BUSY || monotonic_ns() >= deadline) break;
        if (heard & DOORBELL_READABLE) continue;
        PyEval_RestoreThread(thread);
        bool raised = PyErr_CheckSignals() < 0;
        if (!raised && heard == 0) record = wait_record_slice(record, &r->not_empty.parked, SLICE_NS, deadline);
        thread = PyEval_SaveThread();
        if (raised) o = E_SIGNAL;
    }
    PyEval_RestoreThread(thread);
    if (record) wait_record_close(record);
    return o;
}

/* Read a byte away that stands for no message. */
static bool look_again(struct ring *r, int read_fd)
{
    PyThreadState *thread = PyEval_SaveThread();
    bool there = doorbell_arm(r, read_fd);
    PyEval_RestoreThread(thread);
    return there;
}

/* -- receiving -- */

struct receive_attempt {
    struct ring *ring;
    uint32_t index;
    struct incoming *message;
    struct coalescing *coalescing;
};

static outcome receive_attempt(void *ctx, bool look)
{
    struct receive_attempt *a = ctx;
    coalescing_pause(&a->coalescing);
    if (look) ring_look(a->ring);
    return ring_get(a->ring, a->index, a->message, false);
}

/* Once, without waiting: BUSY if there is nothing, and then the next message makes the doorbell readable. */
static outcome try_now(pipe_object *p, struct ring *r, attempt_fn attempt, void *ctx)
{
    PyThreadState *thread = PyEval_SaveThread();
    outcome o = attempt(ctx, true);
    if (o == BUSY && p->closed) o = E_CLOSED;
    if (o == BUSY && doorbell_arm(r, p->read_fd)) o = attempt(ctx, false);
    if (o == BUSY && platform_doorbell_sleep(p->read_fd, 0) & (DOORBELL_HUNG_UP | DOORBELL_CLOSED)) {
        o = attempt(ctx, false); /* a sender that hung up has put nothing since */
        if (o == BUSY) o = E_CLOSED;
    }
    PyEval_RestoreThread(thread);
    return o;
}

/* False with an exception; `now`: BlockingIOError if there is no message. */
static bool receive(pipe_object *p, struct receiving *r, bool now)
{
    if (!may_receive(p)) return false;
    PyObject *queue = pipe_ring(p, &p->incoming); /* before reserving, which may release the GIL */
    if (pipe_lost(queue)) {
        pipe_raise_closed();
        return false;
    }
    outcome o = reference_reserve(&r->ref);
    if (o != OK) {
        Py_DECREF(queue);
        raise_outcome(o);
        return false;
    }
    r->copy = false;
    r->m = (struct incoming){.data = r->data, .entry = reference_at(r->ref)};
    struct receive_attempt a = {ring_of(queue), index_of(queue), &r->m, now ? NULL : &p->receives};
    o = ring_get(a.ring, a.index, &r->m, true);
    if (o == BUSY) {
        o = now ? try_now(p, a.ring, receive_attempt, &a) : wait_for(p, a.ring, receive_attempt, &a, NO_DEADLINE);
        if (o == OK && !now) coalescing_passed(&p->receives, r->m.number);
    }
    if (o != OK || !(r->m.flags & MESSAGE_PARCEL)) reference_return(r->ref);
    if (o == OK && !p->closed && doorbell_is_stale(a.ring)) look_again(a.ring, p->read_fd);
    Py_DECREF(queue);
    if (o == E_CLOSED && p->closed) pipe_raise_closed();
    else if (o == E_CLOSED) PyErr_SetNone(PyExc_EOFError);
    else if (o == BUSY) PyErr_SetNone(PyExc_BlockingIOError);
    else if (o != OK) raise_outcome(o);
    return o == OK;
}

/* The bytes of a message, wherever they lie. */
struct content {
    const uint8_t *data;
    size_t size;
    refno ref;
    PyObject *keeper;
};

static PyObject *call_by_name(const char *module_name, const char *name, PyObject *argument)
{
    PyObject *module = PyImport_ImportModule(module_name);
    PyObject *result = module ? PyObject_CallMethod(module, name, "O", argument) : NULL;
    Py_XDECREF(module);
    return result;
}

/* What was sent as an object is received as bytes that unpickle to it. */
static bool content_of_object(struct receiving *r, struct content *c)
{
    uint64_t header[2];
    PyObject *object = received_object(r, header);
    c->keeper = object ? call_by_name("processing_core.lowlevel", "dumps", object) : NULL;
    Py_XDECREF(object);
    if (!c->keeper) return false;
    c->data = (const uint8_t *)PyBytes_AsString(c->keeper);
    c->size = (size_t)PyBytes_Size(c->keeper);
    return true;
}

static bool content_open(struct receiving *r, struct content *c)
{
    *c = (struct content){r->data, r->m.size, NO_REF, NULL};
    if (!(r->m.flags & MESSAGE_RAW)) return content_of_object(r, c);
    if (r->m.flags & MESSAGE_PARCEL) {
        struct parcel *parcel = cell_block(load_relaxed(&reference_at(r->ref)->ref));
        c->data = parcel_data(parcel);
        c->size = parcel->size;
        c->ref = r->ref;
    }
    return true;
}

static void content_close(struct content *c)
{
    if (c->ref != NO_REF) cell_detach(c->ref);
    Py_XDECREF(c->keeper);
}

static PyObject *content_bytes(const struct content *c)
{
    if (c->keeper) return Py_NewRef(c->keeper);
    PyObject *bytes = PyBytes_FromStringAndSize(NULL, (Py_ssize_t)c->size);
    if (bytes) copy_bytes(PyBytes_AsString(bytes), c->data, c->size);
    return bytes;
}

static PyObject *receive_object(PyObject *self, bool now)
{
    struct receiving r;
    struct content c;
    uint64_t header[2];
    if (!receive(pipe_of(self), &r, now)) return NULL;
    if (!(r.m.flags & MESSAGE_RAW)) return received_object(&r, header);
    PyObject *bytes = content_open(&r, &c) ? content_bytes(&c) : NULL;
    content_close(&c);
    PyObject *object = bytes ? call_by_name("pickle", "loads", bytes) : NULL;
    Py_XDECREF(bytes);
    return object;
}

PyObject *pipe_recv(PyObject *self, PyObject *Py_UNUSED(none)) { return receive_object(self, false); }
PyObject *pipe_recv_now(PyObject *self, PyObject *Py_UNUSED(none)) { return receive_object(self, true); }

/* As with a stream, in which the beginning of the next message is not known then. */
static PyObject *too_long(pipe_object *p)
{
    p->receive_failed = true;
    if (!p->outgoing) pipe_close(p);
    PyErr_SetString(PyExc_OSError, "bad message length");
    return NULL;
}

static PyObject *receive_bytes(PyObject *self, PyObject *args, PyObject *kwargs, bool now)
{
    static char *names[] = {"maxlength", NULL};
    PyObject *bound = Py_None;
    struct receiving r;
    struct content c;
    if (!PyArg_ParseTupleAndKeywords(args, kwargs, "|O:recv_bytes", names, &bound) || !may_receive(pipe_of(self)))
        return NULL;
    Py_ssize_t longest = bound == Py_None ? PY_SSIZE_T_MAX : PyNumber_AsSsize_t(bound, NULL);
    if (longest == -1 && PyErr_Occurred()) return NULL;
    if (longest < 0) return PyErr_Format(PyExc_ValueError, "negative maxlength: %zd", longest);
    if (!receive(pipe_of(self), &r, now)) return NULL;
    PyObject *bytes = NULL;
    if (content_open(&r, &c)) bytes = c.size <= (size_t)longest ? content_bytes(&c) : too_long(pipe_of(self));
    content_close(&c);
    return bytes;
}

PyObject *pipe_recv_bytes(PyObject *self, PyObject *args, PyObject *kwargs)
{
    return receive_bytes(self, args, kwargs, false);
}

PyObject *pipe_recv_bytes_now(PyObject *self, PyObject *args, PyObject *kwargs)
{
    return receive_bytes(self, args, kwargs, true);
}

/* BufferTooShort carries the message. */
static PyObject *raise_too_short(const struct content *c)
{
    PyObject *module = PyImport_ImportModule("processing_core");
    PyObject *type = module ? PyObject_GetAttrString(module, "BufferTooShort") : NULL;
    PyObject *message = type ? content_bytes(c) : NULL;
    if (message) PyErr_SetObject(type, message);
    Py_XDECREF(message);
    Py_XDECREF(type);
    Py_XDECREF(module);
    return NULL;
}

static PyObject *receive_into(pipe_object *p, const Py_buffer *view, Py_ssize_t offset, bool now)
{
    struct receiving r;
    struct content c;
    PyObject *result = NULL;
    if (offset < 0 || offset > view->len) {
        PyErr_SetString(PyExc_ValueError, offset < 0 ? "negative offset" : "offset too large");
        return NULL;
    }
    if (!receive(p, &r, now)) return NULL;
    if (content_open(&r, &c)) {
        if (c.size > (size_t)(view->len - offset)) {
            result = raise_too_short(&c);
        } else {
            copy_bytes((char *)view->buf + offset, c.data, c.size);
            result = PyLong_FromSize_t(c.size);
        }
    }
    content_close(&c);
    return result;
}

static PyObject *receive_bytes_into(PyObject *self, PyObject *args, PyObject *kwargs, bool now)
{
    static char *names[] = {"buf", "offset", NULL};
    PyObject *object;
    Py_ssize_t offset = 0;
    Py_buffer view;
    if (!PyArg_ParseTupleAndKeywords(args, kwargs, "O|n:recv_bytes_into", names, &object, &offset)
        || !may_receive(pipe_of(self))
        || !pipe_buffer_of(object, &view, PyBUF_WRITABLE, "recv_bytes_into() needs a writable contiguous buffer"))
        return NULL;
    PyObject *result = receive_into(pipe_of(self), &view, offset, now);
    PyBuffer_Release(&view);
    return result;
}

PyObject *pipe_recv_bytes_into(PyObject *self, PyObject *args, PyObject *kwargs)
{
    return receive_bytes_into(self, args, kwargs, false);
}

PyObject *pipe_recv_bytes_into_now(PyObject *self, PyObject *args, PyObject *kwargs)
{
    return receive_bytes_into(self, args, kwargs, true);
}

/* -- looking -- */

static outcome poll_attempt(void *ctx, bool look)
{
    struct ring *r = ctx;
    if (look) ring_look(r);
    return ring_empty(r) ? BUSY : OK;
}

/* Whether there is a message, or the end; at once. */
static bool ready(pipe_object *p, struct ring *r)
{
    if (!ring_empty(r)) return true;
    int heard = platform_doorbell_sleep(p->read_fd, 0);
    if (heard & (DOORBELL_HUNG_UP | DOORBELL_CLOSED)) return true;
    return !ring_empty(r) || (heard & DOORBELL_READABLE && look_again(r, p->read_fd));
}

PyObject *pipe_poll(PyObject *self, PyObject *args, PyObject *kwargs)
{
    static char *names[] = {"timeout", NULL};
    PyObject *timeout = NULL;
    int64_t deadline = 0;
    pipe_object *p = pipe_of(self);
    if (!PyArg_ParseTupleAndKeywords(args, kwargs, "|O:poll", names, &timeout) || !may_receive(p)) return NULL;
    if (timeout && !parse_timeout(timeout, &deadline)) return NULL;
    if (p->closed) return pipe_raise_closed(); /* by the timeout's own code */
    PyObject *queue = pipe_ring(p, &p->incoming);
    if (pipe_lost(queue)) return pipe_raise_closed();
    struct ring *r = ring_of(queue);
    bool there = ready(p, r);
    outcome o = there ? OK : BUSY;
    if (!there && deadline > monotonic_ns()) o = wait_for(p, r, poll_attempt, r, deadline);
    Py_DECREF(queue);
    if (o == E_CLOSED && p->closed) return pipe_raise_closed();
    return o < 0 && o != E_CLOSED ? raise_outcome(o) : PyBool_FromLong(o != BUSY);
}

/* _watch(): whether there is a message; if not, the next makes the doorbell readable, once. */
PyObject *pipe_watch(PyObject *self, PyObject *Py_UNUSED(none))
{
    pipe_object *p = pipe_of(self);
    if (!may_receive(p)) return NULL;
    PyObject *queue = pipe_ring(p, &p->incoming);
    if (pipe_lost(queue)) return pipe_raise_closed();
    bool there = !ring_empty(ring_of(queue)) || look_again(ring_of(queue), p->read_fd);
    Py_DECREF(queue);
    return PyBool_FromLong(there);
}

PyObject *pipe_ready(PyObject *self, PyObject *Py_UNUSED(none))
{
    pipe_object *p = pipe_of(self);
    if (!may_receive(p)) return NULL;
    PyObject *queue = pipe_ring(p, &p->incoming);
    if (pipe_lost(queue)) return pipe_raise_closed();
    bool there = ready(p, ring_of(queue));
    Py_DECREF(queue);
    return PyBool_FromLong(there);
}
