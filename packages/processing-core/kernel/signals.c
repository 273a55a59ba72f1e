/* The signal mask of a thread, as one integer.  `signal.pthread_sigmask` makes enumerations of what it returns: a forked
 * child copies a dozen pages for that. */
#include "kernel.h"

#include <errno.h>
#include <signal.h>

#define MOST_SIGNALS 64

static PyObject *py_signal_mask(PyObject *Py_UNUSED(module), PyObject *Py_UNUSED(none))
{
    sigset_t blocked;
    pthread_sigmask(SIG_BLOCK, NULL, &blocked);
    uint64_t mask = 0;
    for (int i = 0; i < MOST_SIGNALS; i++) mask |= (uint64_t)(sigismember(&blocked, i + 1) == 1) << i;
    return PyLong_FromUnsignedLongLong(mask);
}

/* What is pending and no longer blocked arrives before the system call returns. */
static PyObject *py_set_signal_mask(PyObject *Py_UNUSED(module), PyObject *integer)
{
    uint64_t mask = PyLong_AsUnsignedLongLong(integer);
    if (PyErr_Occurred()) return NULL;
    sigset_t blocked;
    sigemptyset(&blocked);
    for (int i = 0; i < MOST_SIGNALS; i++)
        if (mask >> i & 1) sigaddset(&blocked, i + 1);
    errno = pthread_sigmask(SIG_SETMASK, &blocked, NULL);
    if (errno) return PyErr_SetFromErrno(PyExc_OSError);
    if (PyErr_CheckSignals() < 0) return NULL;
    Py_RETURN_NONE;
}

static PyMethodDef functions[] = {
    {"signal_mask", py_signal_mask, METH_NOARGS, NULL},
    {"set_signal_mask", py_set_signal_mask, METH_O, NULL},
    {NULL, NULL, 0, NULL},
};

bool signals_register(PyObject *module) { return PyModule_AddFunctions(module, functions) == 0; }
