/* Batches: items that travel in one message, and results that are sent together. */
#ifndef PROCESSING_BATCH_H
#define PROCESSING_BATCH_H

#include "messages.h"

/* Methods of a queue. */
PyObject *batch_send(PyObject *queue, PyObject *args);
PyObject *batch_save(PyObject *queue, PyObject *const *args, Py_ssize_t n);
PyObject *batch_run(PyObject *queue, PyObject *args);
PyObject *batch_flush(PyObject *queue, PyObject *args);
PyObject *batch_send_saved(PyObject *queue, PyObject *args);
PyObject *batch_void(PyObject *queue, PyObject *args);

/* The results of a MESSAGE_MANY, and which of them are no successes: True, or a list of indexes. */
PyObject *received_many(struct receiving *r, uint64_t header[2], PyObject **ok);
PyObject *fetched_exception(void); /* the current exception, which is cleared (rows.c) */

#endif
