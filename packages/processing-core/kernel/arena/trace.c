/* See trace.h.  The file begins with a header that Python writes; `used` counts its bytes, header included. */
#include "arena/trace.h"
#include "arena/errors.h"
#include "base/private_lock.h"

#include <errno.h>

struct trace_header {
    uint64_t magic;
    word64 used; /* release: what is before it is whole */
    word64 lost; /* events for which the file system had no room */
};

struct trace_event {
    uint64_t kind, begin, end, a, b, thread;
};

#define TRACE_STEP (1u << 20)

word32 trace_on;
static struct {
    struct trace_header *header;
    uint64_t size, committed;
    int fd;
} file;
static private_lock guard; /* of `file`, beside the GIL */

static void add(const struct trace_event *event)
{
    struct trace_header *h = file.header;
    uint64_t at = load_relaxed(&h->used);
    if (at + sizeof(struct trace_event) > file.committed) {
        bool room =
            file.committed + TRACE_STEP <= file.size && platform_memory_commit(file.fd, file.committed, TRACE_STEP);
        if (!room) {
            fetch_add(&h->lost, 1);
            return;
        }
        file.committed += TRACE_STEP;
    }
    memcpy((uint8_t *)h + at, event, sizeof *event);
    store_release(&h->used, at + sizeof *event);
}

void trace_add(uint64_t kind, int64_t begin, int64_t end, uint64_t a, uint64_t b)
{
    struct trace_event event = {kind, (uint64_t)begin, (uint64_t)end, a, b, PyThread_get_thread_ident()};
    private_lock_take(&guard);
    if (tracing()) add(&event);
    private_lock_release(&guard);
}

void trace_forget(void) { store_relaxed(&trace_on, 0); }

/* trace_start(fd, size): record in this file from now on; its header is written, and the descriptor stays open. */
static PyObject *py_trace_start(PyObject *Py_UNUSED(module), PyObject *args)
{
    int fd;
    unsigned long long size;
    if (!PyArg_ParseTuple(args, "iK", &fd, &size)) return NULL;
    void *base = platform_memory_commit(fd, 0, TRACE_STEP) ? platform_memory_map(fd, size) : NULL;
    if (!base) return raise_outcome(E_SYSTEM);
    file.header = base;
    file.size = size;
    file.committed = TRACE_STEP;
    file.fd = fd;
    store_release(&trace_on, 1);
    Py_RETURN_NONE;
}

static PyObject *py_trace_stop(PyObject *Py_UNUSED(module), PyObject *Py_UNUSED(none))
{
    private_lock_take(&guard);
    bool on = tracing();
    store_relaxed(&trace_on, 0);
    private_lock_release(&guard);
    if (on) platform_memory_unmap(file.header, file.size);
    Py_RETURN_NONE;
}

/* trace_event(kind, begin, end, a, b): ns of the monotonic clock; nothing if no trace is on. */
static PyObject *py_trace_event(PyObject *Py_UNUSED(module), PyObject *args)
{
    unsigned long long kind, a, b;
    long long begin, end;
    if (!PyArg_ParseTuple(args, "KLLKK", &kind, &begin, &end, &a, &b)) return NULL;
    trace_add(kind, begin, end, a, b);
    Py_RETURN_NONE;
}

static PyMethodDef functions[] = {
    {"trace_start", py_trace_start, METH_VARARGS, NULL},
    {"trace_stop", py_trace_stop, METH_NOARGS, NULL},
    {"trace_event", py_trace_event, METH_VARARGS, NULL},
    {NULL, NULL, 0, NULL},
};

bool trace_register(PyObject *module) { return PyModule_AddFunctions(module, functions) == 0; }
