/* Handles: the Python objects that refer to cells. */
#ifndef PROCESSING_HANDLE_H
#define PROCESSING_HANDLE_H

#include "cells.h"
#include "park.h"

/* Every shareable Python type begins with this.  A process counts its handles to one cell privately and holds one
 * reference in the arena for all of them. */
typedef struct {
    PyObject_HEAD
    cell_id id;
    void *block;
    struct spin spin;
} handle_object;

/* Define a Python type of handles of one kind and add it to the module. `slots` need not have a dealloc. */
PyTypeObject *handle_type(PyObject *module, const char *name, enum cell_kind kind, int basicsize, PyType_Slot *slots,
                          bool subclassable);

/* A new handle to a new zeroed cell; or to an existing one. NULL with an exception. */
PyObject *handle_create(PyTypeObject *type, enum cell_kind kind, uint64_t size);
PyObject *handle_create_raw(PyTypeObject *type, enum cell_kind kind, uint64_t size);
PyObject *handle_attach(PyTypeObject *type, cell_id id);
/* A handle that takes over a reference which the entry holds already. */
PyObject *handle_adopt(PyTypeObject *type, enum cell_kind kind, cell_id id, refno ref);
/* The entry that holds this process's one reference, if this is its only handle: it is no longer the handle's. */
bool handle_release(PyObject *handle, refno *ref);
/* In a fork's child, which took over its references: count the handles that were made since those were counted. */
outcome handles_adopt(void);

/* For types that hold more than the handle: the end of their dealloc, and their __reduce__ with a state (or NULL). */
void handle_dealloc(PyObject *self);
PyObject *handle_reduce_with(PyObject *self, PyObject *state);

/* The handles pickled by this thread since `collect_begin`; collections nest. */
struct collection {
    cell_id *ids;
    uint32_t n, room;
    struct collection *outer;
};
void collect_begin(struct collection *c);
void collect_end(struct collection *c); /* frees nothing: ids belong to the caller (PyMem) */

/* Remember which line made it, where that is asked for (survey.c): false with an exception. */
bool site_record(PyObject *handle, enum cell_kind kind);

/* Check before any use of a handle's block: false with an exception. */
bool handle_usable(PyObject *handle);

#endif
