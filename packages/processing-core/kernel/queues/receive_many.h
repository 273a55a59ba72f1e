/* Taking many messages at once. */
#ifndef PROCESSING_RECEIVE_MANY_H
#define PROCESSING_RECEIVE_MANY_H

#include "queues/messages.h"

/* Append to the list (True, object) or (False, exception) for each message, at most `limit`; waits for the first. OK
 * even if something could not be unpickled; E_SIGNAL with an exception. */
outcome queue_receive_many(PyObject *self, PyObject *rows, Py_ssize_t limit, int64_t deadline, bool copy);

#endif
