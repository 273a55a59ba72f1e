/* What is pickled: protocol 5, with the large buffers out of band.
 *
 * The pickler writes small frames and long bytes objects; all of them are pieces of the encoding, copied once. A large
 * buffer is copied once into a block of its own, here, and the message owns a count of the block. The receiver's object
 * refers to that block: the view holds a handle, and the handle the block, until the last view is gone.
 *
 *     TAG_PICKLE   number of blocks (8 bytes)   the pickle */
#include "objects/block.h"
#include "objects/pickle.h"
#include "base/private_lock.h"

#include <string.h>

static PyObject *dumps, *loads;

/* -- writing -- */

/* A buffer in a block of its own, appended to e->blocks.  Its owner cannot free or resize it while it is copied. */
static bool put_block(struct encoding *e, PyObject *buffer)
{
    Py_buffer view;
    if (PyObject_GetBuffer(buffer, &view, PyBUF_ANY_CONTIGUOUS) < 0) return false;
    PyObject *block = block_of(view.buf, (size_t)view.len);
    PyBuffer_Release(&view);
    bool ok = block && PyList_Append(e->blocks, block) == 0;
    Py_XDECREF(block);
    return ok;
}

/* The blocks' references stand before those of handles in the pieces. */
static bool put_blocks(struct encoding *e, PyObject *buffers)
{
    Py_ssize_t n = PyList_Size(buffers);
    cell_id *ids = PyMem_Malloc(((size_t)n + e->refs.n) * sizeof *ids);
    if (!ids) return PyErr_NoMemory() != NULL;
    if (e->refs.n) memcpy(ids + n, e->refs.ids, e->refs.n * sizeof *ids);
    PyMem_Free(e->refs.ids);
    e->refs.ids = ids;
    e->refs.room = e->refs.n + (uint32_t)n;
    if (!(e->blocks = PyList_New(0))) return false;
    for (Py_ssize_t i = 0; i < n; i++) {
        if (!put_block(e, PyList_GetItem(buffers, i))) return false;
        ids[i] = ((handle_object *)PyList_GetItem(e->blocks, i))->id;
    }
    e->refs.n += (uint32_t)n;
    return true;
}

/* Whether this is a frame of the pickler, and not a long bytes object of the user, which the pickler passes on
 * unchanged. */
static bool is_frame(const uint8_t *piece, size_t size)
{
    const uint8_t proto = 0x80, frame = 0x95;
    return size > 2 && (piece[0] == proto || piece[0] == frame);
}

static bool put_piece(struct encoding *e, PyObject *piece)
{
    if (!encoding_append(e, piece)) return false;
    const Py_buffer *view = &e->pieces[e->n_pieces - 1].view;
    return !is_frame(view->buf, (size_t)view->len) || handles_in(&e->refs, view->buf, (size_t)view->len);
}

static bool put_pieces(struct encoding *e, PyObject *pieces)
{
    for (Py_ssize_t i = 0; i < PyList_Size(pieces); i++)
        if (!put_piece(e, PyList_GetItem(pieces, i))) return false;
    return true;
}

static bool put_pickled(struct encoding *e, PyObject *pickled)
{
    uint64_t n_blocks = 0;
    PyObject *pieces = pickled, *buffers = NULL;
    if (PyTuple_Check(pickled) && !PyArg_ParseTuple(pickled, "O!O!", &PyList_Type, &pieces, &PyList_Type, &buffers))
        return false;
    if (buffers) n_blocks = (uint64_t)PyList_Size(buffers);
    if (n_blocks && e->blockless) {
        PyErr_SetString(PyExc_BufferError, "there are large buffers in it");
        return false;
    }
    uint8_t *at = encoding_grow(e, 1 + sizeof n_blocks);
    if (!at) return PyErr_NoMemory() != NULL;
    *at = TAG_PICKLE;
    memcpy(at + 1, &n_blocks, sizeof n_blocks);
    if (!(buffers ? put_pieces(e, pieces) : put_piece(e, pieces))) return false;
    cell_ids_unique(&e->refs);
    return !n_blocks || put_blocks(e, buffers);
}

