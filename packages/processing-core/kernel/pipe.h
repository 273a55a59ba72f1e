/* An end of a pipe: what it sends goes into one ring, what it receives comes out of another, and each has a bell.
 *
 *     end A  ── ring, bell ──▶  end B            duplex: both; simplex: A only sends, or only receives
 *            ◀── ring, bell ──
 *
 * The rings are crash-consistent, so a killed sender leaves a whole message or none.  Who holds an end is known to the
 * system, which counts the bells' descriptors; bell.h has the argument.
 *
 * A receiver that finds nothing spins, if that paid lately, sleeps for a moment on the ring's event count, and then on the
 * bell, which wakes it at a message and at the end alike.  A sender that finds no room sleeps on the ring's event count. */
#ifndef PROCESSING_PIPE_H
#define PROCESSING_PIPE_H

#include "bell.h"
#include "park.h"

/* What may wait to be received before a sender waits: as much as keeps both sides busy, and stays in the cache if the
 * messages are small. */
#define PIPE_MESSAGES 4096
#define PIPE_BYTES (16 << 20)

typedef struct {
    PyObject_HEAD
    PyObject *incoming, *outgoing; /* rings, or NULL */
    int hearing, tolling;          /* the bell of `incoming`, to be read; that of `outgoing`, to be written; or -1 */
    bool closed;
    bool deaf; /* it may not receive any more */
    struct spin send_spin, receive_spin;
    uint32_t seen_closings;
    int64_t looked; /* when a receiver was last seen to exist */
} pipe_object;

static inline pipe_object *pipe_of(PyObject *self) { return (pipe_object *)self; }

/* Raise that this end is closed; NULL. */
PyObject *pipe_raise_closed(void);

/* The descriptors first: who sees `closings` change and asks the system learns the truth. */
void pipe_close(pipe_object *p);

/* The bytes of `object`, to be released; false with an exception, which says *otherwise* if they are not contiguous. */
bool pipe_buffer_of(PyObject *object, Py_buffer *view, int flags, const char *otherwise);

/* pipe_send.c */
PyObject *pipe_send(PyObject *self, PyObject *const *args, Py_ssize_t nargs, PyObject *kwnames);
PyObject *pipe_send_bytes(PyObject *self, PyObject *args, PyObject *kwargs);

/* pipe_receive.c */
PyObject *pipe_recv(PyObject *self, PyObject *none);
PyObject *pipe_recv_bytes(PyObject *self, PyObject *args, PyObject *kwargs);
PyObject *pipe_recv_bytes_into(PyObject *self, PyObject *args, PyObject *kwargs);
PyObject *pipe_poll(PyObject *self, PyObject *args, PyObject *kwargs);
PyObject *pipe_heed(PyObject *self, PyObject *none);
PyObject *pipe_ready(PyObject *self, PyObject *none);

#endif
