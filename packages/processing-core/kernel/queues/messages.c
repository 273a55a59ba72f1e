/* Objects on their way through a ring.
 *
 * Encoding, which may run any user code, is done before the ring is touched; decoding after.  The first attempt
 * holds the GIL, because it takes 50 ns if the ring is neither contended nor full; all waiting is done without the
 * GIL. */
#include "queues/messages.h"
#include "objects/block.h"
#include "arena/errors.h"

#include <string.h>

#define LONGEST_INLINE (INLINE_MAX - 24)

bool queue_usable(PyObject *self)
{
    if (!queue_of(self)->closed) return handle_usable(self);
    PyErr_Format(error_closed, "Queue %R is closed: after close() this process cannot use it", self);
    return false;
}

static PyObject *raise_from(const char *module_name, const char *name)
{
    PyObject *module = PyImport_ImportModule(module_name);
    PyObject *error = module ? PyObject_GetAttrString(module, name) : NULL;
    if (error) PyErr_SetNone(error);
    Py_XDECREF(error);
    Py_XDECREF(module);
    return NULL;
}

/* queue.ShutDown, or before CPython 3.13 our own. */
static PyObject *raise_shut_down(void)
{
    raise_from("queue", "ShutDown");
    if (!PyErr_ExceptionMatches(PyExc_AttributeError)) return NULL;
    PyErr_Clear();
    return raise_from("processing_core._errors", "ShutDown");
}

PyObject *raise_put(outcome o)
{
    if (o == BUSY) return raise_from("queue", "Full");
    return o == E_CLOSED ? raise_shut_down() : raise_outcome(o);
}

PyObject *raise_get(outcome o)
{
    if (o == BUSY) return raise_from("queue", "Empty");
    return o == E_CLOSED ? raise_shut_down() : raise_outcome(o);
}
/* -- in -- */

uint64_t bytes_of(const struct encoding *e)
{
    uint64_t bytes = encoding_size(e);
    for (Py_ssize_t i = 0; e->blocks && i < PyList_Size(e->blocks); i++)
        bytes += block_bytes(PyList_GetItem(e->blocks, i));
    return bytes;
}

/* The bytes that a parcel has outside of the ring, for max_bytes, in the format of the message's flags. */
uint32_t weight_of(const struct encoding *e)
{
    uint64_t weight = (bytes_of(e) + 1023) >> 10;
    return (uint32_t)(weight < WEIGHT_MAX ? weight : WEIGHT_MAX) << WEIGHT_SHIFT;
}

static bool sending_fill(struct sending *s, PyObject *object)
{
    memset(&s->m, 0, sizeof s->m);
    s->ref = NO_REF;
    if (!encode(&s->e, object)) return false;
    if (s->e.refs.n || encoding_size(&s->e) > LONGEST_INLINE) {
        outcome o = parcel_make(&s->e, &s->m.prefix[0], &s->ref);
        if (o != OK) return raise_outcome(o) != NULL;
        s->m.flags = MESSAGE_PARCEL | weight_of(&s->e);
        s->m.prefix_size = 8;
        s->m.ref = reference_at(s->ref);
        return true;
    }
    if (s->e.n_pieces > 1 && !encoding_join(&s->e)) return false;
    s->m.head = s->e.head;
    s->m.head_size = (uint32_t)s->e.head_size;
    s->m.tail = s->e.n_pieces ? s->e.pieces->view.buf : NULL;
    s->m.tail_size = (uint32_t)s->e.pieces_size;
    return true;
}

static bool sending_filled(struct sending *s, PyObject *object)
{
    if (sending_fill(s, object)) return true;
    encoding_end(&s->e);
    return false;
}

bool sending_begin_at(struct sending *s, PyObject *object, uint8_t *space, size_t room)
{
    encoding_begin_at(&s->e, space, room);
    return sending_filled(s, object);
}

static void set_header(struct sending *s, const uint64_t *header)
{
    memcpy((uint8_t *)s->m.prefix + s->m.prefix_size, header, 16);
    s->m.prefix_size += 16;
    s->m.flags |= MESSAGE_HEADED;
}

bool sending_begin(struct sending *s, PyObject *object, const uint64_t *header)
{
    encoding_begin(&s->e);
    if (!sending_filled(s, object)) return false;
    if (header) set_header(s, header);
    return true;
}

bool sending_begin_blockless(struct sending *s, PyObject *object, const uint64_t *header)
{
    encoding_begin(&s->e);
    s->e.blockless = true;
    if (!sending_filled(s, object)) return false;
    set_header(s, header);
    return true;
}

