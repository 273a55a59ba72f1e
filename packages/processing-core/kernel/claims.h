/* Claims: which message each of a pool's workers took last, how far it is, and the results that it has not sent;
 * readable after the worker's death.  See work.h. */
#ifndef PROCESSING_CLAIMS_H
#define PROCESSING_CLAIMS_H

#include "handle.h"
#include "work.h"

/* The claim of a place, for ring_get; NULL with an exception. */
struct claim *claim_at(PyObject *claims, Py_ssize_t place);
/* The slate that belongs to a claim of these. */
uint8_t *slate_of(PyObject *claims, struct claim *c);

#endif
