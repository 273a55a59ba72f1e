/* What bounds a process and lies outside of Python: nice value, usable processors, resource limits.
 *
 * An executed program inherits them; a child of the forkserver is given its parent's present ones.  One string for all,
 * for what a start does with it is to compare it with the forkserver's. */
#include "base/kernel.h"
#include "arena/errors.h"

#include <string.h>

static PyObject *py_limits(PyObject *Py_UNUSED(module), PyObject *Py_UNUSED(none))
{
    struct platform_limits l;
    if (!platform_limits_read(&l)) return raise_errno();
    return PyBytes_FromStringAndSize((const char *)&l, sizeof l);
}

static PyObject *py_set_limits(PyObject *Py_UNUSED(module), PyObject *bytes)
{
    struct platform_limits l;
    char *given;
    Py_ssize_t size;
    if (PyBytes_AsStringAndSize(bytes, &given, &size) < 0) return NULL;
    if (size != (Py_ssize_t)sizeof l) {
        return PyErr_Format(PyExc_ValueError, "limits of %zd bytes: limits() gives %zu", size, sizeof l);
    }
    memcpy(&l, given, sizeof l);
    if (!platform_limits_apply(&l)) return raise_errno();
    Py_RETURN_NONE;
}

static PyMethodDef functions[] = {
    {"limits", py_limits, METH_NOARGS, NULL},
    {"set_limits", py_set_limits, METH_O, NULL},
    {NULL, NULL, 0, NULL},
};

bool limits_register(PyObject *module) { return PyModule_AddFunctions(module, functions) == 0; }
