/* Arrow's C data interface: what an importer calls when it no longer needs a structure that processing_core._arrow made.
 *
 * In C, because the importer calls it while it frees its objects: an exception may be pending then, in which no Python
 * code can run. The outermost structure owns a reference to an object, which keeps all memory that it refers to; its
 * children own nothing. */
#include "objects/encoding.h"

struct arrow_schema {
    const char *format, *name, *metadata;
    int64_t flags, n_children;
    void *children, *dictionary;
    void (*release)(struct arrow_schema *);
    void *private_data;
};

struct arrow_array {
    int64_t length, null_count, offset, n_buffers, n_children;
    void *buffers, *children, *dictionary;
    void (*release)(struct arrow_array *);
    void *private_data;
};

/* By whatever thread, with or without the GIL. */
static void drop(void *owned)
{
    if (!owned) return;
    PyGILState_STATE state = PyGILState_Ensure();
    PyObject *type, *value, *trace;
    PyErr_Fetch(&type, &value, &trace);
    Py_DECREF((PyObject *)owned);
    PyErr_Restore(type, value, trace);
    PyGILState_Release(state);
}

static void release_schema(struct arrow_schema *schema)
{
    void *owned = schema->private_data;
    schema->release = NULL;
    drop(owned);
}

static void release_array(struct arrow_array *array)
{
    void *owned = array->private_data;
    array->release = NULL;
    drop(owned);
}

static PyObject *arrow_releases(PyObject *Py_UNUSED(module), PyObject *Py_UNUSED(none))
{
    return Py_BuildValue("KK", (unsigned long long)(uintptr_t)release_schema,
                         (unsigned long long)(uintptr_t)release_array);
}

static PyMethodDef functions[] = {
    {"arrow_releases", arrow_releases, METH_NOARGS, NULL},
    {NULL, NULL, 0, NULL},
};

bool arrow_register(PyObject *module) { return PyModule_AddFunctions(module, functions) == 0; }
