/* The order of sort keys, compared byte by byte, is that of the values in Python:
 *
 *     None                   02
 *     int, float, bool       05   the nearest double, its bits so turned that they rise with it   what is beyond it
 *     str (as UTF-8), bytes  08 or 09   the bytes, 00 as 00 ff   00 01
 *     tuple, list            0b or 0c   the items   01
 *
 * Two numbers with the same nearest double differ by what is beyond it: 80 for nothing, else 81 or 7f and eight
 * bytes. UTF-8 rises with the code points. Values that Python would refuse to compare are in the order of their
 * kinds; NaN comes after all other numbers. An item of a tuple that has no sort key ends the sort key: of two that
 * are equal so far neither comes first. */
#include "queues/sort_key.h"

enum { KEY_END = 1, KEY_NONE = 2, KEY_NUMBER = 5, KEY_STR = 8, KEY_BYTES = 9, KEY_TUPLE = 11, KEY_LIST = 12 };
#define DEEPEST 20

typedef enum { KEYED, CUT_SHORT, UNKEYED, FAILED } verdict;

static bool add(struct sort_key *r, const void *bytes, size_t n)
{
    if (r->size + n > r->room) {
        size_t room = (r->size + n) * 2;
        uint8_t *larger = PyMem_Malloc(room);
        if (!larger) return PyErr_NoMemory() != NULL;
        memcpy(larger, r->bytes, r->size);
        if (r->bytes != r->space) PyMem_Free(r->bytes);
        r->bytes = larger;
        r->room = room;
    }
    memcpy(r->bytes + r->size, bytes, n);
    r->size += n;
    return true;
}

static bool add_byte(struct sort_key *r, uint8_t byte) { return add(r, &byte, 1); }

static bool add_word(struct sort_key *r, uint64_t word)
{
    uint8_t bytes[8];
    for (int i = 0; i < 8; i++) bytes[i] = (uint8_t)(word >> (56 - 8 * i));
    return add(r, bytes, sizeof bytes);
}

static bool add_double(struct sort_key *r, double value)
{
    uint64_t bits;
    if (value != value) return add_word(r, UINT64_MAX);
    value += 0.0; /* -0.0 equals 0.0 */
    memcpy(&bits, &value, sizeof bits);
    return add_word(r, bits >> 63 ? ~bits : bits | 1ull << 63);
}

static bool add_text(struct sort_key *r, uint8_t tag, const char *bytes, Py_ssize_t n)
{
    if (!add_byte(r, tag)) return false;
    for (Py_ssize_t i = 0; i < n;) {
        const char *zero = memchr(bytes + i, 0, (size_t)(n - i));
        Py_ssize_t end = zero ? zero - bytes : n;
        if (!add(r, bytes + i, (size_t)(end - i)) || (zero && !add(r, "\x00\xff", 2))) return false;
        i = zero ? end + 1 : n;
    }
    return add(r, "\x00\x01", 2);
}

/* What an int has beyond its nearest double. */
static verdict add_rest(struct sort_key *r, PyObject *value, double nearest)
{
    int overflow;
    if (nearest >= -9007199254740992.0 && nearest <= 9007199254740992.0) return add_byte(r, 0x80) ? KEYED : FAILED;
    PyObject *whole = PyLong_FromDouble(nearest), *rest = whole ? PyNumber_Subtract(value, whole) : NULL;
    long long n = rest ? PyLong_AsLongLongAndOverflow(rest, &overflow) : 0;
    Py_XDECREF(whole);
    Py_XDECREF(rest);
    if (!rest) return FAILED;
    if (overflow) {
        PyErr_SetString(PyExc_OverflowError,
                        "an int that a PriorityQueue cannot rank: it differs by 2**63 or more from its nearest float");
        return FAILED;
    }
    if (n == 0) return add_byte(r, 0x80) ? KEYED : FAILED;
    return add_byte(r, n > 0 ? 0x81 : 0x7f) && add_word(r, (uint64_t)n) ? KEYED : FAILED;
}

