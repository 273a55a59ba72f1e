/* An end of a pipe: what it sends goes into one ring, what it receives comes out of another, and each has a bell.
 *
 *     end A  ── ring, bell ──▶  end B            duplex: both; simplex: A only sends, or only receives
 *            ◀── ring, bell ──
 *
 * The rings are crash-consistent, so a killed sender leaves a whole message or none.  Who holds an end is known to the
 * system, which counts the bells' descriptors; bell.h has the argument.
 *
 * A receiver that finds nothing spins, if that paid lately, sleeps for a moment on the ring's event count, and then on the
 * bell, which wakes it at a message and at the end alike.  A sender that finds no room sleeps on the ring's event count. */
#include "bell.h"
#include "messages.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

/* What may wait to be received before a sender waits: as much as keeps both sides busy, and stays in the cache if the
 * messages are small. */
#define PIPE_MESSAGES 4096
#define PIPE_BYTES (16 << 20)
#define LONGEST_INLINE (INLINE_MAX - 24)

/* How old the knowledge may be that a receiver exists, for a send that finds room.  (Asking takes 0.3 us, a send 0.1.)
 * No process can be seen to have ended that soon after it was seen to run; a `close` is told by `closings`, at once. */
#define FRESH_NS 20000

/* A sleeper wakes after 20 to 50 us.  Who spins longer than that meets an answer from one that slept; shorter, and two
 * that talk by turns would never begin to spin: each would give up just before the other is awake. */
#define SPIN_NS 60000

/* So long a receiver sleeps on the ring's event count before it sleeps on the bell.  (To write into a system pipe wakes
 * the reader on the writer's own processor, taking the writer to sleep next, which it does not.  Measured on 2
 * processors: a round trip by bells alone 45 us, for the one who spins keeps the other from running; so 1.) */
#define BRIEF_NS 5000000

typedef struct {
    PyObject_HEAD
    PyObject *incoming, *outgoing; /* rings, or NULL */
    int hearing, tolling;          /* the bell of `incoming`, to be read; that of `outgoing`, to be written; or -1 */
    bool closed;
    bool deaf; /* it may not receive any more */
    struct spin send_spin, receive_spin;
    uint32_t seen_closings;
    int64_t looked; /* when a receiver was last seen to exist */
} pipe_object;

static pipe_object *pipe_of(PyObject *self) { return (pipe_object *)self; }

/* -- misuse -- */

static PyObject *raise_closed(void)
{
    PyErr_SetString(error_closed, "handle is closed");
    return NULL;
}

static bool may_send(pipe_object *p)
{
    if (p->closed) raise_closed();
    else if (!p->outgoing) PyErr_SetString(PyExc_OSError, "connection is read-only");
    else return handle_usable(p->outgoing);
    return false;
}

static bool may_receive(pipe_object *p)
{
    if (p->closed) raise_closed();
    else if (!p->incoming || p->deaf) PyErr_SetString(PyExc_OSError, "connection is write-only");
    else return handle_usable(p->incoming);
    return false;
}

/* -- sending -- */

static bool unheard(pipe_object *p, struct ring *r)
{
    uint32_t closings = atomic_load(&r->closings);
    int64_t now = monotonic_ns();
    if (closings == p->seen_closings && now - p->looked < FRESH_NS) return false;
    p->seen_closings = closings;
    p->looked = now;
    return platform_bell_unheard(p->tolling, p->hearing);
}

struct send_attempt {
    pipe_object *pipe;
    struct ring *ring;
    uint32_t index;
    const struct outgoing *message;
};

static outcome put(const struct send_attempt *a, bool fast)
{
    uint64_t number;
    return ring_put_ringing(a->ring, a->index, a->message, 1, fast, &number, a->pipe->tolling);
}

