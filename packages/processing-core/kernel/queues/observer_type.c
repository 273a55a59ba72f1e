/* The Python type of an observer: see observers.h. */
#include "arena/observers.h"
#include "arena/errors.h"
#include "arena/liveness.h"

typedef struct {
    PyObject_HEAD int fd;
    uint32_t slot;
    owner_id owner; /* the process that made it: in a fork's child it is not this process's */
} observer_object;

/* Take a slot that is free, or whose owner is dead; false if all are taken. */
static bool observer_open(observer_object *e, bool from_dead)
{
    e->owner = arena.self;
    for (e->slot = 0; e->slot < OBSERVERS; e->slot++) {
        word64 *entry = &arena.header->observers[e->slot];
        owner_id tenant = load(entry);
        if (tenant && (!from_dead || member_alive(tenant))) continue;
        if (!cas64(entry, tenant, e->owner)) continue;
        e->fd = platform_observer_make(&arena.header->family, e->owner, e->slot);
        if (e->fd >= 0) {
            platform_datagrams_require(e->fd, arena.header->family.token);
            return true;
        }
        store(entry, 0); /* a fork's child holds the address still */
    }
    return false;
}

static void observer_close(observer_object *e)
{
    if (e->fd < 0) return;
    if (arena_usable() == OK && e->owner == arena.self) cas64(&arena.header->observers[e->slot], e->owner, 0);
    platform_close(e->fd);
    e->fd = -1;
}

static PyObject *observer_new(PyTypeObject *type, PyObject *Py_UNUSED(args), PyObject *Py_UNUSED(kwargs))
{
    outcome o = arena_usable();
    if (o != OK) return raise_outcome(o);
    allocfunc alloc = (allocfunc)PyType_GetSlot(type, Py_tp_alloc);
    observer_object *e = (observer_object *)alloc(type, 0);
    if (!e) return NULL;
    e->fd = -1;
    if (!observer_open(e, false)) observer_open(e, true);
    return (PyObject *)e;
}

static void observer_dealloc(PyObject *self)
{
    PyTypeObject *type = Py_TYPE(self);
    observer_close((observer_object *)self);
    freefunc release = (freefunc)PyType_GetSlot(type, Py_tp_free);
    release(self);
    Py_DECREF(type);
}

static PyObject *py_fileno(PyObject *self, PyObject *Py_UNUSED(none))
{
    return PyLong_FromLong(((observer_object *)self)->fd);
}

static PyObject *py_close(PyObject *self, PyObject *Py_UNUSED(none))
{
    observer_close((observer_object *)self);
    Py_RETURN_NONE;
}

static PyObject *py_drain(PyObject *self, PyObject *Py_UNUSED(none))
{
    if (((observer_object *)self)->fd >= 0) platform_observer_drain(((observer_object *)self)->fd);
    Py_RETURN_NONE;
}

static PyMethodDef methods[] = {
    {"fileno", py_fileno, METH_NOARGS, NULL},
    {"drain", py_drain, METH_NOARGS, NULL},
    {"close", py_close, METH_NOARGS, NULL},
    {NULL, NULL, 0, NULL},
};
static PyType_Slot slots[] = {
    {Py_tp_new, observer_new}, {Py_tp_dealloc, observer_dealloc}, {Py_tp_methods, methods}, {0, NULL}};

bool observer_register(PyObject *module)
{
    PyType_Spec spec = {
        .name = "processing_core._kernel.Observer",
        .basicsize = sizeof(observer_object),
        .flags = Py_TPFLAGS_DEFAULT,
        .slots = slots,
    };
    PyObject *type = PyType_FromSpec(&spec);
    return type && PyModule_AddObjectRef(module, "Observer", type) == 0;
}
