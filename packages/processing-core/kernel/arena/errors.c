/* See errors.h. */
#include "arena/errors.h"
#include "arena/arena.h"

#include <errno.h>

PyObject *error_handle, *error_owner_died, *error_fork, *error_not_held, *error_closed;

/* As OSError(errno, text). */
static void raise_descriptor(void)
{
    PyObject *args =
        Py_BuildValue("is", EBADF,
                      "this program has closed the descriptor of its family's shared memory, and "
                      "the system lets it open no other: it cannot start processes any more; keep it open, or "
                      "make shared objects only after the program has closed what it does not need");
    if (args) PyErr_SetObject(PyExc_OSError, args);
    Py_XDECREF(args);
}

PyObject *raise_errno(void)
{
    int error = errno;
    char text[DESCRIPTOR_SCARCITY];
    if (!platform_descriptor_scarcity(error, text, sizeof text)) return PyErr_SetFromErrno(PyExc_OSError);
    PyObject *args = Py_BuildValue("iN", error, PyUnicode_FromFormat("%s", text));
    if (args) PyErr_SetObject(PyExc_OSError, args);
    Py_XDECREF(args);
    return NULL;
}

PyObject *raise_errno_at(const char *file)
{
    return platform_descriptors_scarce(errno) ? raise_errno() : PyErr_SetFromErrnoWithFilename(PyExc_OSError, file);
}

PyObject *raise_outcome(outcome o)
{
    switch (o) {
    case E_NOMEM:
        if (arena.header)
            PyErr_Format(PyExc_MemoryError, "the family's arena is full: its limit is %llu bytes, %llu are in use",
                         (unsigned long long)arena.header->cap,
                         (unsigned long long)load_relaxed(&arena.header->pages_used) * ARENA_PAGE);
        else
            PyErr_Format(PyExc_MemoryError, "the system grants no memory for an arena (errno %d%s)", errno,
                         errno == EFBIG ? ": RLIMIT_FSIZE bounds it" : "");
        break;
    case E_STALE:
        PyErr_SetString(error_handle, "a stale handle: the shared object it refers to is gone (nobody kept it alive)");
        break;
    case E_KIND:
        PyErr_SetString(error_handle, "a handle of another kind, or an arena of another version of processing-core");
        break;
    case E_FORKED:
        if (arena.hook_failed)
            PyErr_SetString(error_fork, "when this process was forked it could not become a member of "
                                        "the family (no memory, no slot, or the parent had closed its descriptors), "
                                        "and shared objects cannot be used in it");
        else
            PyErr_SetString(error_fork,
                            "this process was forked behind Python's back (not by os.fork): it is no member of "
                            "the family, and shared objects cannot be used in it");
        break;
    case E_NOFAMILY: PyErr_SetString(error_handle, "this process is not, or no longer, a member of a family"); break;
    case E_SYSTEM: raise_errno(); break;
    case E_DESCRIPTOR: raise_descriptor(); break;
    case E_FULL_TABLE:
        PyErr_Format(PyExc_RuntimeError, "the family has %u living processes, the most it can have", MEMBER_SLOTS);
        break;
    case E_RANGE:
        PyErr_Format(PyExc_MemoryError,
                     "this process could reserve only %llu bytes of address space (RLIMIT_AS?), and "
                     "the object lies beyond them",
                     (unsigned long long)arena.mapped);
        break;
    case E_CLOSED: PyErr_SetString(error_closed, "the object is closed"); break;
    default:
        if (!PyErr_Occurred()) PyErr_Format(PyExc_SystemError, "processing kernel: unexpected outcome %d", (int)o);
    }
    return NULL;
}

PyObject *take_exception(void)
{
    PyObject *type, *value, *trace;
    PyErr_Fetch(&type, &value, &trace);
    PyErr_NormalizeException(&type, &value, &trace);
    if (value && trace) PyException_SetTraceback(value, trace);
    Py_XDECREF(type), Py_XDECREF(trace);
    return value;
}
