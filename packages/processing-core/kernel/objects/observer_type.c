/* The Python type of an observer: see observers.h. */
#include "objects/observer_type.h"
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
        if (mailbox_open(e->slot) != OK || !cas64(entry, tenant, e->owner)) continue;
        e->fd = platform_observer_make(&arena.header->family, e->owner, e->slot);
        if (e->fd >= 0) {
            platform_datagrams_require(e->fd, arena.header->family.token);
            mailbox_begin(e->slot); /* after the address is there: what was told before sent its datagram elsewhere */
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

/* Every object of the fork's child, and a closed one, has no slot. */
static bool in_use(observer_object *e) { return e->fd >= 0 && arena_usable() == OK && e->owner == arena.self; }

static PyObject *observer_class;

bool observer_slot(PyObject *observer, uint32_t *slot)
{
    observer_object *e = (observer_object *)observer;
    if (Py_TYPE(observer) != (PyTypeObject *)observer_class || !in_use(e)) {
        PyErr_SetString(PyExc_ValueError, "no open Observer of this process");
        return false;
    }
    *slot = e->slot;
    return true;
}

PyObject *observer_watch(PyObject *observer, struct observable *o)
{
    uint32_t slot;
    return observer_slot(observer, &slot) ? PyLong_FromUnsignedLongLong(observable_watch(o, slot)) : NULL;
}

/* take(all=False): receive the datagrams; the keys that were told, or None if some were not kept. */
static PyObject *py_take(PyObject *self, PyObject *args)
{
    observer_object *e = (observer_object *)self;
    int all = 0;
    uint32_t at = 0;
    if (!PyArg_ParseTuple(args, "|p", &all)) return NULL;
    PyObject *keys = PyList_New(0);
    if (!keys || !in_use(e)) return keys;
    platform_observer_drain(e->fd);
    bool lost = mailbox_begin(e->slot);
    for (uint64_t told; keys && (told = mailbox_take(e->slot, all || lost, &at));) {
        PyObject *key = PyLong_FromUnsignedLongLong(told);
        if (!key || PyList_Append(keys, key) < 0) Py_CLEAR(keys);
        Py_XDECREF(key);
    }
    if (!lost || !keys) return keys;
    Py_DECREF(keys);
    Py_RETURN_NONE;
}

static PyObject *py_tell(PyObject *self, PyObject *number)
{
    uint64_t key = PyLong_AsUnsignedLongLong(number);
    if (PyErr_Occurred()) return NULL;
    if (in_use((observer_object *)self)) observer_tell(((observer_object *)self)->slot, key);
    Py_RETURN_NONE;
}

static PyMethodDef methods[] = {
    {"tell", py_tell, METH_O, NULL},
    {"take", py_take, METH_VARARGS, NULL},
    {"fileno", py_fileno, METH_NOARGS, NULL},
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
    observer_class = PyType_FromSpec(&spec);
    return observer_class && PyModule_AddObjectRef(module, "Observer", observer_class) == 0
        && PyModule_AddIntMacro(module, OBSERVERS) == 0
        && PyModule_AddIntConstant(module, "KEY_JOINED", KEY_JOINED) == 0
        && PyModule_AddIntConstant(module, "KEY_DIED", KEY_DIED) == 0;
}
