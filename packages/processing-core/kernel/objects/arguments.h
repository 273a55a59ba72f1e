/* Arguments that many calls take. */
#ifndef PROCESSING_ARGUMENTS_H
#define PROCESSING_ARGUMENTS_H

#include "base/kernel.h"

/* Parsing of what every blocking call takes. `*deadline` is absolute monotonic ns; NO_DEADLINE waits for ever. */
bool parse_timeout(PyObject *timeout, int64_t *deadline); /* false: exception set */
/* (block=True, timeout=None) as threading and multiprocessing spell them, from a fast call's arguments. */
bool parse_blocking(const char *name, PyObject *const *args, Py_ssize_t nargs, PyObject *kwnames, Py_ssize_t skip,
                    int64_t *deadline);
/* The same for queues, where a negative timeout does not wait (threading's locks wait for ever at -1). */
bool parse_waiting(const char *name, PyObject *const *args, Py_ssize_t nargs, PyObject *kwnames, Py_ssize_t skip,
                   int64_t *deadline);
/* And with the keyword copy=False. */
bool parse_getting(const char *name, PyObject *const *args, Py_ssize_t nargs, PyObject *kwnames, Py_ssize_t skip,
                   int64_t *deadline, bool *copy);
/* A bound of a queue: 0 means none (UINT64_MAX), and less does too if `negative_is_none`.  False: exception set. */
bool parse_bound(PyObject *value, const char *name, bool negative_is_none, uint64_t *bound);

/* Whether there are from `least` to `most` arguments; false: exception set. */
bool check_count(const char *name, Py_ssize_t nargs, Py_ssize_t least, Py_ssize_t most);
/* Two numbers of 64 bits; false: exception set. */
bool parse_numbers(PyObject *const *args, uint64_t numbers[2]);

#endif