static outcome send_attempt(void *ctx, bool look)
{
    struct send_attempt *a = ctx;
    if (a->pipe->closed) return E_CLOSED;
    if (look) ring_look(a->ring);
    if (look || atomic_load(&a->ring->closings) != a->pipe->seen_closings) {
        a->pipe->seen_closings = atomic_load(&a->ring->closings);
        if (platform_bell_unheard(a->pipe->tolling, a->pipe->hearing)) return E_CLOSED;
    }
    return put(a, false);
}

static PyObject *sent(pipe_object *p, outcome o)
{
    if (o == OK) Py_RETURN_NONE;
    if (o != E_CLOSED) return raise_outcome(o);
    if (p->closed) return raise_closed();
    errno = EPIPE;
    return PyErr_SetFromErrno(PyExc_OSError);
}

static PyObject *send_message(pipe_object *p, struct sending *s)
{
    PyObject *queue = Py_NewRef(p->outgoing); /* another thread may close the end */
    struct send_attempt a = {p, ring_of(queue), index_of(queue), &s->m};
    outcome o = unheard(p, a.ring) ? E_CLOSED : put(&a, true);
    if (o == BUSY) o = park_until(&a.ring->not_full, &p->send_spin, send_attempt, &a, NO_DEADLINE);
    sending_end(s, o == OK);
    Py_DECREF(queue);
    return sent(p, o);
}

static PyObject *py_send(PyObject *self, PyObject *const *args, Py_ssize_t nargs, PyObject *kwnames)
{
    struct sending s;
    bool named = nargs == 0 && kwnames && PyTuple_Size(kwnames) == 1
              && PyUnicode_CompareWithASCIIString(PyTuple_GetItem(kwnames, 0), "obj") == 0;
    if (!named && (nargs != 1 || kwnames)) {
        PyErr_SetString(PyExc_TypeError, "send() takes one argument: the object to send (obj)");
        return NULL;
    }
    if (!may_send(pipe_of(self)) || !sending_begin(&s, args[0], NULL)) return NULL;
    if (pipe_of(self)->closed) { /* by the object's own code */
        sending_end(&s, false);
        return raise_closed();
    }
    return send_message(pipe_of(self), &s);
}

/* The bytes are the caller's, whose buffer is held until they are in the ring or in a parcel. */
static bool sending_bytes(struct sending *s, const void *data, size_t size)
{
    memset(&s->m, 0, sizeof s->m);
    s->ref = NO_REF;
    encoding_begin(&s->e);
    s->e.pieces[0] = (struct piece){.view = {.buf = (void *)data, .len = (Py_ssize_t)size}};
    s->e.n_pieces = 1;
    s->e.pieces_size = size;
    s->m.flags = MESSAGE_RAW;
    if (size <= LONGEST_INLINE) {
        s->m.tail = data;
        s->m.tail_size = (uint32_t)size;
        return true;
    }
    outcome o = parcel_make(&s->e, &s->m.prefix[0], &s->ref);
    if (o != OK) {
        raise_outcome(o);
        return false;
    }
    s->m.flags |= MESSAGE_PARCEL | weight_of(&s->e);
    s->m.prefix_size = 8;
    s->m.ref = reference_at(s->ref);
    return true;
}

/* As a memoryview's cast would refuse it. */
static bool buffer_of(PyObject *object, Py_buffer *view, int flags, const char *otherwise)
{
    if (PyObject_GetBuffer(object, view, flags) == 0) return true;
    if (PyErr_ExceptionMatches(PyExc_BufferError)) PyErr_SetString(PyExc_TypeError, otherwise);
    return false;
}

static bool part_of(const Py_buffer *view, Py_ssize_t offset, PyObject *length, Py_ssize_t *size)
{
    const char *wrong = offset < 0 ? "offset is negative" : offset > view->len ? "buffer length < offset" : NULL;
    *size = view->len - offset;
    if (!wrong && length != Py_None) {
        *size = PyNumber_AsSsize_t(length, PyExc_OverflowError);
        if (*size == -1 && PyErr_Occurred()) return false;
        if (*size < 0) wrong = "size is negative";
        else if (*size > view->len - offset) wrong = "buffer length < offset + size";
    }
    if (wrong) PyErr_SetString(PyExc_ValueError, wrong);
    return !wrong;
}

