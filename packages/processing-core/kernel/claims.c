/* Claims are written by ring_get under the ring's get_guard, and struck out by whoever takes that guard from the dead
 * if they did not come true: see ring.c.  So after ring_settle a dead worker's claim is the message that it took. */
#include "claims.h"

static PyTypeObject *claims_type;

static Py_ssize_t places_of(PyObject *self)
{
    return (Py_ssize_t)(load_relaxed(&arena_cell(id_index(((handle_object *)self)->id))->size) / sizeof(struct claim));
}

struct claim *claim_at(PyObject *claims, Py_ssize_t place)
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
    return &((struct claim *)((handle_object *)claims)->block)[place];
}

/* read(place): (a, b), or None. */
static PyObject *py_read(PyObject *self, PyObject *args)
{
    Py_ssize_t place;
    if (!PyArg_ParseTuple(args, "n", &place)) return NULL;
    struct claim *c = claim_at(self, place);
    if (!c) return NULL;
    if (load_acquire(&c->position) == 0) Py_RETURN_NONE;
    return Py_BuildValue("KK", (unsigned long long)load_relaxed(&c->a), (unsigned long long)load_relaxed(&c->b));
}

/* write(place, a, b): what the holder of a place says of itself before it takes anything. */
static PyObject *py_write(PyObject *self, PyObject *args)
{
    Py_ssize_t place;
    unsigned long long a, b;
    if (!PyArg_ParseTuple(args, "nKK", &place, &a, &b)) return NULL;
    struct claim *c = claim_at(self, place);
    if (!c) return NULL;
    store_release(&c->position, 0);
    store_release(&c->a, a);
    store_release(&c->b, b);
    store_release(&c->position, 1); /* of no message: positions begin at 0, and ring_settle leaves this one alone */
    Py_RETURN_NONE;
}

/* clear(place): before another worker takes it. */
static PyObject *py_clear(PyObject *self, PyObject *args)
{
    Py_ssize_t place;
    if (!PyArg_ParseTuple(args, "n", &place)) return NULL;
    struct claim *c = claim_at(self, place);
    if (!c) return NULL;
    store_release(&c->position, 0);
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
    {"write", py_write, METH_VARARGS, NULL},
    {"clear", py_clear, METH_VARARGS, NULL},
    {NULL, NULL, 0, NULL},
};
static PyType_Slot slots[] = {{Py_tp_new, claims_new}, {Py_tp_methods, methods}, {0, NULL}};

bool claims_register(PyObject *module)
{
    claims_type = handle_type(module, "processing_core._kernel.Claims", CELL_CLAIMS, sizeof(handle_object), slots, false);
    return claims_type != NULL;
}