static verdict add_int(struct sort_key *r, PyObject *value)
{
    double nearest = PyLong_AsDouble(value);
    if (nearest == -1.0 && PyErr_Occurred()) return FAILED;
    if (!add_byte(r, KEY_NUMBER) || !add_double(r, nearest)) return FAILED;
    return add_rest(r, value, nearest);
}

/* NumPy's integers; its arrays look like them, and refuse. */
static verdict add_index(struct sort_key *r, PyObject *value)
{
    PyObject *index = PyNumber_Index(value);
    if (!index && !PyErr_ExceptionMatches(PyExc_TypeError)) return FAILED;
    PyErr_Clear();
    verdict v = index ? add_int(r, index) : UNKEYED;
    Py_XDECREF(index);
    return v;
}

static verdict add_str(struct sort_key *r, PyObject *value)
{
    PyObject *bytes = PyUnicode_AsEncodedString(value, "utf-8", "surrogatepass");
    bool ok = bytes && add_text(r, KEY_STR, PyBytes_AsString(bytes), PyBytes_Size(bytes));
    Py_XDECREF(bytes);
    return ok ? KEYED : FAILED;
}

static verdict add_value(struct sort_key *r, PyObject *value, int depth);

static verdict add_items(struct sort_key *r, uint8_t tag, PyObject *value, int depth)
{
    verdict v = depth < DEEPEST && add_byte(r, tag) ? KEYED : FAILED;
    if (depth == DEEPEST) PyErr_SetString(PyExc_RecursionError, "tuples too deep in each other for a PriorityQueue");
    for (Py_ssize_t i = 0; v == KEYED && i < PySequence_Size(value); i++) {
        PyObject *item = PySequence_GetItem(value, i);
        v = item ? add_value(r, item, depth + 1) : FAILED;
        Py_XDECREF(item);
        if (v == UNKEYED) return i == 0 && depth == 0 ? UNKEYED : CUT_SHORT;
    }
    if (v != KEYED) return v;
    return add_byte(r, KEY_END) ? KEYED : FAILED;
}

static bool ordered_as(PyObject *value, PyTypeObject *base)
{
    return PyType_GetSlot(Py_TYPE(value), Py_tp_richcompare) == PyType_GetSlot(base, Py_tp_richcompare);
}

static verdict add_value(struct sort_key *r, PyObject *value, int depth)
{
    if (value == Py_None) return add_byte(r, KEY_NONE) ? KEYED : FAILED;
    if (PyFloat_Check(value)) { /* NumPy's too */
        bool ok = add_byte(r, KEY_NUMBER) && add_double(r, PyFloat_AsDouble(value)) && add_byte(r, 0x80);
        return ok ? KEYED : FAILED;
    }
    if (PyLong_Check(value) && ordered_as(value, &PyLong_Type)) return add_int(r, value);
    if (PyUnicode_Check(value) && ordered_as(value, &PyUnicode_Type)) return add_str(r, value);
    if (PyBytes_CheckExact(value))
        return add_text(r, KEY_BYTES, PyBytes_AsString(value), PyBytes_Size(value)) ? KEYED : FAILED;
    if (PyTuple_Check(value) && ordered_as(value, &PyTuple_Type)) return add_items(r, KEY_TUPLE, value, depth);
    if (PyList_CheckExact(value)) return add_items(r, KEY_LIST, value, depth);
    if (PyIndex_Check(value) && !PyLong_Check(value)) return add_index(r, value);
    return UNKEYED;
}

bool sort_key_begin(struct sort_key *r, PyObject *value)
{
    r->bytes = r->space;
    r->size = 0;
    r->room = sizeof r->space;
    verdict v = add_value(r, value, 0);
    if (v == UNKEYED)
        PyErr_Format(
            PyExc_TypeError,
            "a PriorityQueue cannot rank a %R: it ranks numbers, str, bytes, tuples and lists that begin with these, "
            "and dataclasses with order=True; for anything else make it with a key",
            (PyObject *)Py_TYPE(value));
    if (v == KEYED || v == CUT_SHORT) return true;
    sort_key_end(r);
    return false;
}

void sort_key_end(struct sort_key *r)
{
    if (r->bytes != r->space) PyMem_Free(r->bytes);
}
