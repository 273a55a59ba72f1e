/* Finishing: how many of a ring's messages have been dealt with, and waiting until all have. */
#ifndef PROCESSING_FINISH_H
#define PROCESSING_FINISH_H

#include "handle.h"

/* Methods of a queue: _task_done() and _join(timeout=None). */
PyObject *finish_one(PyObject *queue, PyObject *none);
PyObject *finish_wait(PyObject *queue, PyObject *args);

#endif
