/* Where an object's bytes are put together. */
#ifndef PROCESSING_ENCODING_H
#define PROCESSING_ENCODING_H

#include "objects/handle.h"

/* The first byte of a message. */
enum {
    TAG_NONE,
    TAG_TRUE,
    TAG_FALSE,
    TAG_INT,
    TAG_FLOAT,
    TAG_STR,
    TAG_BYTES,
    TAG_TUPLE,
    TAG_LIST,
    TAG_DICT,
    TAG_PICKLE,
    TAG_LONG_BYTES,
    TAG_BYTEARRAY,
    TAG_REST /* bytes up to the end of the message */,
    TAG_LONG_LIST
};

/* Bytes of another object, copied once, after the first `at` bytes of the head. */
struct piece {
    Py_buffer view;
    size_t at;
};

/* What `encode` makes: a head, and pieces that stand in Python objects (a large bytes object, a pickle), in order.
 * Large buffers are in neither: each went to a block of its own, and the message has a reference to it. */
struct encoding {
    uint8_t *head;
    uint8_t *lent; /* where the head begins; it goes elsewhere if it outgrows that */
    size_t head_size, room;
    struct piece *pieces;
    uint32_t n_pieces, pieces_room;
    size_t pieces_size;
    struct cell_ids refs; /* those of the blocks first */
    PyObject *blocks;     /* list of their handles, or NULL */
    bool blockless;       /* what has large buffers is refused, with a BufferError */
    struct piece few[2];
    uint8_t space[240];
};

void encoding_begin(struct encoding *e);
void encoding_begin_at(struct encoding *e, uint8_t *space, size_t room); /* the head stands there, if it has room */
void encoding_clear(struct encoding *e);                                 /* nothing was put yet */
void encoding_end(struct encoding *e);
static inline size_t encoding_size(const struct encoding *e) { return e->head_size + e->pieces_size; }
void encoding_copy(const struct encoding *e, void *to);    /* with the GIL, which is released to copy what is large */
bool encoding_join(struct encoding *e);                    /* all of it into the head; false: exception */
bool encoding_append(struct encoding *e, PyObject *bytes); /* a piece; false: exception */
bool encoding_make_room(struct encoding *e, size_t n);     /* for n bytes more of head; false: no memory */

/* n bytes more of head; NULL: no memory. */
static inline uint8_t *encoding_grow(struct encoding *e, size_t n)
{
    if (e->head_size + n > e->room && !encoding_make_room(e, n)) return NULL;
    uint8_t *at = e->head + e->head_size;
    e->head_size += n;
    return at;
}

#endif
