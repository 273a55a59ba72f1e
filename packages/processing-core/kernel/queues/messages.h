/* Objects on their way through a ring: what all kinds of queues, and pipes, have in common. */
#ifndef PROCESSING_MESSAGES_H
#define PROCESSING_MESSAGES_H

#include "objects/packing.h"
#include "queues/coalescing.h"
#include "queues/ring.h"

struct queue_object {
    handle_object base;
    struct spin put_spin, get_spin;
    bool closed; /* by close(): this handle refuses everything.  One test of a byte that is in the cache anyway */
    PyObject *leftover; /* what get_many took before the item that could not be unpickled; NULL or a list */
    struct coalescing puts, gets;
};

static inline struct ring *ring_of(PyObject *self) { return ((handle_object *)self)->block; }
static inline uint32_t index_of(PyObject *self) { return id_index(((handle_object *)self)->id); }
static inline struct queue_object *queue_of(PyObject *self) { return (struct queue_object *)self; }

bool queue_usable(PyObject *self); /* false with an exception */
PyObject *raise_put(outcome o);    /* BUSY is queue.Full, E_CLOSED is ShutDown */
PyObject *raise_get(outcome o);    /* BUSY is queue.Empty, E_CLOSED is ShutDown */

/* -- in -- */
struct sending {
    struct encoding e;
    struct outgoing m;
    refno ref;
};
bool sending_begin(struct sending *s, PyObject *object, const uint64_t *header); /* false with an exception */
/* Likewise, but what has large buffers is refused, with a BufferError. */
bool sending_begin_blockless(struct sending *s, PyObject *object, const uint64_t *header);
bool sending_begin_at(struct sending *s, PyObject *object, uint8_t *space, size_t room); /* as encoding_begin_at */
uint64_t bytes_of(const struct encoding *e); /* of the message and its blocks */
void sending_end(struct sending *s, bool put);
/* What a parcel has outside of the ring, for max_bytes, as it stands in the message's flags. */
uint32_t weight_of(const struct encoding *e);
outcome queue_send(PyObject *self, const struct outgoing *m, uint32_t n, int64_t deadline, uint64_t *number);
PyObject *queue_put(PyObject *self, PyObject *object, const uint64_t *header, int64_t deadline, uint64_t *number);

/* -- out -- */
struct receiving {
    struct incoming m;
    refno ref;
    bool copy; /* let the object not refer to its message's blocks; false from queue_receive on */
    uint8_t data[INLINE_MAX];
};
/* Without `coalescing` a wait never begins with a pause: a call to a pool, which waits for one result, does not want it. */
outcome queue_receive(PyObject *self, struct receiving *r, struct claim *claim, struct coalescing *coalescing,
                      int64_t deadline);
PyObject *received_object(struct receiving *r, uint64_t header[2]);
/* The object of a message, whose parcel `ref` refers to; `header` is filled in if the message has one. */
PyObject *message_object(const struct incoming *m, refno ref, bool copy, uint64_t header[2]);

#endif
