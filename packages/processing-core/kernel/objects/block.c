/* Block: plain memory in the arena, for code that can use a buffer.
 *
 * A view of the buffer holds its handle, and the handle the cell, so the memory exists as long as any view in any
 * process. This file orders no accesses: its users must hold locks. */
#include "objects/block.h"

#include <string.h>

static PyTypeObject *block_type;

uint64_t block_bytes(PyObject *self) { return load_relaxed(&arena_cell(id_index(((handle_object *)self)->id))->size); }

static int get_buffer(PyObject *self, Py_buffer *view, int flags)
{
    if (!handle_usable(self)) {
        view->obj = NULL;
        return -1;
    }
    return PyBuffer_FillInfo(view, self, ((handle_object *)self)->block, (Py_ssize_t)block_bytes(self), 0, flags);
}

static PyObject *block_new(PyTypeObject *type, PyObject *args, PyObject *kwargs)
{
    static char *names[] = {"size", "zeroed", NULL};
    Py_ssize_t size;
    int zeroed = 1;
    if (!PyArg_ParseTupleAndKeywords(args, kwargs, "n|p:Block", names, &size, &zeroed)) return NULL;
    if (size < 0) return PyErr_Format(PyExc_ValueError, "a block of %zd bytes: the size must not be negative", size);
    return (zeroed ? handle_create : handle_create_raw)(type, CELL_BLOCK, (uint64_t)size);
}

PyObject *block_of(const void *data, size_t size)
{
    PyObject *block = handle_create_raw(block_type, CELL_BLOCK, size);
    if (!block) return NULL;
    PyThreadState *thread = size >= LARGE ? PyEval_SaveThread() : NULL;
    if (thread) arena_populate(((handle_object *)block)->block, size);
    memcpy(((handle_object *)block)->block, data, size);
    if (thread) PyEval_RestoreThread(thread);
    return block;
}

PyObject *block_attach(cell_id id) { return handle_attach(block_type, id); }

PyObject *block_copy(PyObject *block)
{
    PyObject *copy = PyByteArray_FromStringAndSize(NULL, (Py_ssize_t)block_bytes(block));
    if (copy) copy_bytes(PyByteArray_AsString(copy), ((handle_object *)block)->block, (size_t)block_bytes(block));
    return copy;
}

static PyType_Slot slots[] = {{Py_tp_new, block_new}, {Py_bf_getbuffer, get_buffer}, {0, NULL}};

bool block_register(PyObject *module)
{
    block_type = handle_type(module, "processing_core._kernel.Block", CELL_BLOCK, sizeof(handle_object), slots, true);
    return block_type != NULL;
}
