/* What every file of the kernel shares: the platform's contract, Python's headers, outcomes and crash points.
 *
 * Vocabulary: a *family* of processes shares one *arena*; a *member* has a *serial* and a slot; what can
 * be shared is a *cell*; a Python object that refers to one is a *handle*.  README.md has the whole map.
 */
#ifndef PROCESSING_KERNEL_H
#define PROCESSING_KERNEL_H

#define PY_SSIZE_T_CLEAN
#include <Python.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "base/crash_point.h"
#include "base/outcome.h"
#include "platform/platform.h"

/* The headers of CPython 3.12 and 3.13.0 return the singletons uncounted even where 3.11's stable ABI is asked for, and
 * 3.11 ends them: what was built there must run here. */
#undef Py_RETURN_NONE
#undef Py_RETURN_TRUE
#undef Py_RETURN_FALSE
#undef Py_RETURN_NOTIMPLEMENTED
#define Py_RETURN_NONE return Py_NewRef(Py_None)
#define Py_RETURN_TRUE return Py_NewRef(Py_True)
#define Py_RETURN_FALSE return Py_NewRef(Py_False)
#define Py_RETURN_NOTIMPLEMENTED return Py_NewRef(Py_NotImplemented)

/* Before 3.13 a `#` in a format demands the functions of these names; its headers no longer choose them, and every
 * stable ABI has them. */
#if defined(Py_LIMITED_API) && !defined(Py_BuildValue)
PyAPI_FUNC(PyObject *) _Py_BuildValue_SizeT(const char *, ...);
PyAPI_FUNC(int) _PyArg_ParseTuple_SizeT(PyObject *, const char *, ...);
#define Py_BuildValue _Py_BuildValue_SizeT
#define PyArg_ParseTuple _PyArg_ParseTuple_SizeT
#endif

#define LARGE (1u << 20) /* bytes from which on copying, committing and zeroing are done without the GIL */

/* With the GIL, which is released meanwhile if there is much to copy. */
static inline void copy_bytes(void *to, const void *from, size_t n)
{
    PyThreadState *thread = n >= LARGE ? PyEval_SaveThread() : NULL;
    memcpy(to, from, n);
    if (thread) PyEval_RestoreThread(thread);
}

/* Deadlines are absolute monotonic ns; NO_DEADLINE waits for ever. */
#define NO_DEADLINE INT64_MAX

#endif
