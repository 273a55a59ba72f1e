/* See ears.h for the argument. */
#include "ears.h"
#include "member.h"
#include "messages.h"

#include <unistd.h>

void ears_call_slow(word32 *heeded)
{
    crash_point();
    if (!atomic_exchange(heeded, 0)) return;
    for (uint32_t place = 0; place < EARS; place++) {
        owner_id owner = atomic_load(&arena.header->ears[place]);
        crash_point();
        if (owner) platform_ear_call(arena.header->family, owner, place);
    }
}

/* -- the Python side -- */

typedef struct {
    PyObject_HEAD
    int fd;
    uint32_t place;
    owner_id owner; /* who made it: in a fork's child it is not this process's */
} ear_object;

/* Take a place that is free, or whose owner is dead; false if all are taken. */
static bool ear_open(ear_object *e, bool from_dead)
{
    e->owner = arena.self;
    for (e->place = 0; e->place < EARS; e->place++) {
        word64 *entry = &arena.header->ears[e->place];
        owner_id tenant = atomic_load(entry);
        if (tenant && (!from_dead || member_alive(tenant))) continue;
        if (!cas64(entry, tenant, e->owner)) continue;
        e->fd = platform_ear_make(arena.header->family, e->owner, e->place);
        if (e->fd >= 0) return true;
        atomic_store(entry, 0); /* a fork's child holds the address still */
    }
    return false;
}

static void ear_close(ear_object *e)
{
    if (e->fd < 0) return;
    if (arena_usable() == OK && e->owner == arena.self) cas64(&arena.header->ears[e->place], e->owner, 0);
    close(e->fd);
    e->fd = -1;
}

static PyObject *ear_new(PyTypeObject *type, PyObject *Py_UNUSED(args), PyObject *Py_UNUSED(kwargs))
{
    outcome o = arena_usable();
    if (o != OK) return raise_outcome(o);
    allocfunc alloc = (allocfunc)PyType_GetSlot(type, Py_tp_alloc);
    ear_object *e = (ear_object *)alloc(type, 0);
    if (!e) return NULL;
    e->fd = -1;
    if (!ear_open(e, false)) ear_open(e, true);
    return (PyObject *)e;
}

static void ear_dealloc(PyObject *self)
{
    PyTypeObject *type = Py_TYPE(self);
    ear_close((ear_object *)self);
    freefunc release = (freefunc)PyType_GetSlot(type, Py_tp_free);
    release(self);
    Py_DECREF(type);
}

static PyObject *py_fileno(PyObject *self, PyObject *Py_UNUSED(none)) { return PyLong_FromLong(((ear_object *)self)->fd); }

static PyObject *py_close(PyObject *self, PyObject *Py_UNUSED(none))
{
    ear_close((ear_object *)self);
    Py_RETURN_NONE;
}

static PyObject *py_drain(PyObject *self, PyObject *Py_UNUSED(none))
{
    if (((ear_object *)self)->fd >= 0) platform_ear_drain(((ear_object *)self)->fd);
    Py_RETURN_NONE;
}

/* A get would not wait: there is something, or never will be. */
static bool answers(struct ring *r) { return !ring_empty(r) || load_acquire(&r->state) & RING_SHUT; }

/* heed(queue): whether a get would not wait; if it would, the next put calls the ears, or a shutdown. */
static PyObject *py_heed(PyObject *Py_UNUSED(module), PyObject *queue)
{
    if (!queue_check(queue) || !queue_usable(queue)) return NULL;
    struct ring *r = ring_of(queue);
    if (queue_of(queue)->leftover || answers(r)) Py_RETURN_TRUE;
    ears_heed(&r->heeded);
    return PyBool_FromLong(answers(r));
}

static PyMethodDef methods[] = {
    {"fileno", py_fileno, METH_NOARGS, NULL},
    {"drain", py_drain, METH_NOARGS, NULL},
    {"close", py_close, METH_NOARGS, NULL},
    {NULL, NULL, 0, NULL},
};
static PyMethodDef functions[] = {
    {"heed", py_heed, METH_O, NULL},
    {NULL, NULL, 0, NULL},
};
static PyType_Slot slots[] = {{Py_tp_new, ear_new}, {Py_tp_dealloc, ear_dealloc}, {Py_tp_methods, methods}, {0, NULL}};

bool ears_register(PyObject *module)
{
    PyType_Spec spec = {
        .name = "processing_core._kernel.Ear",
        .basicsize = sizeof(ear_object),
        .flags = Py_TPFLAGS_DEFAULT,
        .slots = slots,
    };
    PyObject *type = PyType_FromSpec(&spec);
    return type && PyModule_AddObjectRef(module, "Ear", type) == 0 && PyModule_AddFunctions(module, functions) == 0;
}
