/* See results.h. */
#include "pool/results.h"
#include "queues/claim.h"
#include "arena/errors.h"

#include <string.h>

/* If unpickling raises KeyboardInterrupt and the caller asks for interrupts, it is tried again. If it raises that
 * again, the object itself raises it, and only this task fails; else a signal handler raised it in this thread, and it
 * is kept in `*interrupt`. True: the caller must try again; the exception is in `first`. */
static bool interrupt_taken(PyObject **interrupt, PyObject **first)
{
    if (!interrupt || *interrupt || !PyErr_ExceptionMatches(PyExc_KeyboardInterrupt)) return false;
    *first = take_exception();
    return true;
}

static void interrupt_judged(PyObject **interrupt, PyObject *first, PyObject *object)
{
    if (!object && PyErr_ExceptionMatches(PyExc_KeyboardInterrupt)) Py_DECREF(first);
    else *interrupt = first;
}

static PyObject *decode_alone(const uint8_t *data, uint32_t size)
{
    bool kept;
    PyObject *object = decode(data, size, NULL, &kept);
    if (object && kept) {
        Py_CLEAR(object);
        PyErr_SetString(PyExc_BufferError, "an unpickled object kept a view of its message");
    }
    return object;
}

static PyObject *decode_result(const uint8_t *data, uint32_t size, PyObject **interrupt)
{
    PyObject *first, *object = decode_alone(data, size);
    if (object || !interrupt_taken(interrupt, &first)) return object;
    object = decode_alone(data, size);
    interrupt_judged(interrupt, first, object);
    return object;
}

/* A failed decoding (NULL) is that result's failure. */
static bool add_result(PyObject *list, Py_ssize_t i, PyObject *object, bool failed, PyObject **bad)
{
    if (!object || failed) {
        if (!object) object = take_exception();
        if (*bad == NULL) *bad = PyList_New(0);
        PyObject *index = *bad ? PyLong_FromSsize_t(i) : NULL;
        bool ok = index && PyList_Append(*bad, index) == 0;
        Py_XDECREF(index);
        if (!ok) {
            Py_XDECREF(object);
            return false;
        }
    }
    return PyList_SetItem(list, i, object) == 0;
}

static PyObject *received_many(struct receiving *r, uint64_t header[2], PyObject **ok, PyObject **interrupt)
{
    Py_ssize_t n = message_items(r->m.flags, r->data);
    PyObject *list = PyList_New(n), *bad = NULL;
    uint32_t at = 24, size;
    memcpy(header, r->data, 16);
    for (Py_ssize_t i = 0; list && i < n; i++, at += 4 + (size & ~SAVED_FAILED)) {
        memcpy(&size, r->data + at, 4);
        PyObject *object = decode_result(r->data + at + 4, size & ~SAVED_FAILED, interrupt);
        if (!add_result(list, i, object, size & SAVED_FAILED, &bad)) Py_CLEAR(list);
    }
    *ok = list && bad ? bad : Py_NewRef(Py_True);
    if (!list) Py_XDECREF(bad);
    return list;
}

/* The first try takes the references out of a parcel: it has no second. */
static PyObject *received_single(struct receiving *r, uint64_t header[2], PyObject **interrupt)
{
    PyObject *first, *object = received_object(r, header);
    if (object || !interrupt_taken(interrupt, &first)) return object;
    if (r->m.flags & MESSAGE_PARCEL) {
        *interrupt = first;
        PyErr_SetObject((PyObject *)Py_TYPE(first), first);
        return NULL;
    }
    object = received_object(r, header);
    interrupt_judged(interrupt, first, object);
    return object;
}

/* A tuple that takes the references; NULL if one of them is. */
static PyObject *tuple_of(PyObject *const *parts, Py_ssize_t n)
{
    PyObject *tuple = PyTuple_New(n);
    bool ok = tuple != NULL;
    for (Py_ssize_t i = 0; i < n; i++) {
        ok = ok && parts[i];
        if (tuple) PyTuple_SetItem(tuple, i, parts[i]);
        else Py_XDECREF(parts[i]);
    }
    if (!ok) Py_CLEAR(tuple);
    return tuple;
}

PyObject *received_row(struct receiving *r, PyObject **interrupt)
{
    uint64_t header[2] = {0, 0};
    PyObject *ok = NULL, *object;
    if (r->m.flags & MESSAGE_MANY) {
        object = received_many(r, header, &ok, interrupt);
        if (!object) return NULL;
    } else {
        object = received_single(r, header, interrupt);
        ok = Py_NewRef(object ? Py_True : Py_False);
        if (!object) object = take_exception();
    }
    PyObject *parts[] = {PyLong_FromUnsignedLongLong(header[0]), PyLong_FromUnsignedLongLong(header[1]),
                         PyLong_FromUnsignedLong(message_items(r->m.flags, r->data)), ok, object};
    return tuple_of(parts, 5);
}