/* After a put the ring owns the parcel, and the entry is free again; if the put failed, the parcel is dropped. */
void sending_end(struct sending *s, bool put)
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
    struct coalescing *coalescing;
};

static outcome put_attempt(void *ctx, bool look)
{
    struct put_attempt *a = ctx;
    coalescing_pause(&a->coalescing);
    if (look) ring_look(a->ring);
    return ring_put(a->ring, a->index, a->messages, a->n, false, &a->number);
}

outcome queue_send(PyObject *self, const struct outgoing *m, uint32_t n, int64_t deadline, uint64_t *number)
{
    struct put_attempt a = {ring_of(self), index_of(self), n, m, 0, NULL};
    outcome o = ring_put(a.ring, a.index, m, n, true, &a.number);
    if (o == BUSY && deadline == 0) {
        PyThreadState *thread = PyEval_SaveThread();
        o = put_attempt(&a, true);
        PyEval_RestoreThread(thread);
    } else if (o == BUSY) {
        a.coalescing = &queue_of(self)->puts;
        o = park_until_room(&a.ring->not_full.parked, &((struct queue_object *)self)->put_spin, put_attempt, &a,
                            deadline, outgoing_room(m, n));
        if (o == OK) coalescing_passed(&queue_of(self)->puts, a.number);
    }
    *number = a.number;
    return o;
}

PyObject *queue_put(PyObject *self, PyObject *object, const uint64_t *header, int64_t deadline, uint64_t *number)
{
    struct sending s;
    if (!queue_usable(self) || !sending_begin(&s, object, header)) return NULL;
    outcome o = queue_send(self, &s.m, 1, deadline, number);
    sending_end(&s, o == OK);
    if (o != OK) return raise_put(o);
    Py_RETURN_NONE;
}
/* -- out -- */

struct get_attempt {
    struct ring *ring;
    uint32_t index;
    struct incoming *message;
    struct coalescing *coalescing;
};

static outcome get_attempt(void *ctx, bool look)
{
    struct get_attempt *a = ctx;
    coalescing_pause(&a->coalescing);
    if (look) ring_look(a->ring);
    if (a->message->claim && claim_leaving(a->message->claim)) return E_CLOSED;
    return ring_get(a->ring, a->index, a->message, false);
}

outcome queue_receive(PyObject *self, struct receiving *r, struct claim *claim, struct coalescing *coalescing,
                      int64_t deadline)
{
    outcome o = reference_reserve(&r->ref);
    if (o != OK) return o;
    r->copy = false;
    r->m = (struct incoming){.data = r->data, .entry = reference_at(r->ref), .claim = claim};
    struct get_attempt a = {ring_of(self), index_of(self), &r->m, NULL};
    o = ring_get(a.ring, a.index, &r->m, true);
    if (o == BUSY && deadline == 0) {
        PyThreadState *thread = PyEval_SaveThread();
        o = get_attempt(&a, true);
        PyEval_RestoreThread(thread);
    } else if (o == BUSY) {
        if (claim) claim_idle(claim, monotonic_ns());
        a.coalescing = coalescing;
        o = park_until_alone(&a.ring->not_empty.parked, &a.ring->spinner, &((struct queue_object *)self)->get_spin,
                             get_attempt, &a, deadline);
        if (claim) claim_busy(claim, monotonic_ns());
        if (coalescing && o == OK) coalescing_passed(coalescing, r->m.number);
        ring_pass_on(a.ring);
    }
    if (o != OK || !(r->m.flags & MESSAGE_PARCEL)) reference_return(r->ref);
    return o;
}

PyObject *received_object(struct receiving *r, uint64_t header[2])
{
    return message_object(&r->m, r->ref, r->copy, header);
}

PyObject *message_object(const struct incoming *m, refno ref, bool copy, uint64_t header[2])
{
    size_t at = m->flags & MESSAGE_PARCEL ? 8 : 0;
    if (m->flags & MESSAGE_HEADED) {
        memcpy(header, m->data + at, 16);
        at += m->flags & MESSAGE_BATCH ? 24 : 16;
    }
    if (m->flags & MESSAGE_PARCEL) return parcel_open(ref, copy);
    bool kept;
    PyObject *object = decode(m->data + at, m->size - at, NULL, &kept);
    if (object == NULL || !kept) return object;
    Py_DECREF(object); /* it looks into this stack frame: no unpickler of ours does that */
    PyErr_SetString(PyExc_BufferError, "an unpickled object kept a view of its message");
    return NULL;
}
