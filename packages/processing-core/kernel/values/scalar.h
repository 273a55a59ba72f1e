/* What a scalar is in the arena. */
#ifndef PROCESSING_SCALAR_H
#define PROCESSING_SCALAR_H

#include "values/format.h"
#include "objects/handle.h"

struct value {
    uint32_t format; /* constant: index into formats */
    uint32_t spare;
    uint64_t spare2;
    _Alignas(16) uint8_t data[16]; /* written by any member: released by stores, in one order by atomic.c */
};

static inline struct value *value_of(PyObject *self) { return ((handle_object *)self)->block; }
static inline const struct format *value_format(PyObject *self) { return &formats[value_of(self)->format % FORMATS]; }

static inline uint64_t value_load(struct value *v, uint32_t size)
{
    switch (size) {
    case 1: return load_acquire((word8 *)v->data);
    case 2: return load_acquire((word16 *)v->data);
    case 4: return load_acquire((word32 *)v->data);
    default: return load_acquire((word64 *)v->data);
    }
}

static inline void value_store(struct value *v, uint32_t size, uint64_t bits)
{
    switch (size) {
    case 1: store_release((word8 *)v->data, (uint8_t)bits); break;
    case 2: store_release((word16 *)v->data, (uint16_t)bits); break;
    case 4: store_release((word32 *)v->data, (uint32_t)bits); break;
    default: store_release((word64 *)v->data, bits);
    }
}

#endif
