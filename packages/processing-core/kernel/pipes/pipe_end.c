/* See pipe_end.h. */
#include "pipes/pipe_end.h"
#include "arena/errors.h"
#include "queues/messages.h"

PyObject *pipe_raise_closed(void)
{
    PyErr_SetString(error_closed, "handle is closed");
    return NULL;
}

/* False: it is closed already. */
static inline bool let_go(pipe_object *p, PyObject **incoming, PyObject **outgoing)
{
    if (p->closed) return false;
    *incoming = p->incoming;
    *outgoing = p->outgoing;
    p->closed = true;
    p->incoming = p->outgoing = NULL;
    return true;
}

void pipe_close(pipe_object *p)
{
    PyObject *incoming = NULL, *outgoing = NULL;
    bool first;
    LOCKED((PyObject *)p, first = let_go(p, &incoming, &outgoing));
    if (!first) return;
    if (p->read_fd >= 0) platform_close(p->read_fd);
    if (p->write_fd >= 0) platform_close(p->write_fd);
    if (incoming && arena_usable() == OK) {
        fetch_add(&ring_of(incoming)->closings, 1);
        observable_wake(&ring_of(incoming)->not_full, ALL_WAITERS);
    }
    Py_XDECREF(incoming);
    Py_XDECREF(outgoing);
}

/* As a memoryview's cast would refuse it. */
bool pipe_buffer_of(PyObject *object, Py_buffer *view, int flags, const char *otherwise)
{
    if (PyObject_GetBuffer(object, view, flags) == 0) return true;
    if (PyErr_ExceptionMatches(PyExc_BufferError)) PyErr_SetString(PyExc_TypeError, otherwise);
    return false;
}
