/* Batches: items that travel in one message, and results that are sent together. */
#ifndef PROCESSING_BATCH_H
#define PROCESSING_BATCH_H

#include "queues/messages.h"

/* Methods of a queue. */
PyObject *batch_send(PyObject *queue, PyObject *args);
PyObject *batch_save(PyObject *queue, PyObject *const *args, Py_ssize_t n);
PyObject *batch_run(PyObject *queue, PyObject *args);
PyObject *batch_flush(PyObject *queue, PyObject *args);
PyObject *batch_send_saved(PyObject *queue, PyObject *args);

#endif
