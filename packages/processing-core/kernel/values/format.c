/* Formats: the typecodes of `array` and `ctypes`, and Python objects as the bits that they stand for. */
#include "values/format.h"

#include <math.h>
#include <stdio.h>
#include <string.h>
#include <wchar.h>

const struct format formats[FORMATS] = {
    {'c', 1, BYTE, "c_char"},
    {'b', 1, SIGNED, "c_byte"},
    {'B', 1, UNSIGNED, "c_ubyte"},
    {'h', sizeof(short), SIGNED, "c_short"},
    {'H', sizeof(short), UNSIGNED, "c_ushort"},
    {'i', sizeof(int), SIGNED, "c_int"},
    {'I', sizeof(int), UNSIGNED, "c_uint"},
    {'l', sizeof(long), SIGNED, "c_long"},
    {'L', sizeof(long), UNSIGNED, "c_ulong"},
    {'q', sizeof(long long), SIGNED, "c_longlong"},
    {'Q', sizeof(long long), UNSIGNED, "c_ulonglong"},
    {'f', sizeof(float), FLOATING, "c_float"},
    {'d', sizeof(double), FLOATING, "c_double"},
    {'?', 1, TRUTH, "c_bool"},
    {'u', sizeof(wchar_t), WIDE, "c_wchar"},
};

const struct format *format_find(PyObject *typecode)
{
    if (!PyUnicode_Check(typecode)) {
        PyErr_Format(PyExc_TypeError, "typecode %R: it must be a str", typecode);
        return NULL;
    }
    Py_UCS4 code = PyUnicode_GetLength(typecode) == 1 ? PyUnicode_ReadChar(typecode, 0) : 0;
    for (size_t i = 0; i < FORMATS; i++)
        if ((Py_UCS4)formats[i].code == code) return &formats[i];
    PyErr_Format(PyExc_TypeError, "bad typecode %R: it must be one of c b B h H i I l L q Q f d ? u", typecode);
    return NULL;
}

double format_double(const struct format *f, uint64_t bits)
{
    float single;
    double full;
    uint32_t low = (uint32_t)bits;
    memcpy(&single, &low, sizeof single);
    memcpy(&full, &bits, sizeof full);
    return f->size == sizeof single ? (double)single : full;
}

bool format_double_bits(const struct format *f, double number, uint64_t *bits)
{
    float single = (float)number;
    uint32_t low;
    if (f->size == sizeof single) {
        memcpy(&low, &single, sizeof low);
        *bits = low;
        return !isinf(single) || isinf(number);
    }
    memcpy(bits, &number, sizeof *bits);
    return true;
}

/* -- Python objects to bits: false with an exception that names the value and the rule -- */

bool format_refuse(const struct format *f, PyObject *value, PyObject *error, const char *rule)
{
    PyErr_Format(error, "value %R: typecode '%c' (%s) takes %s", value, f->code, f->name, rule);
    return false;
}

bool format_refuse_range(const struct format *f, PyObject *value)
{
    char rule[80];
    unsigned long long top = ~0ull >> (64 - 8 * f->size);
    long long high = (long long)(top >> 1);
    if (f->nature == SIGNED) snprintf(rule, sizeof rule, "integers from %lld to %lld", -high - 1, high);
    else snprintf(rule, sizeof rule, "integers from 0 to %llu", top);
    return format_refuse(f, value, PyExc_OverflowError, rule);
}

static bool integer_to_bits(const struct format *f, PyObject *value, uint64_t *bits)
{
    int overflow;
    long long n = PyLong_AsLongLongAndOverflow(value, &overflow);
    uint32_t shift = 64 - 8 * f->size;
    if (n == -1 && PyErr_Occurred()) {
        if (!PyErr_ExceptionMatches(PyExc_TypeError)) return false;
        return format_refuse(f, value, PyExc_TypeError, "an integer");
    }
    if (f->nature == SIGNED) {
        if (overflow || (int64_t)((uint64_t)n << shift) >> shift != n) return format_refuse_range(f, value);
    } else if (overflow > 0 && shift == 0) {
        PyObject *index = PyNumber_Index(value);
        *bits = index ? PyLong_AsUnsignedLongLong(index) : 0;
        Py_XDECREF(index);
        return !PyErr_Occurred() || (PyErr_Clear(), format_refuse_range(f, value));
    } else if (overflow || n < 0 || (uint64_t)n << shift >> shift != (uint64_t)n) {
        return format_refuse_range(f, value);
    }
    *bits = (uint64_t)n;
    return true;
}

static bool floating_to_bits(const struct format *f, PyObject *value, uint64_t *bits)
{
    double d = PyFloat_AsDouble(value);
    if (d == -1.0 && PyErr_Occurred()) {
        if (!PyErr_ExceptionMatches(PyExc_TypeError)) return false;
        return format_refuse(f, value, PyExc_TypeError, "a real number");
    }
    return format_double_bits(f, d, bits)
        || format_refuse(f, value, PyExc_OverflowError, "numbers of single precision");
}

static bool byte_to_bits(const struct format *f, PyObject *value, uint64_t *bits)
{
    if (!PyBytes_Check(value) || PyBytes_Size(value) != 1)
        return format_refuse(f, value, PyBytes_Check(value) ? PyExc_ValueError : PyExc_TypeError, "bytes of length 1");
    *bits = (uint8_t)PyBytes_AsString(value)[0];
    return true;
}

static bool wide_to_bits(const struct format *f, PyObject *value, uint64_t *bits)
{
    if (!PyUnicode_Check(value) || PyUnicode_GetLength(value) != 1)
        return format_refuse(f, value, PyUnicode_Check(value) ? PyExc_ValueError : PyExc_TypeError,
                             "a str of length 1");
    *bits = PyUnicode_ReadChar(value, 0);
    return f->size >= 4 || *bits < 0x10000 || format_refuse(f, value, PyExc_OverflowError, "characters up to U+FFFF");
}

bool format_bits(const struct format *f, PyObject *value, uint64_t *bits)
{
    int truth;
    switch (f->nature) {
    case SIGNED:
    case UNSIGNED: return integer_to_bits(f, value, bits);
    case FLOATING: return floating_to_bits(f, value, bits);
    case BYTE: return byte_to_bits(f, value, bits);
    case WIDE: return wide_to_bits(f, value, bits);
    default:
        truth = PyObject_IsTrue(value);
        *bits = truth > 0;
        return truth >= 0;
    }
}

PyObject *format_object(const struct format *f, uint64_t bits)
{
    uint32_t shift = 64 - 8 * f->size;
    char byte = (char)bits;
    switch (f->nature) {
    case SIGNED: return PyLong_FromLongLong((int64_t)(bits << shift) >> shift);
    case UNSIGNED: return PyLong_FromUnsignedLongLong(bits);
    case FLOATING: return PyFloat_FromDouble(format_double(f, bits));
    case BYTE: return PyBytes_FromStringAndSize(&byte, 1);
    case WIDE: return PyUnicode_FromOrdinal((int)bits);
    default: return PyBool_FromLong(bits != 0);
    }
}
