/* Formats: what a typecode stands for, and Python objects as the bits of one. */
#ifndef PROCESSING_FORMAT_H
#define PROCESSING_FORMAT_H

#include "base/kernel.h"

enum nature { SIGNED, UNSIGNED, FLOATING, TRUTH, BYTE, WIDE };
struct format {
    char code;
    uint8_t size;
    uint8_t nature;
    const char *name; /* what ctypes calls it */
};

#define FORMATS 15u
extern const struct format formats[FORMATS];          /* the order is part of the layout: blocks hold the index */
const struct format *format_find(PyObject *typecode); /* NULL with an exception */

/* Bits are those of the value, at the low end of a word. False with an exception that names the value and the rule. */
bool format_bits(const struct format *f, PyObject *value, uint64_t *bits);
PyObject *format_object(const struct format *f, uint64_t bits);

double format_double(const struct format *f, uint64_t bits); /* of FLOATING ones */
/* False: there is no such number of single precision. */
bool format_double_bits(const struct format *f, double number, uint64_t *bits);
/* Raise "value ...: typecode '.' (c_...) takes <rule>", or say which integers it takes; always false. */
bool format_refuse(const struct format *f, PyObject *value, PyObject *error, const char *rule);
bool format_refuse_range(const struct format *f, PyObject *value);

#endif
