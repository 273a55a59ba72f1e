/* The signal mask of a thread, as one integer. `signal.pthread_sigmask` makes enumerations of what it returns: a
 * forked child copies a dozen pages for that. */
#include "base/kernel.h"
#include "arena/errors.h"

#include <errno.h>

static PyObject *py_signal_mask(PyObject *Py_UNUSED(module), PyObject *Py_UNUSED(none))
{
    return PyLong_FromUnsignedLongLong(platform_signal_mask());
}

/* What is pending and no longer blocked arrives before the system call returns. */
static PyObject *py_set_signal_mask(PyObject *Py_UNUSED(module), PyObject *integer)
{
    uint64_t mask = PyLong_AsUnsignedLongLong(integer);
    if (PyErr_Occurred()) return NULL;
    errno = platform_signal_mask_set(mask);
    if (errno) return raise_errno();
    if (PyErr_CheckSignals() < 0) return NULL;
    Py_RETURN_NONE;
}

static PyMethodDef functions[] = {
    {"signal_mask", py_signal_mask, METH_NOARGS, NULL},
    {"set_signal_mask", py_set_signal_mask, METH_O, NULL},
    {NULL, NULL, 0, NULL},
};

bool signals_register(PyObject *module) { return PyModule_AddFunctions(module, functions) == 0; }
