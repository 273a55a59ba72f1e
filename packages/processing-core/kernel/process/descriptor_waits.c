/* What an event loop waits by for descriptors for which it cannot wait itself: see `platform_waits_make`. */
#include "arena/errors.h"

typedef struct {
    PyObject_HEAD struct platform_waits *waits;
    PyObject *stream; /* open as long as there may be something to tell it */
} waits_object;

static PyObject *waits_new(PyTypeObject *type, PyObject *args, PyObject *Py_UNUSED(kwargs))
{
    int fd;
    PyObject *stream;
    if (!PyArg_ParseTuple(args, "Oi", &stream, &fd)) return NULL;
    allocfunc alloc = (allocfunc)PyType_GetSlot(type, Py_tp_alloc);
    waits_object *made = (waits_object *)alloc(type, 0);
    if (!made) return NULL;
    made->stream = Py_NewRef(stream);
    made->waits = platform_waits_make(fd);
    if (made->waits) return (PyObject *)made;
    raise_errno();
    Py_DECREF(made);
    return NULL;
}

static void waits_close(waits_object *self)
{
    struct platform_waits *waits = self->waits;
    self->waits = NULL;
    if (waits) platform_waits_free(waits);
}

static void waits_dealloc(PyObject *self)
{
    PyTypeObject *type = Py_TYPE(self);
    waits_close((waits_object *)self);
    Py_XDECREF(((waits_object *)self)->stream);
    freefunc release = (freefunc)PyType_GetSlot(type, Py_tp_free);
    release(self);
    Py_DECREF(type);
}

static PyObject *py_begin(PyObject *self, PyObject *args)
{
    struct platform_waits *waits = ((waits_object *)self)->waits;
    int fd, readable, writable;
    if (!PyArg_ParseTuple(args, "ipp", &fd, &readable, &writable)) return NULL;
    if (!waits) return PyErr_SetString(PyExc_ValueError, "these waits are closed"), NULL;
    uint64_t number = platform_waits_begin(waits, fd, readable, writable);
    return number ? PyLong_FromUnsignedLongLong(number) : raise_errno();
}

static PyObject *py_end(PyObject *self, PyObject *number)
{
    struct platform_waits *waits = ((waits_object *)self)->waits;
    unsigned long long wanted = PyLong_AsUnsignedLongLong(number);
    if (PyErr_Occurred()) return NULL;
    if (waits && wanted) platform_waits_end(waits, wanted);
    Py_RETURN_NONE;
}

static PyObject *py_take(PyObject *self, PyObject *Py_UNUSED(none))
{
    struct platform_waits *waits = ((waits_object *)self)->waits;
    return PyLong_FromUnsignedLongLong(waits ? platform_waits_take(waits) : 0);
}

static PyObject *py_close(PyObject *self, PyObject *Py_UNUSED(none))
{
    waits_close((waits_object *)self);
    Py_RETURN_NONE;
}

static PyMethodDef methods[] = {
    {"begin", py_begin, METH_VARARGS, NULL}, {"end", py_end, METH_O, NULL}, {"take", py_take, METH_NOARGS, NULL},
    {"close", py_close, METH_NOARGS, NULL},  {NULL, NULL, 0, NULL},
};
static PyType_Slot slots[] = {
    {Py_tp_new, waits_new}, {Py_tp_dealloc, waits_dealloc}, {Py_tp_methods, methods}, {0, NULL}};

bool descriptor_waits_register(PyObject *module)
{
    PyType_Spec spec = {
        .name = "processing_core._kernel.DescriptorWaits",
        .basicsize = sizeof(waits_object),
        .flags = Py_TPFLAGS_DEFAULT,
        .slots = slots,
    };
    PyObject *type = PyType_FromSpec(&spec);
    bool ok = type && PyModule_AddObjectRef(module, "DescriptorWaits", type) == 0;
    Py_XDECREF(type);
    return ok;
}
