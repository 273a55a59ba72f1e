/* Methods whose binding costs no allocation, and methods of a subclass's own. */
#ifndef PROCESSING_BOUND_H
#define PROCESSING_BOUND_H

#include "kernel.h"

typedef PyObject *(*bound_fn)(PyObject *self, PyObject *const *args, Py_ssize_t nargs);

/* Set type.name to a method that takes positional arguments; for what `with` calls. */
bool bound_add(PyTypeObject *type, const char *name, bound_fn call);
bool bound_register(PyObject *module);

#endif
