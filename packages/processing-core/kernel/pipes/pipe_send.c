/* What goes into an end of a pipe: see pipe_end.h. */
#include "queues/messages.h"
#include "pipes/pipe_send.h"
#include "arena/errors.h"

#include <errno.h>
#include <string.h>

#define LONGEST_INLINE (INLINE_MAX - 24)

/* For how long a send that finds room relies on the last answer that a receiver exists.  (Asking takes 0.3 us, a send
 * 0.1.) No process could notice a receiver's death that soon; a `close` is seen at once, by `closings`. */
#define FRESH_NS 20000

static bool may_send(pipe_object *p)
{
    if (p->closed) pipe_raise_closed();
    else if (!p->outgoing) PyErr_SetString(PyExc_OSError, "connection is read-only");
    else return handle_usable(p->outgoing);
    return false;
}

/* Only a receiver that was seen is remembered: where there was none, the next send has to look, too. */
static bool looks_in_vain(pipe_object *p, uint32_t closings)
{
    if (platform_doorbell_no_readers(p->write_fd, p->read_fd)) return true;
    store_relaxed(&p->seen_closings, closings);
    return false;
}

static bool no_receiver(pipe_object *p, struct ring *r)
{
    uint32_t closings = load(&r->closings);
    uint64_t now = (uint64_t)monotonic_ns();
    if (closings == load_relaxed(&p->seen_closings) && now - load_relaxed(&p->looked) < FRESH_NS) return false;
    if (looks_in_vain(p, closings)) return true;
    store_relaxed(&p->looked, now);
    return false;
}

struct send_attempt {
    pipe_object *pipe;
    struct ring *ring;
    uint32_t index;
    const struct outgoing *message;
    uint64_t number;
    struct coalescing *coalescing;
};

static outcome put(struct send_attempt *a, bool fast)
{
    return ring_put_ringing(a->ring, a->index, a->message, 1, fast, &a->number, a->pipe->write_fd);
}

static outcome send_attempt(void *ctx, bool look)
{
    struct send_attempt *a = ctx;
    coalescing_pause(&a->coalescing);
    if (a->pipe->closed) return E_CLOSED;
    if (look) ring_look(a->ring);
    uint32_t closings = load(&a->ring->closings);
    bool fresh = !look && closings == load_relaxed(&a->pipe->seen_closings);
    if (!fresh && looks_in_vain(a->pipe, closings)) return E_CLOSED;
    return put(a, false);
}

static PyObject *sent(pipe_object *p, outcome o)
{
    if (o == OK) Py_RETURN_NONE;
    if (o == BUSY) return PyErr_SetNone(PyExc_BlockingIOError), NULL;
    if (o != E_CLOSED) return raise_outcome(o);
    if (p->closed) return pipe_raise_closed();
    errno = EPIPE;
    return raise_errno();
}

/* The end may have been closed since `may_send`: by the object's own code, or by another thread while the message was
 * made. */
static PyObject *send_message(pipe_object *p, struct sending *s, bool now)
{
    PyObject *queue = p->closed ? NULL : pipe_ring(p, &p->outgoing);
    if (!queue) {
        sending_end(s, false);
        return pipe_raise_closed();
    }
    struct send_attempt a = {p, ring_of(queue), index_of(queue), &s->m, 0, now ? NULL : &p->sends};
    outcome o = no_receiver(p, a.ring) ? E_CLOSED : put(&a, true);
    if (o == BUSY && now) {
        PyThreadState *thread = PyEval_SaveThread();
        o = send_attempt(&a, true);
        PyEval_RestoreThread(thread);
    } else if (o == BUSY) {
        o = park_until_room(&a.ring->not_full.parked, &p->send_spin, send_attempt, &a, NO_DEADLINE,
                            outgoing_room(&s->m, 1));
        if (o == OK) coalescing_passed(&p->sends, a.number);
    }
    sending_end(s, o == OK);
    Py_DECREF(queue);
    return sent(p, o);
}

PyObject *pipe_send(PyObject *self, PyObject *const *args, Py_ssize_t nargs, PyObject *kwnames)
{
    struct sending s;
    bool named = nargs == 0 && kwnames && PyTuple_Size(kwnames) == 1
              && PyUnicode_CompareWithASCIIString(PyTuple_GetItem(kwnames, 0), "obj") == 0;
    if (!named && (nargs != 1 || kwnames)) {
        PyErr_SetString(PyExc_TypeError, "send() takes one argument: the object to send (obj)");
        return NULL;
    }
    if (!may_send(pipe_of(self)) || !sending_begin(&s, args[0], NULL)) return NULL;
    return send_message(pipe_of(self), &s, false);
}

PyObject *pipe_send_now(PyObject *self, PyObject *object)
{
    struct sending s;
    if (!may_send(pipe_of(self)) || !sending_begin(&s, object, NULL)) return NULL;
    return send_message(pipe_of(self), &s, true);
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

static PyObject *send_bytes(PyObject *self, PyObject *args, PyObject *kwargs, bool now)
{
    static char *names[] = {"buf", "offset", "size", NULL};
    PyObject *object, *length = Py_None, *result = NULL;
    Py_ssize_t offset = 0, size;
    Py_buffer view;
    struct sending s;
    if (!PyArg_ParseTupleAndKeywords(args, kwargs, "O|nO:send_bytes", names, &object, &offset, &length)
        || !may_send(pipe_of(self))
        || !pipe_buffer_of(object, &view, PyBUF_SIMPLE, "send_bytes() needs a contiguous buffer"))
        return NULL;
    if (part_of(&view, offset, length, &size) && sending_bytes(&s, (const char *)view.buf + offset, (size_t)size))
        result = send_message(pipe_of(self), &s, now);
    PyBuffer_Release(&view);
    return result;
}

PyObject *pipe_send_bytes(PyObject *self, PyObject *args, PyObject *kwargs)
{
    return send_bytes(self, args, kwargs, false);
}

PyObject *pipe_send_bytes_now(PyObject *self, PyObject *args, PyObject *kwargs)
{
    return send_bytes(self, args, kwargs, true);
}
