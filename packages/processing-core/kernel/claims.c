/* Claims are written by ring_get just before it consumes a message, and say nothing by themselves: the message was
 * taken if the ring's head has passed the position, else the ring has it still. */
#include "claims.h"

struct claim {
    word64 number, position; /* position + 1; 0: nothing was claimed */
};

static PyTypeObject *claims_type;

static Py_ssize_t places_of(PyObject *self)
{
    return (Py_ssize_t)(load_relaxed(&arena_cell(id_index(((handle_object *)self)->id))->size) / sizeof(struct claim));
}

word64 *claim_words(PyObject *claims, Py_ssize_t place)
{
    if (!PyObject_TypeCheck(claims, claims_type)) {
        PyErr_Format(PyExc_TypeError, "%R is no Claims", claims);
        return NULL;
    }
    if (!handle_usable(claims)) return NULL;
    if (place < 0 || place >= places_of(claims)) {
        PyErr_Format(PyExc_IndexError, "place %zd: there are %zd", place, places_of(claims));
        return NULL;
    }
    return &((struct claim *)((handle_object *)claims)->block)[place].number;
}

/* read(place): (number, position), or None. */
static PyObject *py_read(PyObject *self, PyObject *args)
{
    Py_ssize_t place;
    if (!PyArg_ParseTuple(args, "n", &place)) return NULL;
    word64 *words = claim_words(self, place);
    if (!words) return NULL;
    uint64_t position = load_acquire(&words[1]);
    if (position == 0) Py_RETURN_NONE;
    return Py_BuildValue("KK", (unsigned long long)load_relaxed(&words[0]), (unsigned long long)(position - 1));
}

/* clear(place): before another worker takes it. */
static PyObject *py_clear(PyObject *self, PyObject *args)
{
    Py_ssize_t place;
    if (!PyArg_ParseTuple(args, "n", &place)) return NULL;
    word64 *words = claim_words(self, place);
    if (!words) return NULL;
    store_release(&words[1], 0);
    Py_RETURN_NONE;
}

static PyObject *claims_new(PyTypeObject *type, PyObject *args, PyObject *kwargs)
{
    Py_ssize_t places;
    if (kwargs && PyDict_Size(kwargs)) {
        PyErr_SetString(PyExc_TypeError, "Claims() takes no keywords");
        return NULL;
    }
    if (!PyArg_ParseTuple(args, "n", &places)) return NULL;
    if (places < 1) {
        PyErr_Format(PyExc_ValueError, "%zd places: there must be at least one", places);
        return NULL;
    }
    return handle_create(type, CELL_CLAIMS, (uint64_t)places * sizeof(struct claim));
}

static PyMethodDef methods[] = {
    {"read", py_read, METH_VARARGS, NULL},
    {"clear", py_clear, METH_VARARGS, NULL},
    {NULL, NULL, 0, NULL},
};
static PyType_Slot slots[] = {{Py_tp_new, claims_new}, {Py_tp_methods, methods}, {0, NULL}};

bool claims_register(PyObject *module)
{
    claims_type = handle_type(module, "processing_core._kernel.Claims", CELL_CLAIMS, sizeof(handle_object), slots, false);
    return claims_type != NULL;
}
