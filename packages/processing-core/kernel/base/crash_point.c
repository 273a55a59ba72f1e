/* Crash points and preemption points, in the test-only build. */
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

static PyObject *preempting; /* NULL: nothing, or while it runs */

void preemption_point(void)
{
    if (preempting == NULL) return;
    PyGILState_STATE state = PyGILState_Ensure();
    PyObject *function = preempting;
    preempting = NULL; /* it passes such points itself */
    PyObject *result = PyObject_CallFunction(function, NULL);
    if (result == NULL) PyErr_WriteUnraisable(function);
    Py_XDECREF(result);
    preempting = function;
    PyGILState_Release(state);
}

/* preempt_by(function): call the function at each preemption point from now on; None: no more. */
static PyObject *py_preempt_by(PyObject *Py_UNUSED(module), PyObject *function)
{
    PyObject *before = preempting;
    preempting = Py_IsNone(function) ? NULL : Py_NewRef(function);
    Py_XDECREF(before);
    Py_RETURN_NONE;
}
#endif

static PyMethodDef functions[] = {
#ifdef PROCESSING_CRASH_POINTS
    {"crash_at", py_crash_at, METH_VARARGS, NULL},
    {"preempt_by", py_preempt_by, METH_O, NULL},
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
