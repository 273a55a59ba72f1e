/* What goes into an end of a pipe. */
#ifndef PROCESSING_PIPE_SEND_H
#define PROCESSING_PIPE_SEND_H

#include "pipes/pipe_end.h"

PyObject *pipe_send(PyObject *self, PyObject *const *args, Py_ssize_t nargs, PyObject *kwnames);
PyObject *pipe_send_bytes(PyObject *self, PyObject *args, PyObject *kwargs);
/* The same without waiting: BlockingIOError if there is no room. */
PyObject *pipe_send_now(PyObject *self, PyObject *object);
PyObject *pipe_send_bytes_now(PyObject *self, PyObject *args, PyObject *kwargs);

#endif
