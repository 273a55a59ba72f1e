/* Waiting for a handle's cell, so that others can see it. */
#ifndef PROCESSING_WAIT_H
#define PROCESSING_WAIT_H

#include "objects/handle.h"

/* `park_until`, and meanwhile the member's slot names the cell. */
outcome wait_on(PyObject *handle, word32 *parked, attempt_fn attempt, void *ctx, int64_t deadline);

/* The members that wait now, the living only: how many, in *seen (PyMem_Free it); UINT32_MAX with an exception. */
struct wait_seen {
    cell_id id;
    owner_id who;
};
uint32_t waits_read(struct wait_seen **seen);
PyObject *waiters_of(const struct wait_seen *seen, uint32_t n, cell_id id); /* [(pid, name), ...] */

#endif
