/* What comes out of an end of a pipe, and waiting for it. */
#ifndef PROCESSING_PIPE_RECEIVE_H
#define PROCESSING_PIPE_RECEIVE_H

#include "pipes/pipe_end.h"

PyObject *pipe_recv(PyObject *self, PyObject *none);
PyObject *pipe_recv_bytes(PyObject *self, PyObject *args, PyObject *kwargs);
PyObject *pipe_recv_bytes_into(PyObject *self, PyObject *args, PyObject *kwargs);
/* The same without waiting: BlockingIOError if there is no message; then the next makes the doorbell readable. */
PyObject *pipe_recv_now(PyObject *self, PyObject *none);
PyObject *pipe_recv_bytes_now(PyObject *self, PyObject *args, PyObject *kwargs);
PyObject *pipe_recv_bytes_into_now(PyObject *self, PyObject *args, PyObject *kwargs);
PyObject *pipe_poll(PyObject *self, PyObject *args, PyObject *kwargs);
PyObject *pipe_watch(PyObject *self, PyObject *none);
PyObject *pipe_ready(PyObject *self, PyObject *none);

#endif
