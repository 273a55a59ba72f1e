/* Functions for Python: datagram sockets at abstract addresses, to which every process of the machine may send.
 *
 * Each datagram of this library begins with a token that only the processes know that may send. So other programs
 * cannot fill the queue, wake a thread, or leave a descriptor to be closed, which could take as long as the sender
 * likes (a socket with SO_LINGER, a file of another machine's). */
#include "base/kernel.h"

/* datagrams_require(fd, token): let only datagrams arrive that begin with the token's 8 bytes. */
static PyObject *py_require(PyObject *Py_UNUSED(module), PyObject *args)
{
    int fd;
    unsigned long long token;
    if (!PyArg_ParseTuple(args, "iK:datagrams_require", &fd, &token)) return NULL;
    platform_datagrams_require(fd, token);
    Py_RETURN_NONE;
}

static PyMethodDef functions[] = {
    {"datagrams_require", py_require, METH_VARARGS, NULL},
    {NULL, NULL, 0, NULL},
};

bool datagrams_register(PyObject *module) { return PyModule_AddFunctions(module, functions) == 0; }
