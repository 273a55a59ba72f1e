/* Finishing: how many of a ring's messages have been dealt with, and waiting until all have. */
#ifndef PROCESSING_JOIN_H
#define PROCESSING_JOIN_H

#include "objects/handle.h"

/* Methods of a queue: _task_done(), _unfinished() and _join(timeout=None). */
PyObject *task_done(PyObject *queue, PyObject *none);
PyObject *unfinished(PyObject *queue, PyObject *none);
PyObject *join_wait(PyObject *queue, PyObject *args);

#endif