bool encode_pickle(struct encoding *e, PyObject *object)
{
    if (!dumps) {
        PyErr_SetString(PyExc_RuntimeError, "no pickler is installed (set_pickler)");
        return false;
    }
    PyObject *pickled = PyObject_CallFunctionObjArgs(dumps, object, NULL);
    bool ok = pickled && put_pickled(e, pickled);
    Py_XDECREF(pickled);
    return ok;
}

/* -- reading -- */

static PyObject *open_block(cell_id id, enum block_access access)
{
    PyObject *block = block_attach(id);
    PyObject *view = !block ? NULL : access == BLOCK_COPY ? block_copy(block) : PyMemoryView_FromObject(block);
    if (view && access == BLOCK_READONLY) {
        PyObject *writable = view;
        view = PyObject_CallMethod(writable, "toreadonly", NULL);
        Py_DECREF(writable);
    }
    Py_XDECREF(block);
    return view;
}

static PyObject *open_blocks(const struct blocks *blocks, uint64_t n)
{
    if (!blocks || blocks->n < n) {
        PyErr_SetString(PyExc_ValueError, "a malformed message: it lacks its blocks");
        return NULL;
    }
    PyObject *list = PyList_New((Py_ssize_t)n);
    for (uint64_t i = 0; list && i < n; i++) {
        PyObject *view = open_block(blocks->ids[i], blocks->access);
        if (!view || PyList_SetItem(list, (Py_ssize_t)i, view) < 0) Py_CLEAR(list);
    }
    return list;
}

static PyObject *call_loads(PyObject *view, const struct blocks *blocks, uint64_t n)
{
    if (n == 0) return PyObject_CallFunctionObjArgs(loads, view, NULL);
    PyObject *buffers = open_blocks(blocks, n);
    PyObject *args = buffers ? PyTuple_Pack(1, view) : NULL;
    PyObject *kwargs = args ? Py_BuildValue("{sO}", "buffers", buffers) : NULL;
    PyObject *object = kwargs ? PyObject_Call(loads, args, kwargs) : NULL;
    Py_XDECREF(kwargs), Py_XDECREF(args), Py_XDECREF(buffers);
    return object;
}

/* The unpickler reads the bytes in place; then the view is released, so that no object can read them later. */
PyObject *decode_pickle(const uint8_t *data, size_t size, const struct blocks *blocks, bool *kept)
{
    uint64_t n;
    if (size < sizeof n) return open_blocks(NULL, 1);
    memcpy(&n, data, sizeof n);
    PyObject *view = PyMemoryView_FromMemory((char *)data + sizeof n, (Py_ssize_t)(size - sizeof n), PyBUF_READ);
    if (!view) return NULL;
    PyObject *object = call_loads(view, blocks, n);
    PyObject *type, *value, *trace;
    PyErr_Fetch(&type, &value, &trace);
    PyObject *released = PyObject_CallMethod(view, "release", NULL);
    *kept = released == NULL;
    PyErr_Clear();
    PyErr_Restore(type, value, trace);
    Py_XDECREF(released);
    Py_DECREF(view);
    return object;
}

/* -- the Python side -- */

static PyObject *set_pickler(PyObject *Py_UNUSED(module), PyObject *args)
{
    PyObject *new_dumps, *new_loads;
    if (!PyArg_ParseTuple(args, "OO", &new_dumps, &new_loads)) return NULL;
    drop_replaced(dumps);
    drop_replaced(loads);
    dumps = Py_NewRef(new_dumps);
    loads = Py_NewRef(new_loads);
    Py_RETURN_NONE;
}

static PyMethodDef functions[] = {
    {"set_pickler", set_pickler, METH_VARARGS, NULL},
    {NULL, NULL, 0, NULL},
};

bool pickle_register(PyObject *module) { return PyModule_AddFunctions(module, functions) == 0; }
