/* Handles: the Python objects that refer to cells. */
#ifndef PROCESSING_HANDLE_H
#define PROCESSING_HANDLE_H

#include "cells/ownership.h"
#include "arena/spin.h"

/* Every shareable Python type begins with this.  A process counts its handles to one cell privately and holds one
 * reference in the arena for all of them. */
typedef struct {
    PyObject_HEAD cell_id id;
    void *block;
    struct spin spin;
} handle_object;

/* Define a Python type of handles of one kind and add it to the module. `slots` need not have a dealloc. */
PyTypeObject *handle_type(PyObject *module, const char *name, enum cell_kind kind, int basicsize, PyType_Slot *slots,
                          bool subclassable);

/* A class derived from one of those, for the same kind. */
PyTypeObject *handle_subtype(PyObject *module, const char *name, PyTypeObject *base, PyType_Slot *slots);

/* What the constructor `made` of a kind is to be called with: the arguments, or none if a program's class has an
 * `__init__` of its own, whose arguments they are. It hands those for the kind to `Handle.__init__`, which makes the
 * cell anew. */
bool handle_arguments(PyTypeObject *type, newfunc made, PyObject **args, PyObject **kwargs);
/* Whether there are none: most calls, which need no parsing then (it takes a twentieth of making a primitive). */
static inline bool handle_no_arguments(PyObject *args, PyObject *kwargs) { return !kwargs && PyTuple_Size(args) == 0; }

/* A new handle to a new zeroed cell; or to an existing one. NULL with an exception. */
PyObject *handle_create(PyTypeObject *type, enum cell_kind kind, uint64_t size);
PyObject *handle_create_raw(PyTypeObject *type, enum cell_kind kind, uint64_t size);
PyObject *handle_attach(PyTypeObject *type, cell_id id);
/* A handle that takes over a reference which the entry holds already. */
PyObject *handle_take_over(PyTypeObject *type, enum cell_kind kind, cell_id id, refno ref);
/* The entry that holds this process's one reference, if this is its only handle: it is no longer the handle's. */
bool handle_release(PyObject *handle, refno *ref);
/* In a fork's child, which took over its references: count the handles that were made since those were counted. */
outcome handles_take_over(void);

/* For types that hold more than the handle: the end of their dealloc, and their __reduce__ with a state (or NULL). */
void handle_dealloc(PyObject *self);
PyObject *handle_reduce_with(PyObject *self, PyObject *state);

/* The cells that a message refers to. */
struct cell_ids {
    cell_id *ids; /* PyMem */
    uint32_t n, room;
};
/* Add those of the handles in a pickle, or in a piece of one that begins and ends between two opcodes: false with an
 * exception. */
bool handles_in(struct cell_ids *c, const void *pickle, size_t size);
void cell_ids_unique(struct cell_ids *c); /* sorts them, and leaves one of each */

/* Check before any use of a handle's block: false with an exception. */
bool handle_usable(PyObject *handle);

#endif
