/* Claims: which message each of a pool's workers took last, how far it is, and the results that it has not sent;
 * readable after the worker's death.  See claim.h. */
#ifndef PROCESSING_CLAIMS_H
#define PROCESSING_CLAIMS_H

#include "objects/handle.h"
#include "pool/longest.h"
#include "queues/claim.h"

/* The claim of a worker, for ring_get; NULL with an exception. */
struct claim *claim_at(PyObject *claims, Py_ssize_t worker);
/* The buffer that belongs to a claim of these. */
uint8_t *result_buffer_of(PyObject *claims, struct claim *c);

#endif
