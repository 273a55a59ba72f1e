/* Blocks: plain memory in the arena, as a Python object with a buffer. */
#ifndef PROCESSING_BLOCK_H
#define PROCESSING_BLOCK_H

#include "objects/handle.h"

PyObject *block_of(const void *data, size_t size); /* a new block with a copy; the GIL is released if that is long */
PyObject *block_attach(cell_id id);
uint64_t block_bytes(PyObject *block);
PyObject *block_copy(PyObject *block); /* a bytearray */

#endif
