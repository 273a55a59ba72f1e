/* What a scalar is in the arena. */
#ifndef PROCESSING_VALUE_H
#define PROCESSING_VALUE_H

#include "format.h"
#include "handle.h"

struct value {
    uint32_t format; /* constant: index into formats */
    uint32_t spare;
    uint64_t spare2;
    _Alignas(16) uint8_t data[16]; /* written by anybody: relaxed by plain stores, in one order by atomic.c */
};

static inline struct value *value_of(PyObject *self) { return ((handle_object *)self)->block; }
static inline const struct format *value_format(PyObject *self) { return &formats[value_of(self)->format % FORMATS]; }

/* The methods of atomic.c: add, fetch_add, exchange, compare_exchange. */
extern PyMethodDef value_atomics[];

static inline uint64_t value_load(struct value *v, uint32_t size)
{
    switch (size) {
    case 1: return load_relaxed((_Atomic uint8_t *)v->data);
    case 2: return load_relaxed((_Atomic uint16_t *)v->data);
    case 4: return load_relaxed((_Atomic uint32_t *)v->data);
    default: return load_relaxed((_Atomic uint64_t *)v->data);
    }
}

static inline void value_store(struct value *v, uint32_t size, uint64_t bits)
{
    switch (size) {
    case 1: store_relaxed((_Atomic uint8_t *)v->data, (uint8_t)bits); break;
    case 2: store_relaxed((_Atomic uint16_t *)v->data, (uint16_t)bits); break;
    case 4: store_relaxed((_Atomic uint32_t *)v->data, (uint32_t)bits); break;
    default: store_relaxed((_Atomic uint64_t *)v->data, bits);
    }
}

#endif
