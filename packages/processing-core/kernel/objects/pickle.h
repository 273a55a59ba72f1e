/* What is pickled, by the pickler that Python installs. */
#ifndef PROCESSING_PICKLE_H
#define PROCESSING_PICKLE_H

#include "objects/encoding.h"

bool encode_pickle(struct encoding *e, PyObject *object);

/* The blocks that a message brings: the first `n` of its references. Does the object refer to them, to copies, or,
 * since others do too, on views that are read-only? */
enum block_access { BLOCK_VIEW, BLOCK_COPY, BLOCK_READONLY };
struct blocks {
    const uint64_t *ids;
    uint64_t n;
    enum block_access access;
};

PyObject *decode_pickle(const uint8_t *data, size_t size, const struct blocks *blocks, bool *kept);

#endif
