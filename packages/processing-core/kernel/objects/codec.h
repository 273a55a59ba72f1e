/* Objects as bytes: a codec of the kernel's own for plain values, pickle for everything else. */
#ifndef PROCESSING_CODEC_H
#define PROCESSING_CODEC_H

#include "objects/pickle.h"

bool encode(struct encoding *e, PyObject *object); /* false: exception, e.g. of the object's own __reduce__ */
#define SCALAR_MAX 9
/* The bytes that None, a bool, an int of 64 bits or a float is encoded to, at most SCALAR_MAX; 0: it is none of
 * these. */
size_t encode_scalar(uint8_t *to, PyObject *object);
/* A new object from bytes.  `*kept` is set if something still looks into the bytes: they must never be freed. */
PyObject *decode(const void *data, size_t size, const struct blocks *blocks, bool *kept);

#endif
