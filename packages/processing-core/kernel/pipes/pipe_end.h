/* An end of a pipe: what it sends goes into one ring, what it receives comes out of another, and each has a doorbell.
 *
 *     end A  ── ring, doorbell ──▶  end B            duplex: both; simplex: A only sends, or only receives
 *            ◀── ring, doorbell ──
 *
 * The rings are crash-consistent, so a killed sender leaves a whole message or none. Which processes hold an end is
 * known to the system, which counts the doorbells' descriptors; doorbell.h has the argument.
 *
 * A receiver that finds nothing spins, if that paid lately, sleeps for a moment on the ring's event count, and then
 * on the doorbell, which wakes it at a message and at the end alike. A sender that finds no room sleeps on the
 * ring's event count. */
#ifndef PROCESSING_PIPE_END_H
#define PROCESSING_PIPE_END_H

#include "pipes/polling.h"
#include "arena/spin.h"
#include "base/private_lock.h"
#include "queues/coalescing.h"

/* How much may be unreceived before a sender waits: enough to keep both sides busy, but small messages stay in the
 * cache. */
#define PIPE_MESSAGES 4096
#define PIPE_BYTES (16 << 20)

typedef struct {
    PyObject_HEAD PyObject *incoming, *outgoing; /* rings, or NULL */
    int read_fd, write_fd; /* the doorbell of `incoming`, to be read; that of `outgoing`, to be written; or -1 */
    bool closed;
    bool receive_failed; /* it may not receive any more */
    struct spin send_spin, receive_spin;
    word32 seen_closings; /* as a receiver was last seen to exist */
    word64 looked;        /* when that was */
    struct coalescing sends, receives;
} pipe_object;

static inline pipe_object *pipe_of(PyObject *self) { return (pipe_object *)self; }

/* Raise that this end is closed; NULL. */
PyObject *pipe_raise_closed(void);

/* A reference to one of the rings of an end, for another thread may close the end.  Without a GIL it may have closed it
 * since the ring was seen to be there: NULL, which `pipe_lost` tells. */
static inline PyObject *pipe_ring(pipe_object *p, PyObject *const *ring)
{
#ifdef Py_GIL_DISABLED
    PyObject *held;
    LOCKED((PyObject *)p, held = Py_XNewRef(*ring));
    return held;
#else
    (void)p;
    return Py_NewRef(*ring);
#endif
}

static inline bool pipe_lost(PyObject *ring)
{
#ifdef Py_GIL_DISABLED
    return ring == NULL;
#else
    (void)ring;
    return false;
#endif
}

/* Closes the descriptors first: so a process that sees `closings` change and then asks the system gets the right
 * answer. */
void pipe_close(pipe_object *p);

/* The bytes of `object`, to be released; false with an exception, which says *otherwise* if they are not contiguous. */
bool pipe_buffer_of(PyObject *object, Py_buffer *view, int flags, const char *otherwise);

#endif
