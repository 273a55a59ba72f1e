/* Crash points, in the test-only build. */
#define PY_SSIZE_T_CLEAN
#include <Python.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/crash_point.h"
#include "platform/platform.h"

#ifdef PROCESSING_CRASH_POINTS
static uint64_t passed, armed;

void crash_point(void)
{
    if (++passed == armed) platform_die();
}

/* crash_at(n): from now on count crash points, and die at the n-th; 0 only counts. Returns how many had passed. */
static PyObject *py_crash_at(PyObject *Py_UNUSED(module), PyObject *args)
{
    unsigned long long n, before = passed;
    if (!PyArg_ParseTuple(args, "K", &n)) return NULL;
    passed = 0;
    armed = n;
    return PyLong_FromUnsignedLongLong(before);
}
#endif

static PyMethodDef functions[] = {
#ifdef PROCESSING_CRASH_POINTS
    {"crash_at", py_crash_at, METH_VARARGS, NULL},
#endif
    {NULL, NULL, 0, NULL},
};

bool crash_point_register(PyObject *module)
{
#ifdef PROCESSING_CRASH_POINTS
    bool enabled = true;
#else
    bool enabled = false;
#endif
    return PyModule_AddFunctions(module, functions) == 0
        && PyModule_AddObjectRef(module, "CRASH_POINTS", enabled ? Py_True : Py_False) == 0;
}
