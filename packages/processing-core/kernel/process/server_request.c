/* A request to the forkserver: how the client makes it, and how a spare child takes it.
 *
 * It is written in C because of its cost: every page that a forked child writes to is copied, 3 to 16 us each, and a
 * few calls of Python write reference counts to dozens of them; and Python's socket objects make three system calls
 * before they send a byte.  The messages are described in `_forkserver_protocol`. */
#include "objects/handle.h"
#include "family/member.h"
#include "objects/packing.h"
#include "arena/errors.h"
#include "platform/compiler.h"

#include <errno.h>
#include <signal.h>
#include <string.h>

struct request {
    uint8_t has_lifeline, has_inherited, pad[6];
    uint64_t family;
    uint32_t index, generation; /* of the parcel */
};
_Static_assert(sizeof(struct request) == 24, "as _forkserver_protocol packs it");

struct PACKED answer {
    char kind;
    int32_t value, slot;
    uint64_t serial;
};

/* A message contains the report socket, and the lifeline and the inherited descriptors if they were sent. */
static void close_all(struct descriptors *d)
{
    while (d->n)
        if (d->fds[--d->n] >= 0) platform_close(d->fds[d->n]);
}

/* -- messages -- */

/* The size of the next message; -1 with errno, or with an exception that a signal handler raised (errno is EINTR). */
static ptrdiff_t receive(int fd, void *bytes, size_t size, struct descriptors *d)
{
    for (;;) {
        ptrdiff_t n;
        Py_BEGIN_ALLOW_THREADS n = platform_message_receive(fd, bytes, size, d);
        Py_END_ALLOW_THREADS if (n >= 0 || errno != EINTR || PyErr_CheckSignals() < 0) return n;
    }
}

/* -- the client -- */

/* Send the request with these descriptors, of which the first is the report socket; it may have to wait for room. */
static bool send_request(int control, struct request *request, struct descriptors *d)
{
    ptrdiff_t n;
    do {
        Py_BEGIN_ALLOW_THREADS n = platform_message_send(control, request, sizeof *request, d);
        Py_END_ALLOW_THREADS
    } while (n < 0 && errno == EINTR && PyErr_CheckSignals() == 0);
    return n >= 0;
}

/* Whether the list, which closes what is in it, owns the descriptor now; else it is closed. */
static bool give(PyObject *owner, int fd)
{
    PyObject *number = PyLong_FromLong(fd);
    bool given = number && PyList_Append(owner, number) == 0;
    Py_XDECREF(number);
    if (!given) platform_close(fd);
    return given;
}

/* request_child(control, parcel, lifeline, inherited, owner): (kind, value, slot, serial); the socket of the report, and
   the child's pidfd if there is one, are appended to the owner. */
static PyObject *py_request_child(PyObject *Py_UNUSED(module), PyObject *args)
{
    int control, lifeline, inherited, pair[2];
    PyObject *parcel, *owner;
    if (!PyArg_ParseTuple(args, "iOiiO!", &control, &parcel, &lifeline, &inherited, &PyList_Type, &owner)
        || !parcel_check(parcel))
        return NULL;
    cell_id id = ((handle_object *)parcel)->id;
    struct request request = {.has_lifeline = lifeline >= 0,
                              .has_inherited = inherited >= 0,
                              .family = arena.header->family.id,
                              .index = (uint32_t)id,
                              .generation = (uint32_t)(id >> 32)};
    if (!platform_channel_make(pair)) return raise_errno();
    struct descriptors given = {{pair[1]}, 1}, got = {.n = 0};
    if (lifeline >= 0) given.fds[given.n++] = lifeline;
    if (inherited >= 0) given.fds[given.n++] = inherited;
    bool sent = send_request(control, &request, &given);
    int error = errno;
    platform_close(pair[1]);
    struct answer answer = {0};
    ptrdiff_t n = -1;
    if (sent) {
        n = receive(pair[0], &answer, sizeof answer, &got);
        error = errno;
    }
    if (n > 0 && answer.kind == 'B' && !got.n) { /* this process may open no more: it could not watch the child */
        platform_kill((uint64_t)answer.value);
        n = -1;
        error = EMFILE;
    }
    if (n < 0) {
        platform_close(pair[0]);
        errno = error;
        return PyErr_Occurred() ? NULL : raise_errno();
    }
    bool owned = give(owner, pair[0]);
    for (uint32_t i = 0; i < got.n; i++) owned &= give(owner, got.fds[i]);
    return owned ? Py_BuildValue("y#iiK", &answer.kind, (Py_ssize_t)(n ? 1 : 0), (int)answer.value, (int)answer.slot,
                                 (unsigned long long)answer.serial)
                 : NULL;
}

