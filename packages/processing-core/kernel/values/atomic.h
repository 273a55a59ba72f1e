/* Changing scalars without their locks. */
#ifndef PROCESSING_ATOMIC_H
#define PROCESSING_ATOMIC_H

#include "values/scalar.h"

/* Methods: add, fetch_add, exchange, compare_exchange. */
extern PyMethodDef scalar_atomics[];

#endif
