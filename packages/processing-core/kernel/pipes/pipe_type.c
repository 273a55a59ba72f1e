/* The type of an end of a pipe: see pipe_end.h. */
#include "queues/queue_type.h"
#include "pipes/pipe_receive.h"
#include "pipes/pipe_send.h"
#include "arena/errors.h"

static PyObject *py_fileno(PyObject *self, PyObject *Py_UNUSED(none))
{
    pipe_object *p = pipe_of(self);
    if (p->closed) return pipe_raise_closed();
    if (!p->incoming) return PyLong_FromLong(p->write_fd);
    if (!handle_usable(p->incoming)) return NULL;
    PyObject *queue = pipe_ring(p, &p->incoming);
    if (pipe_lost(queue)) return pipe_raise_closed();
    PyThreadState *thread = PyEval_SaveThread();
    outcome o = polling_begin(ring_of(queue), p->read_fd);
    PyEval_RestoreThread(thread);
    Py_DECREF(queue);
    if (o == E_SYSTEM) return raise_errno_at(platform_doorbell_place);
    return o == OK ? PyLong_FromLong(p->read_fd) : raise_outcome(o);
}

static PyObject *py_closed(PyObject *self, void *Py_UNUSED(closure)) { return PyBool_FromLong(pipe_of(self)->closed); }

static PyObject *py_readable(PyObject *self, void *Py_UNUSED(closure))
{
    return PyBool_FromLong(pipe_of(self)->read_fd >= 0 && !pipe_of(self)->receive_failed);
}

static PyObject *py_writable(PyObject *self, void *Py_UNUSED(closure))
{
    return PyBool_FromLong(pipe_of(self)->write_fd >= 0);
}

/* _parts(): what it is made of; the descriptors stay its own. */
static PyObject *py_parts(PyObject *self, PyObject *Py_UNUSED(none))
{
    pipe_object *p = pipe_of(self);
    if (p->closed) return pipe_raise_closed();
    PyObject *parts;
    LOCKED(self, parts = Py_BuildValue("OOii", p->incoming ? p->incoming : Py_None, p->outgoing ? p->outgoing : Py_None,
                                       p->read_fd, p->write_fd));
    return parts;
}

/* -- making and closing -- */

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

/* Whether what is given are a ring and the owner of its doorbell, or None twice. */
static bool is_direction(PyObject *ring, PyObject *owner)
{
    if (ring != Py_None && !queue_check(ring)) return false;
    if ((ring == Py_None) == (owner == Py_None)) return true;
    PyErr_SetString(PyExc_ValueError, "each ring needs its doorbell");
    return false;
}

/* The owner gives its descriptor up to `fd`: no signal handler runs between the two. */
static bool take_over(PyObject *owner, int *fd)
{
    if (owner == Py_None) return true;
    PyObject *number = PyObject_CallMethod(owner, "detach", NULL);
    if (!number) return false;
    *fd = (int)PyLong_AsLong(number);
    Py_DECREF(number);
    return !PyErr_Occurred();
}

/* PipeEnd(incoming, outgoing, reading, writing): the descriptors are its own from now on. */
static PyObject *pipe_new(PyTypeObject *type, PyObject *args, PyObject *kwargs)
{
    PyObject *incoming, *outgoing, *reading, *writing;
    if (kwargs && PyDict_Size(kwargs)) return PyErr_Format(PyExc_TypeError, "PipeEnd() takes no keywords");
    if (!PyArg_ParseTuple(args, "OOOO", &incoming, &outgoing, &reading, &writing) || !is_direction(incoming, reading)
        || !is_direction(outgoing, writing))
        return NULL;
    allocfunc alloc = (allocfunc)PyType_GetSlot(type, Py_tp_alloc);
    pipe_object *p = (pipe_object *)alloc(type, 0);
    if (!p) return NULL;
    p->incoming = incoming == Py_None ? NULL : Py_NewRef(incoming);
    p->outgoing = outgoing == Py_None ? NULL : Py_NewRef(outgoing);
    p->read_fd = p->write_fd = -1;
    store_relaxed(&p->send_spin.credit, SPIN_CREDIT);
    store_relaxed(&p->receive_spin.credit, SPIN_CREDIT);
    if (take_over(reading, &p->read_fd) && take_over(writing, &p->write_fd)) return (PyObject *)p;
    Py_DECREF(p);
    return NULL;
}

/* doorbell(ring), which is new: (reading end, writing end) */
static PyObject *py_doorbell(PyObject *Py_UNUSED(module), PyObject *ring)
{
    int fds[2];
    if (!queue_check(ring)) return NULL;
    if (!platform_doorbell_make(fds)) return raise_errno();
    outcome o = platform_doorbell_rings_own(fds[0]) ? OK : polling_begin(ring_of(ring), fds[0]);
    if (o == OK) return Py_BuildValue("ii", fds[0], fds[1]);
    platform_close(fds[0]);
    platform_close(fds[1]);
    return raise_outcome(o);
}

static PyMethodDef methods[] = {
    {"send", (PyCFunction)(void (*)(void))pipe_send, METH_FASTCALL | METH_KEYWORDS, NULL},
    {"recv", pipe_recv, METH_NOARGS, NULL},
    {"send_bytes", (PyCFunction)(void (*)(void))pipe_send_bytes, METH_VARARGS | METH_KEYWORDS, NULL},
    {"recv_bytes", (PyCFunction)(void (*)(void))pipe_recv_bytes, METH_VARARGS | METH_KEYWORDS, NULL},
    {"recv_bytes_into", (PyCFunction)(void (*)(void))pipe_recv_bytes_into, METH_VARARGS | METH_KEYWORDS, NULL},
    {"poll", (PyCFunction)(void (*)(void))pipe_poll, METH_VARARGS | METH_KEYWORDS, NULL},
    {"_send_now", pipe_send_now, METH_O, NULL},
    {"_recv_now", pipe_recv_now, METH_NOARGS, NULL},
    {"_send_bytes_now", (PyCFunction)(void (*)(void))pipe_send_bytes_now, METH_VARARGS | METH_KEYWORDS, NULL},
    {"_recv_bytes_now", (PyCFunction)(void (*)(void))pipe_recv_bytes_now, METH_VARARGS | METH_KEYWORDS, NULL},
    {"_recv_bytes_into_now", (PyCFunction)(void (*)(void))pipe_recv_bytes_into_now, METH_VARARGS | METH_KEYWORDS, NULL},
    {"fileno", py_fileno, METH_NOARGS, NULL},
    {"close", py_close, METH_NOARGS, NULL},
    {"_watch", pipe_watch, METH_NOARGS, NULL},
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
    {"doorbell", py_doorbell, METH_O, NULL},
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
        && PyModule_AddIntMacro(module, PIPE_MESSAGES) == 0 && PyModule_AddIntMacro(module, PIPE_BYTES) == 0
        && PyModule_AddFunctions(module, functions) == 0;
}
