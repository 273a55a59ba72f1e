/* Claims: which message each of a pool's workers took last, readable after the worker's death. */
#ifndef PROCESSING_CLAIMS_H
#define PROCESSING_CLAIMS_H

#include "handle.h"
#include "ring.h"

/* The claim of a place, for ring_get; NULL with an exception. */
struct claim *claim_at(PyObject *claims, Py_ssize_t place);

#endif
