/* Claims are written by ring_get under the ring's get_guard, and struck out by whoever takes that guard from the dead
 * if they did not come true: see ring.c.  So after ring_settle a dead worker's claim is the message that it took. */
#include "claims.h"

#include <string.h>

static PyTypeObject *claims_type;

/* The claims of all places stand first, then their slates. */
#define PLACE_SIZE (sizeof(struct claim) + SLATE_SIZE)

static Py_ssize_t places_of(PyObject *self)
{
    return (Py_ssize_t)(load_relaxed(&arena_cell(id_index(((handle_object *)self)->id))->size) / PLACE_SIZE);
}

static struct claim *claims_of(PyObject *self) { return ((handle_object *)self)->block; }

uint8_t *slate_of(PyObject *claims, struct claim *c)
{
    return (uint8_t *)(claims_of(claims) + places_of(claims)) + (c - claims_of(claims)) * SLATE_SIZE;
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
    return &claims_of(claims)[place];
}

static struct claim *parsed_claim(PyObject *self, PyObject *place)
{
    Py_ssize_t number = PyLong_AsSsize_t(place);
    return number == -1 && PyErr_Occurred() ? NULL : claim_at(self, number);
}

/* What a claim says, copied at one moment. */
struct look {
    uint64_t a, b, position, work, began, finished, flushed;
};

/* False: it says nothing.  The position comes first and last, and is 0 while the numbers change; `work` likewise for
 * what goes with it.  A taker changes them in its own time, so this ends. */
static bool look_at(struct claim *c, struct look *l)
{
    for (;;) {
        l->position = atomic_load(&c->position);
        l->work = atomic_load(&c->work);
        l->a = load_acquire(&c->a);
        l->b = load_acquire(&c->b);
        l->began = load_acquire(&c->began);
        l->finished = load_acquire(&c->finished);
        l->flushed = load_acquire(&c->flushed);
        if (atomic_load(&c->work) == l->work && atomic_load(&c->position) == l->position) return l->position != 0;
    }
}

/* read(place): (a, b), or None. */
static PyObject *py_read(PyObject *self, PyObject *place)
{
    struct claim *c = parsed_claim(self, place);
    struct look l;
    if (!c) return NULL;
    if (!look_at(c, &l)) Py_RETURN_NONE;
    return Py_BuildValue("KK", (unsigned long long)l.a, (unsigned long long)l.b);
}

/* look(place): (a, b, next, end, running, finished, began, work), or None. */
static PyObject *py_look(PyObject *self, PyObject *place)
{
    struct claim *c = parsed_claim(self, place);
    struct look l;
    if (!c) return NULL;
    if (!look_at(c, &l)) Py_RETURN_NONE;
    return Py_BuildValue("KKIINKLK", (unsigned long long)l.a, (unsigned long long)l.b, work_next(l.work), work_end(l.work),
                         PyBool_FromLong((l.work & WORK_RUNNING) != 0), (unsigned long long)l.finished,
                         (long long)l.began, (unsigned long long)l.work);
}

/* doom(place, work): whether the word was that still; then this taker begins nothing more. */
static PyObject *py_doom(PyObject *self, PyObject *args)
{
    Py_ssize_t place;
    unsigned long long work;
    if (!PyArg_ParseTuple(args, "nK", &place, &work)) return NULL;
    struct claim *c = claim_at(self, place);
    return c ? PyBool_FromLong(cas64(&c->work, work, work | WORK_DOOMED)) : NULL;
}

/* revoke(place, work, n): likewise; then the last n items that are not begun are the caller's. */
static PyObject *py_revoke(PyObject *self, PyObject *args)
{
    Py_ssize_t place;
    unsigned long long work;
    unsigned int n;
    if (!PyArg_ParseTuple(args, "nKI", &place, &work, &n)) return NULL;
    struct claim *c = claim_at(self, place);
    if (!c) return NULL;
    if (n > work_end(work) - work_next(work)) {
        PyErr_SetString(PyExc_ValueError, "so many are not left");
        return NULL;
    }
    return PyBool_FromLong(cas64(&c->work, work, work - n * WORK_END_ONE));
}

/* saved(place): (how many, from which item on, their bytes): the results that the dead had not sent, or was about to send. */
static PyObject *py_saved(PyObject *self, PyObject *place)
{
    struct claim *c = parsed_claim(self, place);
    struct look l;
    if (!c) return NULL;
    if (!look_at(c, &l) || l.finished <= l.flushed) return Py_BuildValue("KKy", 0ull, 0ull, "");
    uint8_t *slate = slate_of(self, c);
    uint64_t n = l.finished - l.flushed, at = 0;
    for (uint64_t i = 0; i < n; i++) {
        uint32_t size;
        memcpy(&size, slate + at, 4);
        at += 4 + (size & ~SAVED_FAILED);
    }
    return Py_BuildValue("KKy#", (unsigned long long)n, (unsigned long long)l.flushed, slate, (Py_ssize_t)at);
}

static void set(struct claim *c, uint64_t a, uint64_t b, uint64_t position)
{
    atomic_store(&c->position, 0);
    store_release(&c->a, a);
    store_release(&c->b, b);
    atomic_store(&c->work, ((load_relaxed(&c->work) >> 32) + 1) << 32);
    store_release(&c->finished, 0);
    store_release(&c->flushed, 0);
    atomic_store(&c->position, position);
}

/* write(place, a, b): what the holder of a place says of itself before it takes anything. */
static PyObject *py_write(PyObject *self, PyObject *args)
{
    Py_ssize_t place;
    unsigned long long a, b;
    if (!PyArg_ParseTuple(args, "nKK", &place, &a, &b)) return NULL;
    struct claim *c = claim_at(self, place);
    if (!c) return NULL;
    set(c, a, b, 1); /* of no message: positions begin at 0, and ring_settle leaves this one alone */
    Py_RETURN_NONE;
}

/* clear(place): before another worker takes it. */
static PyObject *py_clear(PyObject *self, PyObject *place)
{
    struct claim *c = parsed_claim(self, place);
    if (!c) return NULL;
    set(c, 0, 0, 0);
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
    return handle_create(type, CELL_CLAIMS, (uint64_t)places * PLACE_SIZE);
}

static PyMethodDef methods[] = {
    {"read", py_read, METH_O, NULL},
    {"look", py_look, METH_O, NULL},
    {"doom", py_doom, METH_VARARGS, NULL},
    {"revoke", py_revoke, METH_VARARGS, NULL},
    {"saved", py_saved, METH_O, NULL},
    {"write", py_write, METH_VARARGS, NULL},
    {"clear", py_clear, METH_O, NULL},
    {NULL, NULL, 0, NULL},
};
static PyType_Slot slots[] = {{Py_tp_new, claims_new}, {Py_tp_methods, methods}, {0, NULL}};

bool claims_register(PyObject *module)
{
    claims_type = handle_type(module, "processing_core._kernel.Claims", CELL_CLAIMS, sizeof(handle_object), slots, false);
    return claims_type != NULL;
}
