/* The type of an end of a pipe: see pipe.h. */
#include "messages.h"
#include "pipe.h"

#include <unistd.h>

PyObject *pipe_raise_closed(void)
{
    PyErr_SetString(error_closed, "handle is closed");
    return NULL;
}

static PyObject *py_fileno(PyObject *self, PyObject *Py_UNUSED(none))
{
    pipe_object *p = pipe_of(self);
    if (p->closed) return pipe_raise_closed();
    if (!p->incoming) return PyLong_FromLong(p->tolling);
    if (!handle_usable(p->incoming)) return NULL;
    PyObject *queue = Py_NewRef(p->incoming);
    PyThreadState *thread = PyEval_SaveThread();
    outcome o = bell_expose(ring_of(queue), p->hearing);
    PyEval_RestoreThread(thread);
    Py_DECREF(queue);
    return o == OK ? PyLong_FromLong(p->hearing) : raise_outcome(o);
}

static PyObject *py_closed(PyObject *self, void *Py_UNUSED(closure)) { return PyBool_FromLong(pipe_of(self)->closed); }

static PyObject *py_readable(PyObject *self, void *Py_UNUSED(closure))
{
    return PyBool_FromLong(pipe_of(self)->hearing >= 0 && !pipe_of(self)->deaf);
}

static PyObject *py_writable(PyObject *self, void *Py_UNUSED(closure))
{
    return PyBool_FromLong(pipe_of(self)->tolling >= 0);
}

/* _parts(): what it is made of; the descriptors stay its own. */
static PyObject *py_parts(PyObject *self, PyObject *Py_UNUSED(none))
{
    pipe_object *p = pipe_of(self);
    if (p->closed) return pipe_raise_closed();
    return Py_BuildValue("OOii", p->incoming ? p->incoming : Py_None, p->outgoing ? p->outgoing : Py_None, p->hearing,
                         p->tolling);
}

/* -- making and closing -- */

void pipe_close(pipe_object *p)
{
    if (p->closed) return;
    PyObject *incoming = p->incoming, *outgoing = p->outgoing;
    p->closed = true;
    p->incoming = p->outgoing = NULL;
    if (p->hearing >= 0) close(p->hearing);
    if (p->tolling >= 0) close(p->tolling);
    if (incoming && arena_usable() == OK) {
        atomic_fetch_add(&ring_of(incoming)->closings, 1);
        park_wake(&ring_of(incoming)->not_full, ALL_WAITERS);
    }
    Py_XDECREF(incoming);
    Py_XDECREF(outgoing);
}

static PyObject *py_close(PyObject *self, PyObject *Py_UNUSED(none))
{
    pipe_close(pipe_of(self));
    Py_RETURN_NONE;
}

static void pipe_dealloc(PyObject *self)
{
    PyTypeObject *type = Py_TYPE(self);
    pipe_close(pipe_of(self));
    freefunc release = (freefunc)PyType_GetSlot(type, Py_tp_free);
    release(self);
    Py_DECREF(type);
}

static bool ring_or_none(PyObject *object, int fd)
{
    if (object != Py_None && !queue_check(object)) return false;
    if ((object != Py_None) == (fd >= 0)) return true;
    PyErr_SetString(PyExc_ValueError, "each ring needs its bell");
    return false;
}

/* PipeEnd(incoming, outgoing, hearing, tolling): the descriptors are its own from now on. */
static PyObject *pipe_new(PyTypeObject *type, PyObject *args, PyObject *kwargs)
{
    PyObject *incoming, *outgoing;
    int hearing, tolling;
    if (kwargs && PyDict_Size(kwargs)) return PyErr_Format(PyExc_TypeError, "PipeEnd() takes no keywords");
    if (!PyArg_ParseTuple(args, "OOii", &incoming, &outgoing, &hearing, &tolling) || !ring_or_none(incoming, hearing)
        || !ring_or_none(outgoing, tolling))
        return NULL;
    allocfunc alloc = (allocfunc)PyType_GetSlot(type, Py_tp_alloc);
    pipe_object *p = (pipe_object *)alloc(type, 0);
    if (!p) return NULL;
    p->incoming = incoming == Py_None ? NULL : Py_NewRef(incoming);
    p->outgoing = outgoing == Py_None ? NULL : Py_NewRef(outgoing);
    p->hearing = hearing;
    p->tolling = tolling;
    store_relaxed(&p->send_spin.credit, SPIN_CREDIT);
    store_relaxed(&p->receive_spin.credit, SPIN_CREDIT);
    return (PyObject *)p;
}

/* bell(): (reading end, writing end) */
static PyObject *py_bell(PyObject *Py_UNUSED(module), PyObject *Py_UNUSED(none))
{
    int fds[2];
    outcome o = platform_bell_make(fds);
    return o == OK ? Py_BuildValue("ii", fds[0], fds[1]) : raise_outcome(o);
}

static PyMethodDef methods[] = {
    {"send", (PyCFunction)(void (*)(void))pipe_send, METH_FASTCALL | METH_KEYWORDS, NULL},
    {"recv", pipe_recv, METH_NOARGS, NULL},
    {"send_bytes", (PyCFunction)(void (*)(void))pipe_send_bytes, METH_VARARGS | METH_KEYWORDS, NULL},
    {"recv_bytes", (PyCFunction)(void (*)(void))pipe_recv_bytes, METH_VARARGS | METH_KEYWORDS, NULL},
    {"recv_bytes_into", (PyCFunction)(void (*)(void))pipe_recv_bytes_into, METH_VARARGS | METH_KEYWORDS, NULL},
    {"poll", (PyCFunction)(void (*)(void))pipe_poll, METH_VARARGS | METH_KEYWORDS, NULL},
    {"fileno", py_fileno, METH_NOARGS, NULL},
    {"close", py_close, METH_NOARGS, NULL},
    {"_heed", pipe_heed, METH_NOARGS, NULL},
    {"_ready", pipe_ready, METH_NOARGS, NULL},
    {"_parts", py_parts, METH_NOARGS, NULL},
    {NULL, NULL, 0, NULL},
};
static PyGetSetDef getset[] = {
    {"closed", py_closed, NULL, NULL, NULL},
    {"readable", py_readable, NULL, NULL, NULL},
    {"writable", py_writable, NULL, NULL, NULL},
    {NULL, NULL, NULL, NULL, NULL},
};
static PyMethodDef functions[] = {
    {"bell", py_bell, METH_NOARGS, NULL},
    {NULL, NULL, 0, NULL},
};
static PyType_Slot slots[] = {
    {Py_tp_new, pipe_new}, {Py_tp_dealloc, pipe_dealloc}, {Py_tp_methods, methods}, {Py_tp_getset, getset}, {0, NULL}};

bool pipe_register(PyObject *module)
{
    PyType_Spec spec = {
        .name = "processing_core._kernel.PipeEnd",
        .basicsize = sizeof(pipe_object),
        .flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_BASETYPE,
        .slots = slots,
    };
    PyObject *type = PyType_FromSpec(&spec);
    return type && PyModule_AddObjectRef(module, "PipeEnd", type) == 0
        && PyModule_AddIntMacro(module, PIPE_MESSAGES) == 0 && PyModule_AddIntMacro(module, PIPE_BYTES) == 0 && PyModule_AddFunctions(module, functions) == 0;
}
