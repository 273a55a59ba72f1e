/* Block: plain memory in the arena, for whoever can use a buffer.
 *
 * A view of the buffer holds its handle, and the handle the cell, so the memory lives as long as any view in any
 * process.  Nothing here orders accesses: that is for the locks which its users hold. */
#include "handle.h"

static uint64_t block_size(PyObject *self) { return load_relaxed(&arena_cell(id_index(((handle_object *)self)->id))->size); }

static int get_buffer(PyObject *self, Py_buffer *view, int flags)
{
    if (!handle_usable(self)) {
        view->obj = NULL;
        return -1;
    }
    return PyBuffer_FillInfo(view, self, ((handle_object *)self)->block, (Py_ssize_t)block_size(self), 0, flags);
}

static PyObject *block_new(PyTypeObject *type, PyObject *args, PyObject *kwargs)
{
    static char *names[] = {"size", NULL};
    Py_ssize_t size;
    if (!PyArg_ParseTupleAndKeywords(args, kwargs, "n:Block", names, &size)) return NULL;
    if (size < 0) return PyErr_Format(PyExc_ValueError, "a block of %zd bytes: the size must not be negative", size);
    return handle_create(type, CELL_BLOCK, (uint64_t)size);
}

static PyType_Slot slots[] = {{Py_tp_new, block_new},
                              {Py_bf_getbuffer, get_buffer},
                              {0, NULL}};

bool block_register(PyObject *module)
{
    return handle_type(module, "processing_core._kernel.Block", CELL_BLOCK, sizeof(handle_object), slots, true) != NULL;
}