static PyObject *py_send_bytes(PyObject *self, PyObject *args, PyObject *kwargs)
{
    static char *names[] = {"buf", "offset", "size", NULL};
    PyObject *object, *length = Py_None, *result = NULL;
    Py_ssize_t offset = 0, size;
    Py_buffer view;
    struct sending s;
    if (!PyArg_ParseTupleAndKeywords(args, kwargs, "O|nO:send_bytes", names, &object, &offset, &length)
        || !may_send(pipe_of(self))
        || !buffer_of(object, &view, PyBUF_SIMPLE, "send_bytes() needs a contiguous buffer"))
        return NULL;
    if (part_of(&view, offset, length, &size) && sending_bytes(&s, (const char *)view.buf + offset, (size_t)size))
        result = send_message(pipe_of(self), &s);
    PyBuffer_Release(&view);
    return result;
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
    PyThreadState *thread = PyEval_SaveThread();
    outcome o = park_spin(&p->receive_spin, SPIN_NS, attempt, ctx);
    if (o == BUSY) o = park_briefly(&r->not_empty, attempt, ctx, sooner(deadline, BRIEF_NS));
    while (o == BUSY) {
        if (p->closed) o = E_CLOSED;
        else if (bell_want(r, p->hearing)) o = attempt(ctx, false);
        if (o != BUSY) break;
        int heard = platform_bell_sleep(p->hearing, sooner(deadline, SLICE_NS));
        o = attempt(ctx, heard == 0); /* after the bell: who hung up has put nothing since */
        if (o == BUSY && heard & (BELL_HUNG_UP | BELL_CLOSED)) o = E_CLOSED;
        if (o == BUSY && heard & BELL_READABLE) o = park_spin(&p->receive_spin, SPIN_NS, attempt, ctx); /* it comes */
        if (o != BUSY || monotonic_ns() >= deadline) break;
        if (heard & BELL_READABLE) continue;
        PyEval_RestoreThread(thread);
        bool raised = PyErr_CheckSignals() < 0;
        thread = PyEval_SaveThread();
        if (raised) o = E_SIGNAL;
    }
    PyEval_RestoreThread(thread);
    return o;
}

/* Read a byte away that stands for no message. */
static bool look_again(struct ring *r, int hearing)
{
    PyThreadState *thread = PyEval_SaveThread();
    bool there = bell_want(r, hearing);
    PyEval_RestoreThread(thread);
    return there;
}

/* -- receiving -- */

struct receive_attempt {
    struct ring *ring;
    uint32_t index;
    struct incoming *message;
};

static outcome receive_attempt(void *ctx, bool look)
{
    struct receive_attempt *a = ctx;
    if (look) ring_look(a->ring);
    return ring_get(a->ring, a->index, a->message, false);
}

