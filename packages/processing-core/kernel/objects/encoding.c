/* See encoding.h. */
#include "objects/encoding.h"

#include <string.h>

void encoding_begin(struct encoding *e) { encoding_begin_at(e, e->space, sizeof e->space); }

void encoding_begin_at(struct encoding *e, uint8_t *space, size_t room)
{
    e->head = e->lent = space;
    e->head_size = 0;
    e->room = room;
    e->pieces = e->few;
    e->n_pieces = 0;
    e->pieces_room = sizeof e->few / sizeof *e->few;
    e->pieces_size = 0;
    e->refs = (struct cell_ids){0};
    e->blocks = NULL;
    e->blockless = false;
}

static void drop_pieces(struct encoding *e)
{
    while (e->n_pieces) PyBuffer_Release(&e->pieces[--e->n_pieces].view);
    e->pieces_size = 0;
}

void encoding_clear(struct encoding *e)
{
    e->head_size = 0;
    drop_pieces(e);
}

void encoding_end(struct encoding *e)
{
    drop_pieces(e);
    if (e->pieces != e->few) PyMem_Free(e->pieces);
    if (e->head != e->lent) PyMem_Free(e->head);
    PyMem_Free(e->refs.ids);
    Py_XDECREF(e->blocks);
}

void encoding_copy(const struct encoding *e, void *to)
{
    uint8_t *at = to;
    size_t done = 0;
    PyThreadState *thread = encoding_size(e) >= LARGE ? PyEval_SaveThread() : NULL;
    for (uint32_t i = 0; i < e->n_pieces; i++) {
        const struct piece *p = &e->pieces[i];
        memcpy(at, e->head + done, p->at - done);
        memcpy(at + (p->at - done), p->view.buf, (size_t)p->view.len);
        at += p->at - done + (size_t)p->view.len;
        done = p->at;
    }
    memcpy(at, e->head + done, e->head_size - done);
    if (thread) PyEval_RestoreThread(thread);
}

bool encoding_make_room(struct encoding *e, size_t n)
{
    size_t room = (e->head_size + n) * 2;
    uint8_t *head = PyMem_Malloc(room);
    if (!head) return false;
    memcpy(head, e->head, e->head_size);
    if (e->head != e->lent) PyMem_Free(e->head);
    e->head = head;
    e->room = room;
    return true;
}

static bool pieces_grow(struct encoding *e)
{
    if (e->n_pieces < e->pieces_room) return true;
    struct piece *pieces = PyMem_Malloc(2 * e->pieces_room * sizeof *pieces);
    if (!pieces) return PyErr_NoMemory() != NULL;
    memcpy(pieces, e->pieces, e->n_pieces * sizeof *pieces);
    if (e->pieces != e->few) PyMem_Free(e->pieces);
    e->pieces = pieces;
    e->pieces_room *= 2;
    return true;
}

/* A view rather than a pointer, so that a bytearray cannot be resized meanwhile. */
bool encoding_append(struct encoding *e, PyObject *bytes)
{
    if (!pieces_grow(e)) return false;
    struct piece *p = &e->pieces[e->n_pieces];
    if (PyObject_GetBuffer(bytes, &p->view, PyBUF_ANY_CONTIGUOUS) < 0) return false;
    p->at = e->head_size;
    e->n_pieces++;
    e->pieces_size += (size_t)p->view.len;
    return true;
}

bool encoding_join(struct encoding *e)
{
    size_t size = encoding_size(e);
    uint8_t *head = PyMem_Malloc(size);
    if (!head) return PyErr_NoMemory() != NULL;
    encoding_copy(e, head);
    drop_pieces(e);
    if (e->head != e->lent) PyMem_Free(e->head);
    e->head = head;
    e->head_size = e->room = size;
    return true;
}
