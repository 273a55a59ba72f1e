/* See arguments.h. */
#include "objects/arguments.h"

#include <math.h>

bool parse_timeout(PyObject *timeout, int64_t *deadline)
{
    *deadline = NO_DEADLINE;
    if (timeout == NULL || timeout == Py_None) return true;
    double seconds = PyFloat_AsDouble(timeout);
    if (seconds == -1.0 && PyErr_Occurred()) {
        if (PyErr_ExceptionMatches(PyExc_TypeError))
            PyErr_Format(PyExc_TypeError, "timeout %R: it must be a number of seconds or None", timeout);
        return false;
    }
    if (isnan(seconds)) {
        PyErr_Format(PyExc_ValueError, "timeout %R: it must be a number of seconds or None", timeout);
        return false;
    }
    int64_t now = monotonic_ns();
    if (seconds <= 0) *deadline = now;
    else if (seconds < 9e9) *deadline = now + (int64_t)(seconds * 1e9);
    return true;
}

static int keyword_index(PyObject *name)
{
    if (PyUnicode_CompareWithASCIIString(name, "block") == 0) return 0;
    if (PyUnicode_CompareWithASCIIString(name, "blocking") == 0) return 0;
    if (PyUnicode_CompareWithASCIIString(name, "timeout") == 0) return 1;
    if (PyUnicode_CompareWithASCIIString(name, "copy") == 0) return 2;
    return -1;
}

static bool blocking_deadline(PyObject *const value[2], bool minus_one_waits, int64_t *deadline)
{
    int block = value[0] ? PyObject_IsTrue(value[0]) : 1;
    if (block < 0) return false;
    /* threading says timeout=-1 where others say None */
    if (minus_one_waits && value[1] && PyLong_CheckExact(value[1])) {
        long long n = PyLong_AsLongLong(value[1]);
        if (n == -1 && !PyErr_Occurred()) {
            *deadline = block ? NO_DEADLINE : 0;
            return true;
        }
        PyErr_Clear(); /* too large for a long long: the float below says so, or waits that long */
    }
    if (!parse_timeout(value[1], deadline)) return false;
    if (!block) *deadline = 0;
    return true;
}

static bool parse(const char *name, PyObject *const *args, Py_ssize_t nargs, PyObject *kwnames, Py_ssize_t skip,
                  bool minus_one_waits, int64_t *deadline, bool *copy)
{
    PyObject *value[3] = {NULL, NULL, NULL};
    if (nargs - skip > 2) {
        PyErr_Format(PyExc_TypeError, "%s() takes at most block and timeout, %zd arguments were given", name,
                     nargs - skip);
        return false;
    }
    for (Py_ssize_t i = skip; i < nargs; i++) value[i - skip] = args[i];
    Py_ssize_t n = kwnames ? PyTuple_Size(kwnames) : 0;
    for (Py_ssize_t i = 0; i < n; i++) {
        PyObject *keyword = PyTuple_GetItem(kwnames, i);
        int at = keyword_index(keyword);
        if (at < 0 || value[at] || (at == 2 && !copy)) {
            PyErr_Format(PyExc_TypeError, "%s() got an unexpected or repeated argument %R", name, keyword);
            return false;
        }
        value[at] = args[nargs + i];
    }
    int truth = value[2] ? PyObject_IsTrue(value[2]) : 0;
    if (copy) *copy = truth == 1;
    return truth >= 0 && blocking_deadline(value, minus_one_waits, deadline);
}

bool parse_blocking(const char *name, PyObject *const *args, Py_ssize_t nargs, PyObject *kwnames, Py_ssize_t skip,
                    int64_t *deadline)
{
    return parse(name, args, nargs, kwnames, skip, true, deadline, NULL);
}

bool parse_waiting(const char *name, PyObject *const *args, Py_ssize_t nargs, PyObject *kwnames, Py_ssize_t skip,
                   int64_t *deadline)
{
    return parse(name, args, nargs, kwnames, skip, false, deadline, NULL);
}

bool parse_getting(const char *name, PyObject *const *args, Py_ssize_t nargs, PyObject *kwnames, Py_ssize_t skip,
                   int64_t *deadline, bool *copy)
{
    return parse(name, args, nargs, kwnames, skip, false, deadline, copy);
}

bool parse_bound(PyObject *value, const char *name, bool negative_is_none, uint64_t *bound)
{
    long long n = PyLong_AsLongLong(value);
    if (n == -1 && PyErr_Occurred()) {
        if (PyErr_ExceptionMatches(PyExc_TypeError))
            PyErr_Format(PyExc_TypeError, "%s %R: it must be an int", name, value);
        return false;
    }
    if (n < 0 && !negative_is_none) {
        PyErr_Format(PyExc_ValueError, "%s %lld: it must not be negative (0 means no bound)", name, n);
        return false;
    }
    *bound = n <= 0 ? UINT64_MAX : (uint64_t)n;
    return true;
}

bool check_count(const char *name, Py_ssize_t nargs, Py_ssize_t least, Py_ssize_t most)
{
    if (nargs >= least && nargs <= most) return true;
    PyErr_Format(PyExc_TypeError, "%s() takes from %zd to %zd arguments, and not %zd", name, least, most, nargs);
    return false;
}

bool parse_numbers(PyObject *const *args, uint64_t numbers[2])
{
    for (int i = 0; i < 2; i++) {
        numbers[i] = PyLong_AsUnsignedLongLongMask(args[i]);
        if (numbers[i] == UINT64_MAX && PyErr_Occurred()) return false;
    }
    return true;
}
