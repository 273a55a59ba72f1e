/* The type of queues, for files that extend it or take one. */
#ifndef PROCESSING_QUEUE_TYPE_H
#define PROCESSING_QUEUE_TYPE_H

#include "queues/messages.h"

bool queue_check(PyObject *object); /* whether it is one; false with an exception */
/* A class of queues with further methods, derived from `base` (NULL: from Queue itself), added to the module. */
PyTypeObject *queue_subtype(PyObject *module, const char *name, PyTypeObject *base, PyMethodDef *methods);

#endif