/* False with an exception. */
static bool receive(pipe_object *p, struct receiving *r)
{
    if (!may_receive(p)) return false;
    outcome o = reference_reserve(&r->ref);
    if (o != OK) {
        raise_outcome(o);
        return false;
    }
    PyObject *queue = Py_NewRef(p->incoming); /* another thread may close the end */
    r->copy = false;
    r->m = (struct incoming){.data = r->data, .entry = reference_at(r->ref)};
    struct receive_attempt a = {ring_of(queue), index_of(queue), &r->m};
    o = ring_get(a.ring, a.index, &r->m, true);
    if (o == BUSY) o = wait_for(p, a.ring, receive_attempt, &a, NO_DEADLINE);
    if (o != OK || !(r->m.flags & MESSAGE_PARCEL)) reference_return(r->ref);
    if (o == OK && !p->closed && bell_stale(a.ring)) look_again(a.ring, p->hearing);
    Py_DECREF(queue);
    if (o == E_CLOSED && p->closed) raise_closed();
    else if (o == E_CLOSED) PyErr_SetNone(PyExc_EOFError);
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

static PyObject *py_recv(PyObject *self, PyObject *Py_UNUSED(none))
{
    struct receiving r;
    struct content c;
    uint64_t header[2];
    if (!receive(pipe_of(self), &r)) return NULL;
    if (!(r.m.flags & MESSAGE_RAW)) return received_object(&r, header);
    PyObject *bytes = content_open(&r, &c) ? content_bytes(&c) : NULL;
    content_close(&c);
    PyObject *object = bytes ? call_by_name("pickle", "loads", bytes) : NULL;
    Py_XDECREF(bytes);
    return object;
}

static void pipe_close(pipe_object *p);

/* As it is with a stream, where nobody knows where the next message begins. */
static PyObject *too_long(pipe_object *p)
{
    p->deaf = true;
    if (!p->outgoing) pipe_close(p);
    PyErr_SetString(PyExc_OSError, "bad message length");
    return NULL;
}

static PyObject *py_recv_bytes(PyObject *self, PyObject *args, PyObject *kwargs)
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
    if (!receive(pipe_of(self), &r)) return NULL;
    PyObject *bytes = NULL;
    if (content_open(&r, &c)) bytes = c.size <= (size_t)longest ? content_bytes(&c) : too_long(pipe_of(self));
    content_close(&c);
    return bytes;
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

static PyObject *receive_into(pipe_object *p, const Py_buffer *view, Py_ssize_t offset)
{
    struct receiving r;
    struct content c;
    PyObject *result = NULL;
    if (offset < 0 || offset > view->len) {
        PyErr_SetString(PyExc_ValueError, offset < 0 ? "negative offset" : "offset too large");
        return NULL;
    }
    if (!receive(p, &r)) return NULL;
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

static PyObject *py_recv_bytes_into(PyObject *self, PyObject *args, PyObject *kwargs)
{
    static char *names[] = {"buf", "offset", NULL};
    PyObject *object;
    Py_ssize_t offset = 0;
    Py_buffer view;
    if (!PyArg_ParseTupleAndKeywords(args, kwargs, "O|n:recv_bytes_into", names, &object, &offset)
        || !may_receive(pipe_of(self))
        || !buffer_of(object, &view, PyBUF_WRITABLE, "recv_bytes_into() needs a writable contiguous buffer"))
        return NULL;
    PyObject *result = receive_into(pipe_of(self), &view, offset);
    PyBuffer_Release(&view);
    return result;
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
    int heard = platform_bell_sleep(p->hearing, 0);
    if (heard & (BELL_HUNG_UP | BELL_CLOSED)) return true;
    return !ring_empty(r) || (heard & BELL_READABLE && look_again(r, p->hearing));
}

static PyObject *py_poll(PyObject *self, PyObject *args, PyObject *kwargs)
{
    static char *names[] = {"timeout", NULL};
    PyObject *timeout = NULL;
    int64_t deadline = 0;
    pipe_object *p = pipe_of(self);
    if (!PyArg_ParseTupleAndKeywords(args, kwargs, "|O:poll", names, &timeout) || !may_receive(p)) return NULL;
    if (timeout && !parse_timeout(timeout, &deadline)) return NULL;
    PyObject *queue = Py_NewRef(p->incoming);
    struct ring *r = ring_of(queue);
    bool there = ready(p, r);
    outcome o = there ? OK : BUSY;
    if (!there && deadline > monotonic_ns()) o = wait_for(p, r, poll_attempt, r, deadline);
    Py_DECREF(queue);
    if (o == E_CLOSED && p->closed) return raise_closed();
    return o < 0 && o != E_CLOSED ? raise_outcome(o) : PyBool_FromLong(o != BUSY);
}

/* heed(): whether there is a message; if not, the next makes the bell readable, once. */
static PyObject *py_heed(PyObject *self, PyObject *Py_UNUSED(none))
{
    pipe_object *p = pipe_of(self);
    if (!may_receive(p)) return NULL;
    PyObject *queue = Py_NewRef(p->incoming);
    bool there = !ring_empty(ring_of(queue)) || look_again(ring_of(queue), p->hearing);
    Py_DECREF(queue);
    return PyBool_FromLong(there);
}

static PyObject *py_ready(PyObject *self, PyObject *Py_UNUSED(none))
{
    pipe_object *p = pipe_of(self);
    return may_receive(p) ? PyBool_FromLong(ready(p, ring_of(p->incoming))) : NULL;
}

static PyObject *py_fileno(PyObject *self, PyObject *Py_UNUSED(none))
{
    pipe_object *p = pipe_of(self);
    if (p->closed) return raise_closed();
    if (!p->incoming) return PyLong_FromLong(p->tolling);
    if (!handle_usable(p->incoming)) return NULL;
    PyObject *queue = Py_NewRef(p->incoming);
    PyThreadState *thread = PyEval_SaveThread();
    outcome o = bell_expose(ring_of(queue), p->hearing);
    PyEval_RestoreThread(thread);
    Py_DECREF(queue);
    return o == OK ? PyLong_FromLong(p->hearing) : raise_outcome(o);
}

static PyObject *py_closed(PyObject *self, void *Py_UNUSED(closure)) { return PyBool_FromLong(pipe_of(self)->closed); }

static PyObject *py_readable(PyObject *self, void *Py_UNUSED(closure))
{
    return PyBool_FromLong(pipe_of(self)->hearing >= 0 && !pipe_of(self)->deaf);
}

static PyObject *py_writable(PyObject *self, void *Py_UNUSED(closure))
{
    return PyBool_FromLong(pipe_of(self)->tolling >= 0);
}

/* _parts(): what it is made of; the descriptors stay its own. */
static PyObject *py_parts(PyObject *self, PyObject *Py_UNUSED(none))
{
    pipe_object *p = pipe_of(self);
    if (p->closed) return raise_closed();
    return Py_BuildValue("OOii", p->incoming ? p->incoming : Py_None, p->outgoing ? p->outgoing : Py_None, p->hearing,
                         p->tolling);
}

/* -- making and closing -- */

/* The descriptors first: who sees `closings` change and asks the system learns the truth. */
static void pipe_close(pipe_object *p)
{
    if (p->closed) return;
    PyObject *incoming = p->incoming, *outgoing = p->outgoing;
    p->closed = true;
    p->incoming = p->outgoing = NULL;
    if (p->hearing >= 0) close(p->hearing);
    if (p->tolling >= 0) close(p->tolling);
    if (incoming && arena_usable() == OK) {
        atomic_fetch_add(&ring_of(incoming)->closings, 1);
        park_wake(&ring_of(incoming)->not_full, ALL_WAITERS);
    }
    Py_XDECREF(incoming);
    Py_XDECREF(outgoing);
}

static PyObject *py_close(PyObject *self, PyObject *Py_UNUSED(none))
{
    pipe_close(pipe_of(self));
    Py_RETURN_NONE;
}

static void pipe_dealloc(PyObject *self)
{
    PyTypeObject *type = Py_TYPE(self);
    pipe_close(pipe_of(self));
    freefunc release = (freefunc)PyType_GetSlot(type, Py_tp_free);
    release(self);
    Py_DECREF(type);
}

static bool ring_or_none(PyObject *object, int fd)
{
    if (object != Py_None && !queue_check(object)) return false;
    if ((object != Py_None) == (fd >= 0)) return true;
    PyErr_SetString(PyExc_ValueError, "each ring needs its bell");
    return false;
}

/* PipeEnd(incoming, outgoing, hearing, tolling): the descriptors are its own from now on. */
static PyObject *pipe_new(PyTypeObject *type, PyObject *args, PyObject *kwargs)
{
    PyObject *incoming, *outgoing;
    int hearing, tolling;
    if (kwargs && PyDict_Size(kwargs)) return PyErr_Format(PyExc_TypeError, "PipeEnd() takes no keywords");
    if (!PyArg_ParseTuple(args, "OOii", &incoming, &outgoing, &hearing, &tolling) || !ring_or_none(incoming, hearing)
        || !ring_or_none(outgoing, tolling))
        return NULL;
    allocfunc alloc = (allocfunc)PyType_GetSlot(type, Py_tp_alloc);
    pipe_object *p = (pipe_object *)alloc(type, 0);
    if (!p) return NULL;
    p->incoming = incoming == Py_None ? NULL : Py_NewRef(incoming);
    p->outgoing = outgoing == Py_None ? NULL : Py_NewRef(outgoing);
    p->hearing = hearing;
    p->tolling = tolling;
    store_relaxed(&p->send_spin.credit, SPIN_CREDIT);
    store_relaxed(&p->receive_spin.credit, SPIN_CREDIT);
    return (PyObject *)p;
}

/* bell(): (reading end, writing end) */
static PyObject *py_bell(PyObject *Py_UNUSED(module), PyObject *Py_UNUSED(none))
{
    int fds[2];
    outcome o = platform_bell_make(fds);
    return o == OK ? Py_BuildValue("ii", fds[0], fds[1]) : raise_outcome(o);
}

static PyMethodDef methods[] = {
    {"send", (PyCFunction)(void (*)(void))py_send, METH_FASTCALL | METH_KEYWORDS, NULL},
    {"recv", py_recv, METH_NOARGS, NULL},
    {"send_bytes", (PyCFunction)(void (*)(void))py_send_bytes, METH_VARARGS | METH_KEYWORDS, NULL},
    {"recv_bytes", (PyCFunction)(void (*)(void))py_recv_bytes, METH_VARARGS | METH_KEYWORDS, NULL},
    {"recv_bytes_into", (PyCFunction)(void (*)(void))py_recv_bytes_into, METH_VARARGS | METH_KEYWORDS, NULL},
    {"poll", (PyCFunction)(void (*)(void))py_poll, METH_VARARGS | METH_KEYWORDS, NULL},
    {"fileno", py_fileno, METH_NOARGS, NULL},
    {"close", py_close, METH_NOARGS, NULL},
    {"_heed", py_heed, METH_NOARGS, NULL},
    {"_ready", py_ready, METH_NOARGS, NULL},
    {"_parts", py_parts, METH_NOARGS, NULL},
    {NULL, NULL, 0, NULL},
};
static PyGetSetDef getset[] = {
    {"closed", py_closed, NULL, NULL, NULL},
    {"readable", py_readable, NULL, NULL, NULL},
    {"writable", py_writable, NULL, NULL, NULL},
    {NULL, NULL, NULL, NULL, NULL},
};
static PyMethodDef functions[] = {
    {"bell", py_bell, METH_NOARGS, NULL},
    {NULL, NULL, 0, NULL},
};
static PyType_Slot slots[] = {
    {Py_tp_new, pipe_new}, {Py_tp_dealloc, pipe_dealloc}, {Py_tp_methods, methods}, {Py_tp_getset, getset}, {0, NULL}};

bool pipe_register(PyObject *module)
{
    PyType_Spec spec = {
        .name = "processing_core._kernel.PipeEnd",
        .basicsize = sizeof(pipe_object),
        .flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_BASETYPE,
        .slots = slots,
    };
    PyObject *type = PyType_FromSpec(&spec);
    return type && PyModule_AddObjectRef(module, "PipeEnd", type) == 0
        && PyModule_AddIntMacro(module, PIPE_MESSAGES) == 0 && PyModule_AddIntMacro(module, PIPE_BYTES) == 0 && PyModule_AddFunctions(module, functions) == 0;
}
