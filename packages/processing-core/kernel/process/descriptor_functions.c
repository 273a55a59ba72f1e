/* What Python asks of descriptors: never a standard one, and recognized again.
 *
 * A program may start with closed standard streams, or close every descriptor that it does not know, as daemons do.  A
 * number alone then says nothing: 0, 1 or 2 would be taken for a stream by the next executed program, and what stood
 * behind another number may be a file of the program's by now. */
#include "arena/errors.h"

#include <errno.h>

static PyObject *py_above_standard(PyObject *Py_UNUSED(module), PyObject *number)
{
    long fd = PyLong_AsLong(number);
    if (fd == -1 && PyErr_Occurred()) return NULL;
    int above = platform_descriptor_above_standard((int)fd);
    return above < 0 ? raise_errno() : PyLong_FromLong(above);
}

static PyObject *py_duplicate(PyObject *Py_UNUSED(module), PyObject *number)
{
    long fd = PyLong_AsLong(number);
    if (fd == -1 && PyErr_Occurred()) return NULL;
    int copy = platform_descriptor_duplicate((int)fd);
    return copy < 0 ? raise_errno() : PyLong_FromLong(copy);
}

/* The text for an errno that says that descriptors have run out; None for any other. */
static PyObject *py_scarcity(PyObject *Py_UNUSED(module), PyObject *number)
{
    long error = PyLong_AsLong(number);
    if (error == -1 && PyErr_Occurred()) return NULL;
    char text[DESCRIPTOR_SCARCITY];
    if (!platform_descriptor_scarcity((int)error, text, sizeof text)) Py_RETURN_NONE;
    return PyUnicode_FromFormat("%s", text);
}

/* (device, inode), or None if nothing is open there. */
static PyObject *py_identity(PyObject *Py_UNUSED(module), PyObject *number)
{
    long fd = PyLong_AsLong(number);
    if (fd == -1 && PyErr_Occurred()) return NULL;
    struct file_identity present = platform_descriptor_identify((int)fd);
    if (!present.inode) Py_RETURN_NONE;
    return Py_BuildValue("KK", (unsigned long long)present.device, (unsigned long long)present.inode);
}

/* A doorbell of its own, beside no ring: (reading end, writing end). */
static PyObject *py_doorbell_pair(PyObject *Py_UNUSED(module), PyObject *Py_UNUSED(none))
{
    int ends[2];
    return platform_doorbell_make(ends) ? Py_BuildValue("ii", ends[0], ends[1]) : raise_errno();
}

static PyObject *py_doorbell_ring(PyObject *Py_UNUSED(module), PyObject *number)
{
    long fd = PyLong_AsLong(number);
    if (fd == -1 && PyErr_Occurred()) return NULL;
    platform_doorbell_ring((int)fd);
    Py_RETURN_NONE;
}

static PyObject *py_doorbell_drain(PyObject *Py_UNUSED(module), PyObject *number)
{
    long fd = PyLong_AsLong(number);
    if (fd == -1 && PyErr_Occurred()) return NULL;
    platform_doorbell_drain((int)fd);
    Py_RETURN_NONE;
}

static PyObject *py_die_with(PyObject *Py_UNUSED(module), PyObject *number)
{
    long fd = PyLong_AsLong(number);
    if (fd == -1 && PyErr_Occurred()) return NULL;
    if (!platform_die_with((int)fd)) return raise_errno();
    Py_RETURN_NONE;
}

static PyObject *py_open_process(PyObject *Py_UNUSED(module), PyObject *number)
{
    long long pid = PyLong_AsLongLong(number);
    if (pid == -1 && PyErr_Occurred()) return NULL;
    int process = platform_sentinel((uint64_t)pid);
    return process < 0 ? raise_errno() : PyLong_FromLong(process);
}

static PyObject *py_close_descriptor(PyObject *Py_UNUSED(module), PyObject *number)
{
    long fd = PyLong_AsLong(number);
    if (fd == -1 && PyErr_Occurred()) return NULL;
    platform_close((int)fd);
    Py_RETURN_NONE;
}

/* As os.writev with two buffers, but what no process can receive any more is an error, no signal. */
static PyObject *py_write_parts(PyObject *Py_UNUSED(module), PyObject *args)
{
    int fd;
    Py_buffer first, second;
    if (!PyArg_ParseTuple(args, "i(y*y*)", &fd, &first, &second)) return NULL;
    const void *parts[2] = {first.buf, second.buf};
    size_t sizes[2] = {(size_t)first.len, (size_t)second.len};
    ptrdiff_t n;
    bool raised = false;
    do {
        Py_BEGIN_ALLOW_THREADS n = platform_stream_write(fd, parts, sizes);
        Py_END_ALLOW_THREADS
    } while (n < 0 && errno == EINTR && !(raised = PyErr_CheckSignals() < 0));
    PyObject *written = n >= 0 ? PyLong_FromSsize_t(n) : raised ? NULL : raise_errno();
    PyBuffer_Release(&first);
    PyBuffer_Release(&second);
    return written;
}

static PyMethodDef functions[] = {
    {"above_standard", py_above_standard, METH_O, NULL}, {"close_descriptor", py_close_descriptor, METH_O, NULL},
    {"descriptor_scarcity", py_scarcity, METH_O, NULL},  {"die_with", py_die_with, METH_O, NULL},
    {"doorbell_drain", py_doorbell_drain, METH_O, NULL}, {"doorbell_pair", py_doorbell_pair, METH_NOARGS, NULL},
    {"doorbell_ring", py_doorbell_ring, METH_O, NULL},   {"duplicate", py_duplicate, METH_O, NULL},
    {"file_identity", py_identity, METH_O, NULL},        {"open_process", py_open_process, METH_O, NULL},
    {"write_parts", py_write_parts, METH_VARARGS, NULL}, {NULL, NULL, 0, NULL},
};

bool descriptor_functions_register(PyObject *module) { return PyModule_AddFunctions(module, functions) == 0; }
