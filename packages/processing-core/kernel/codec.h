/* Objects as bytes: a codec of the kernel's own for plain values, pickle for everything else. */
#ifndef PROCESSING_CODEC_H
#define PROCESSING_CODEC_H

#include "handle.h"

/* What `encode` makes: a head, and a tail that stands in a Python object (a large bytes object, a pickle). */
struct encoding {
    uint8_t *head;
    size_t head_size, room;
    const void *tail;
    size_t tail_size;
    PyObject *keeper; /* owns the tail */
    struct collection refs;
    uint8_t space[240];
};

void encoding_begin(struct encoding *e);
bool encode(struct encoding *e, PyObject *object); /* false: exception, e.g. of the object's own __reduce__ */
void encoding_end(struct encoding *e);
static inline size_t encoding_size(const struct encoding *e) { return e->head_size + e->tail_size; }
void encoding_copy(const struct encoding *e, void *to);

/* A new object from bytes.  `*kept` is set if something still looks into the bytes: they must never be freed. */
PyObject *decode(const void *data, size_t size, bool *kept);

#endif
