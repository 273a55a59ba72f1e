/* Outcomes as exceptions. */
#ifndef PROCESSING_ERRORS_H
#define PROCESSING_ERRORS_H

#include "base/kernel.h"

/* Set the exception for a negative outcome; always returns NULL. */
PyObject *raise_outcome(outcome o);
/* Set OSError for errno, which says how many descriptors this process may have if it has run out of them; NULL. */
PyObject *raise_errno(void);
/* The same; of any other error it says at which file it came. */
PyObject *raise_errno_at(const char *file);
extern PyObject *error_handle, *error_owner_died, *error_fork, *error_not_held, *error_closed;

/* The exception that is set, which is set no longer; with its traceback. */
PyObject *take_exception(void);

#endif
