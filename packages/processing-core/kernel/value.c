/* Scalar: one number, character or truth value in the arena; LockedScalar: the same with a lock beside it.
 *
 * A value is read and written by one relaxed access of its size, so a reader never sees half of a write; what orders
 * it with other memory is the lock that the reader holds. */
#include "lock.h"

#include <math.h>
#include <stdio.h>
#include <string.h>
#include <wchar.h>

enum nature { SIGNED, UNSIGNED, FLOATING, TRUTH, BYTE, WIDE };
struct format {
    char code;
    uint8_t size;
    uint8_t nature;
    const char *name; /* what ctypes calls it */
};

/* The order is part of the layout: blocks hold the index. */
static const struct format formats[] = {
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
#define FORMATS (sizeof formats / sizeof *formats)

struct value {
    uint32_t format; /* constant: index into formats */
    uint32_t spare;
    uint64_t spare2;
    _Alignas(16) uint8_t data[16]; /* read and written by anybody, relaxed */
};

typedef struct {
    handle_object handle;
    PyObject *lock; /* NULL while unpickling */
} locked_object;

static struct value *value_of(PyObject *self) { return ((handle_object *)self)->block; }
static PyObject *lock_of(PyObject *self) { return ((locked_object *)self)->lock; }
static const struct format *format_of(struct value *v) { return &formats[v->format % FORMATS]; }

static const struct format *format_find(PyObject *typecode)
{
    if (!PyUnicode_Check(typecode)) {
        PyErr_Format(PyExc_TypeError, "typecode %R: it must be a str", typecode);
        return NULL;
    }
    Py_UCS4 code = PyUnicode_GetLength(typecode) == 1 ? PyUnicode_ReadChar(typecode, 0) : 0;
    for (size_t i = 0; i < FORMATS; i++)
        if ((Py_UCS4)formats[i].code == code) return &formats[i];
    PyErr_Format(PyExc_TypeError, "typecode %R: it must be one of c b B h H i I l L q Q f d ? u", typecode);
    return NULL;
}

/* -- bits -- */

static uint64_t bits_load(void *at, uint32_t size)
{
    switch (size) {
    case 1: return load_relaxed((_Atomic uint8_t *)at);
    case 2: return load_relaxed((_Atomic uint16_t *)at);
    case 4: return load_relaxed((_Atomic uint32_t *)at);
    default: return load_relaxed((_Atomic uint64_t *)at);
    }
}

static void bits_store(void *at, uint32_t size, uint64_t bits)
{
    switch (size) {
    case 1: store_relaxed((_Atomic uint8_t *)at, (uint8_t)bits); break;
    case 2: store_relaxed((_Atomic uint16_t *)at, (uint16_t)bits); break;
    case 4: store_relaxed((_Atomic uint32_t *)at, (uint32_t)bits); break;
    default: store_relaxed((_Atomic uint64_t *)at, bits);
    }
}

static double bits_to_double(uint64_t bits, uint32_t size)
{
    float single;
    double full;
    uint32_t low = (uint32_t)bits;
    memcpy(&single, &low, sizeof single);
    memcpy(&full, &bits, sizeof full);
    return size == sizeof single ? (double)single : full;
}

static uint64_t double_to_bits(double full, uint32_t size)
{
    float single = (float)full;
    uint64_t bits = 0;
    if (size == sizeof single) {
        uint32_t low;
        memcpy(&low, &single, sizeof low);
        return low;
    }
    memcpy(&bits, &full, sizeof bits);
    return bits;
}

/* -- Python objects to bits: false with an exception that names the value and the rule -- */

static bool refuse(const struct format *f, PyObject *value, PyObject *error, const char *rule)
{
    PyErr_Format(error, "value %R: typecode '%c' (%s) takes %s", value, f->code, f->name, rule);
    return false;
}

static bool refuse_range(const struct format *f, PyObject *value)
{
    char rule[80];
    unsigned long long top = ~0ull >> (64 - 8 * f->size);
    long long high = (long long)(top >> 1);
    if (f->nature == SIGNED) snprintf(rule, sizeof rule, "integers from %lld to %lld", -high - 1, high);
    else snprintf(rule, sizeof rule, "integers from 0 to %llu", top);
    return refuse(f, value, PyExc_OverflowError, rule);
}

static bool integer_to_bits(const struct format *f, PyObject *value, uint64_t *bits)
{
    int overflow;
    long long n = PyLong_AsLongLongAndOverflow(value, &overflow);
    uint32_t shift = 64 - 8 * f->size;
    if (n == -1 && PyErr_Occurred()) {
        if (!PyErr_ExceptionMatches(PyExc_TypeError)) return false;
        return refuse(f, value, PyExc_TypeError, "an integer");
    }
    if (f->nature == SIGNED) {
        if (overflow || (int64_t)((uint64_t)n << shift) >> shift != n) return refuse_range(f, value);
    } else if (overflow > 0 && shift == 0) {
        PyObject *index = PyNumber_Index(value);
        *bits = index ? PyLong_AsUnsignedLongLong(index) : 0;
        Py_XDECREF(index);
        return !PyErr_Occurred() || (PyErr_Clear(), refuse_range(f, value));
    } else if (overflow || n < 0 || (uint64_t)n << shift >> shift != (uint64_t)n) {
        return refuse_range(f, value);
    }
    *bits = (uint64_t)n;
    return true;
}

static bool floating_to_bits(const struct format *f, PyObject *value, uint64_t *bits)
{
    double d = PyFloat_AsDouble(value);
    if (d == -1.0 && PyErr_Occurred()) {
        if (!PyErr_ExceptionMatches(PyExc_TypeError)) return false;
        return refuse(f, value, PyExc_TypeError, "a real number");
    }
    if (f->size == sizeof(float) && isinf((float)d) && !isinf(d))
        return refuse(f, value, PyExc_OverflowError, "numbers of single precision");
    *bits = double_to_bits(d, f->size);
    return true;
}

static bool byte_to_bits(const struct format *f, PyObject *value, uint64_t *bits)
{
    if (!PyBytes_Check(value) || PyBytes_Size(value) != 1)
        return refuse(f, value, PyBytes_Check(value) ? PyExc_ValueError : PyExc_TypeError, "bytes of length 1");
    *bits = (uint8_t)PyBytes_AsString(value)[0];
    return true;
}

static bool wide_to_bits(const struct format *f, PyObject *value, uint64_t *bits)
{
    if (!PyUnicode_Check(value) || PyUnicode_GetLength(value) != 1)
        return refuse(f, value, PyUnicode_Check(value) ? PyExc_ValueError : PyExc_TypeError, "a str of length 1");
    *bits = PyUnicode_ReadChar(value, 0);
    return f->size >= 4 || *bits < 0x10000 || refuse(f, value, PyExc_OverflowError, "characters up to U+FFFF");
}

static bool to_bits(const struct format *f, PyObject *value, uint64_t *bits)
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

static PyObject *from_bits(const struct format *f, uint64_t bits)
{
    uint32_t shift = 64 - 8 * f->size;
    char byte = (char)bits;
    switch (f->nature) {
    case SIGNED: return PyLong_FromLongLong((int64_t)(bits << shift) >> shift);
    case UNSIGNED: return PyLong_FromUnsignedLongLong(bits);
    case FLOATING: return PyFloat_FromDouble(bits_to_double(bits, f->size));
    case BYTE: return PyBytes_FromStringAndSize(&byte, 1);
    case WIDE: return PyUnicode_FromOrdinal((int)bits);
    default: return PyBool_FromLong(bits != 0);
    }
}

/* -- Scalar -- */

static PyObject *get_value(PyObject *self, void *Py_UNUSED(closure))
{
    if (!handle_usable(self)) return NULL;
    struct value *v = value_of(self);
    const struct format *f = format_of(v);
    return from_bits(f, bits_load(v->data, f->size));
}

static int set_value(PyObject *self, PyObject *value, void *Py_UNUSED(closure))
{
    uint64_t bits;
    if (!value) {
        PyErr_SetString(PyExc_TypeError, "a shared value cannot be deleted");
        return -1;
    }
    if (!handle_usable(self)) return -1;
    struct value *v = value_of(self);
    const struct format *f = format_of(v);
    if (!to_bits(f, value, &bits)) return -1;
    bits_store(v->data, f->size, bits);
    return 0;
}

static PyObject *get_typecode(PyObject *self, void *Py_UNUSED(closure))
{
    return handle_usable(self) ? PyUnicode_FromOrdinal(format_of(value_of(self))->code) : NULL;
}

static PyObject *get_ctype(PyObject *self, void *Py_UNUSED(closure))
{
    return handle_usable(self) ? PyUnicode_FromString(format_of(value_of(self))->name) : NULL;
}

/* For a view by ctypes, whose accesses of such sizes are single ones, too. */
static int get_buffer(PyObject *self, Py_buffer *view, int flags)
{
    if (!handle_usable(self)) {
        view->obj = NULL;
        return -1;
    }
    return PyBuffer_FillInfo(view, self, value_of(self)->data, format_of(value_of(self))->size, 0, flags);
}

static PyObject *create(PyTypeObject *type, PyObject *typecode, PyObject *initial)
{
    uint64_t bits = 0;
    const struct format *f = format_find(typecode);
    if (!f || (initial && !to_bits(f, initial, &bits))) return NULL;
    PyObject *self = handle_create(type, CELL_VALUE, sizeof(struct value));
    if (!self) return NULL;
    value_of(self)->format = (uint32_t)(f - formats);
    bits_store(value_of(self)->data, f->size, bits);
    return self;
}

static PyObject *scalar_new(PyTypeObject *type, PyObject *args, PyObject *kwargs)
{
    static char *names[] = {"typecode", "initial", NULL};
    PyObject *typecode, *initial = NULL;
    if (!PyArg_ParseTupleAndKeywords(args, kwargs, "O|O", names, &typecode, &initial)) return NULL;
    return create(type, typecode, initial);
}

/* -- LockedScalar -- */

static PyTypeObject *scalar_type;

static bool has_lock(PyObject *self)
{
    if (lock_of(self)) return true;
    PyErr_SetString(PyExc_ValueError, "a value without its lock: it was not unpickled as a whole");
    return false;
}

static PyObject *py_get_lock(PyObject *self, PyObject *Py_UNUSED(none))
{
    return has_lock(self) ? Py_NewRef(lock_of(self)) : NULL;
}

/* Another handle to the same cell, of a type without the lock. */
static PyObject *py_bare(PyObject *self, PyObject *type)
{
    if (!PyType_Check(type) || !PyType_IsSubtype((PyTypeObject *)type, scalar_type))
        return PyErr_Format(PyExc_TypeError, "%R is no type of scalars", type);
    return handle_usable(self) ? handle_attach((PyTypeObject *)type, ((handle_object *)self)->id) : NULL;
}

static PyObject *get_acquire(PyObject *self, void *Py_UNUSED(closure))
{
    return has_lock(self) ? PyObject_GetAttrString(lock_of(self), "acquire") : NULL;
}

static PyObject *get_release(PyObject *self, void *Py_UNUSED(closure))
{
    return has_lock(self) ? PyObject_GetAttrString(lock_of(self), "release") : NULL;
}

static PyObject *py_enter(PyObject *self, PyObject *Py_UNUSED(none))
{
    bool failed;
    if (!has_lock(self)) return NULL;
    if (!lock_check(lock_of(self))) return PyObject_CallMethod(lock_of(self), "__enter__", NULL);
    lock_take(lock_of(self), NO_DEADLINE, &failed);
    return failed ? NULL : Py_NewRef(Py_True);
}

static PyObject *py_exit(PyObject *self, PyObject *const *args, Py_ssize_t nargs)
{
    if (!has_lock(self)) return NULL;
    if (lock_check(lock_of(self))) return lock_give(lock_of(self));
    if (nargs != 3) return PyErr_Format(PyExc_TypeError, "__exit__() takes 3 arguments, %zd were given", nargs);
    return PyObject_CallMethod(lock_of(self), "__exit__", "OOO", args[0], args[1], args[2]);
}

static PyObject *locked_reduce(PyObject *self, PyObject *Py_UNUSED(none))
{
    return has_lock(self) ? handle_reduce_with(self, lock_of(self)) : NULL;
}

static PyObject *py_setstate(PyObject *self, PyObject *lock)
{
    PyObject *old = lock_of(self);
    ((locked_object *)self)->lock = Py_NewRef(lock);
    Py_XDECREF(old);
    Py_RETURN_NONE;
}

static PyObject *locked_new(PyTypeObject *type, PyObject *args, PyObject *kwargs)
{
    static char *names[] = {"typecode", "initial", "lock", NULL};
    PyObject *typecode, *initial, *lock;
    if (!PyArg_ParseTupleAndKeywords(args, kwargs, "OOO", names, &typecode, &initial, &lock)) return NULL;
    PyObject *self = create(type, typecode, initial == Py_None ? NULL : initial);
    if (self) ((locked_object *)self)->lock = Py_NewRef(lock);
    return self;
}

static void locked_dealloc(PyObject *self)
{
    Py_CLEAR(((locked_object *)self)->lock);
    handle_dealloc(self);
}

static PyGetSetDef scalar_getset[] = {
    {"value", get_value, set_value, "the value", NULL},
    {"_typecode", get_typecode, NULL, "as in array and ctypes", NULL},
    {"_ctype", get_ctype, NULL, "the name of its type in ctypes", NULL},
    {NULL, NULL, NULL, NULL, NULL},
};
static PyType_Slot scalar_slots[] = {{Py_tp_new, scalar_new},
                                     {Py_tp_getset, scalar_getset},
                                     {Py_bf_getbuffer, get_buffer},
                                     {0, NULL}};

static PyMethodDef locked_methods[] = {
    {"get_lock", py_get_lock, METH_NOARGS, "get_lock($self, /)\n--\n\nThe lock beside the value."},
    {"_bare", py_bare, METH_O, NULL},
    {"__enter__", py_enter, METH_NOARGS, NULL},
    {"__exit__", (PyCFunction)(void (*)(void))py_exit, METH_FASTCALL, NULL},
    {"__reduce__", locked_reduce, METH_NOARGS, NULL},
    {"__setstate__", py_setstate, METH_O, NULL},
    {NULL, NULL, 0, NULL},
};
static PyGetSetDef locked_getset[] = {
    {"acquire", get_acquire, NULL, "the lock's acquire", NULL},
    {"release", get_release, NULL, "the lock's release", NULL},
    {NULL, NULL, NULL, NULL, NULL},
};
static PyType_Slot locked_slots[] = {{Py_tp_new, locked_new},
                                     {Py_tp_dealloc, locked_dealloc},
                                     {Py_tp_methods, locked_methods},
                                     {Py_tp_getset, locked_getset},
                                     {0, NULL}};

bool value_register(PyObject *module)
{
    PyType_Spec locked = {
        .name = "processing_core._kernel.LockedScalar",
        .basicsize = sizeof(locked_object),
        .flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_BASETYPE,
        .slots = locked_slots,
    };
    scalar_type = handle_type(module, "processing_core._kernel.Scalar", CELL_VALUE, sizeof(handle_object), scalar_slots,
                              true);
    if (!scalar_type) return false;
    PyObject *type = PyType_FromSpecWithBases(&locked, (PyObject *)scalar_type);
    return type && PyModule_AddObjectRef(module, "LockedScalar", type) == 0;
}
