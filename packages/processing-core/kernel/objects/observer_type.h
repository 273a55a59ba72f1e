/* The Python type of an observer: see observers.h. */
#ifndef PROCESSING_OBSERVER_TYPE_H
#define PROCESSING_OBSERVER_TYPE_H

#include "arena/observers.h"
#include "base/kernel.h"

/* The slot of an `Observer` of this process; false with an exception. */
bool observer_slot(PyObject *observer, uint32_t *slot);
/* Register it: the key that it will be told, as an int; NULL with an exception. */
PyObject *observer_watch(PyObject *observer, struct observable *o);

#endif
