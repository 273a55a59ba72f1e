/* Claims: which message each of a pool's workers took last, readable after the worker's death. */
#ifndef PROCESSING_CLAIMS_H
#define PROCESSING_CLAIMS_H

#include "handle.h"

/* The two words of a place, for ring_get; NULL with an exception. */
word64 *claim_words(PyObject *claims, Py_ssize_t place);

#endif
