/* Methods whose binding costs no allocation, and methods of a subclass's own. */
#ifndef PROCESSING_FAST_METHOD_H
#define PROCESSING_FAST_METHOD_H

#include "base/kernel.h"

typedef PyObject *(*bound_fn)(PyObject *self, PyObject *const *args, Py_ssize_t nargs);

/* Set type.name to a method that takes positional arguments; for what `with` calls. */
bool bound_add(PyTypeObject *type, const char *name, bound_fn call);

#endif