/* -- the spare -- */

/* 1: a request; 0: none, because no client asked in time or the client is gone; -1: a signal handler raised. */
static int receive_request(int control, struct request *request, struct descriptors *d)
{
    ptrdiff_t n = receive(control, request, sizeof *request, d);
    if (n == (ptrdiff_t)sizeof *request && d->n == 1u + request->has_lifeline + request->has_inherited) return 1;
    close_all(d);
    return PyErr_Occurred() ? -1 : 0;
}

/* Report to the server first, then to the client: if this process dies before the server knows of it, it has not
 * answered, and if it dies later, the server reports its death. False if either is gone: no process waits for this one
 * any more. A client is told that the server is gone, because it may not see that yet: a killed process closes its
 * descriptors before it has ended. */
static bool answer(int server, int report)
{
    int32_t pid = (int32_t)platform_pid();
    struct descriptors to_server = {{report}, 1};
    if (platform_message_send(server, &pid, sizeof pid, &to_server) < 0) {
        struct answer gone = {.kind = 'G'};
        platform_message_send(report, &gone, sizeof gone, NULL);
        return false;
    }
    int sentinel = platform_sentinel((uint64_t)pid);
    if (sentinel < 0) return false;
    struct answer born = {'B', pid, (int32_t)owner_slot(arena.self), owner_serial(arena.self)};
    struct descriptors to_client = {{sentinel}, 1};
    bool sent = platform_message_send(report, &born, sizeof born, &to_client) >= 0;
    platform_close(sentinel);
    return sent;
}

/* -- Ctrl-C: a server and its spares ignore it, a spare that has work to do does not -- */

static PyOS_sighandler_t interrupt_handler = SIG_IGN; /* what a child shall have */

static PyObject *py_ignore_interrupts(PyObject *Py_UNUSED(module), PyObject *Py_UNUSED(none))
{
    PyOS_sighandler_t before = PyOS_setsig(SIGINT, SIG_IGN);
    if (before != SIG_IGN) interrupt_handler = before;
    Py_RETURN_NONE;
}

/* Blocked until it is known whether the parent's thread had it blocked. */
static void restore_interrupts(void)
{
    platform_interrupts_block();
    PyOS_setsig(SIGINT, interrupt_handler);
}

/* take_request(control, server, Parcel): both descriptors are closed in any case. */
static PyObject *py_take_request(PyObject *Py_UNUSED(module), PyObject *args)
{
    int control, server;
    PyObject *type, *parcel = NULL;
    if (!PyArg_ParseTuple(args, "iiO!", &control, &server, &PyType_Type, &type)) return NULL;
    struct request request;
    struct descriptors d = {.n = 0};
    int taken = receive_request(control, &request, &d);
    platform_close(control);
    if (taken == 1) {
        restore_interrupts();
        if (arena.header && request.family == arena.header->family.id) {
            parcel = handle_attach((PyTypeObject *)type, (cell_id)request.generation << 32 | request.index);
            if (!parcel) PyErr_Clear(); /* its client has died since: it held the parcel */
        }
    }
    if (parcel && !answer(server, d.fds[0])) Py_CLEAR(parcel);
    platform_close(server);
    if (taken < 0) return NULL;
    if (!parcel) {
        close_all(&d);
        Py_RETURN_NONE;
    }
    platform_close(d.fds[0]);
    int lifeline = request.has_lifeline ? d.fds[1] : -1;
    int inherited = request.has_inherited ? d.fds[d.n - 1] : -1;
    return Py_BuildValue("Nii", parcel, lifeline, inherited);
}

static PyMethodDef functions[] = {
    {"ignore_interrupts", py_ignore_interrupts, METH_NOARGS, NULL},
    {"request_child", py_request_child, METH_VARARGS, NULL},
    {"take_request", py_take_request, METH_VARARGS, NULL},
    {NULL, NULL, 0, NULL},
};

bool server_request_register(PyObject *module) { return PyModule_AddFunctions(module, functions) == 0; }
