/* The environment variables, as one string: a start compares them with what its forkserver has, at 1 us and not 50. */
#include "base/kernel.h"

#include <string.h>

/* The GIL is held: `os.environ` changes them only with it, as this program's own `setenv` should. */
static PyObject *py_environment(PyObject *Py_UNUSED(module), PyObject *Py_UNUSED(none))
{
    char **environment = platform_environment();
    size_t size = 0;
    for (char **entry = environment; entry && *entry; entry++) size += strlen(*entry) + 1;
    PyObject *bytes = PyBytes_FromStringAndSize(NULL, (Py_ssize_t)size);
    if (!bytes) return NULL;
    char *at = PyBytes_AsString(bytes);
    for (char **entry = environment; entry && *entry && size; entry++) {
        size_t n = strnlen(*entry, size - 1) + 1; /* never beyond what was counted */
        memcpy(at, *entry, n - 1);
        at[n - 1] = 0;
        at += n;
        size -= n;
    }
    memset(at, 0, size);
    return bytes;
}

static PyMethodDef functions[] = {
    {"environment", py_environment, METH_NOARGS, NULL},
    {NULL, NULL, 0, NULL},
};

bool environment_register(PyObject *module) { return PyModule_AddFunctions(module, functions) == 0; }
