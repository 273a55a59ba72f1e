/* Starting a program, which `subprocess` does too, but its import takes 12 ms. */
#include "arena/errors.h"

#include <stdlib.h>

struct command {
    char **argv;
    int *given;
    int n;
};

static int by_number(const void *one, const void *other) { return *(const int *)one - *(const int *)other; }

/* The bytes of `words` stay theirs. */
static bool command_read(struct command *c, PyObject *words, PyObject *descriptors)
{
    Py_ssize_t length = PyList_Size(words), n = PyList_Size(descriptors);
    c->argv = PyMem_Calloc((size_t)length + 1, sizeof *c->argv);
    c->given = PyMem_Calloc((size_t)n + 1, sizeof *c->given);
    if (!c->argv || !c->given) return PyErr_NoMemory() != NULL;
    for (Py_ssize_t i = 0; i < length; i++)
        if (PyBytes_AsStringAndSize(PyList_GetItem(words, i), &c->argv[i], NULL) < 0) return false; /* or has a NUL */
    for (c->n = 0; c->n < n; c->n++) {
        c->given[c->n] = (int)PyLong_AsLong(PyList_GetItem(descriptors, c->n));
        if (PyErr_Occurred()) return false;
    }
    qsort(c->given, (size_t)c->n, sizeof *c->given, by_number);
    return true;
}

/* The pid goes into the list before a signal handler can run. */
static PyObject *py_execute(PyObject *Py_UNUSED(module), PyObject *args)
{
    PyObject *words, *descriptors, *born, *pid = NULL;
    struct command c = {0};
    if (!PyArg_ParseTuple(args, "O!O!O!", &PyList_Type, &words, &PyList_Type, &descriptors, &PyList_Type, &born))
        return NULL;
    if (command_read(&c, words, descriptors)) {
        int64_t child = platform_execute(c.argv, c.given, c.n);
        pid = child < 0 ? raise_errno_at(c.argv[0]) : PyLong_FromLongLong(child);
        if (child > 0 && (!pid || PyList_Append(born, pid) < 0)) {
            platform_kill((uint64_t)child);
            Py_CLEAR(pid);
        }
    }
    PyMem_Free(c.argv);
    PyMem_Free(c.given);
    if (!pid) return NULL;
    Py_DECREF(pid);
    Py_RETURN_NONE;
}

static PyMethodDef functions[] = {
    {"execute", py_execute, METH_VARARGS, NULL},
    {NULL, NULL, 0, NULL},
};

bool execute_register(PyObject *module) { return PyModule_AddFunctions(module, functions) == 0; }
