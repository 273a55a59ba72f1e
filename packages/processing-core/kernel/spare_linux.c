/* A request to the forkserver: how the client makes it, and how a spare child takes it.
 *
 * Here and not in Python for its price: every page that a forked child writes to is copied, 3 to 16 us each, and a few
 * calls of Python write reference counts to dozens of them; and Python's socket objects ask the system three questions
 * before they send a byte.  The messages are described in `_forkserver_protocol`. */
#include "handle.h"
#include "member.h"
#include "parcel.h"

#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#define MOST_DESCRIPTORS 3

struct request {
    uint8_t has_lifeline, has_luggage, pad[6];
    uint64_t family;
    uint32_t index, generation; /* of the parcel */
};
_Static_assert(sizeof(struct request) == 24, "as _forkserver_protocol packs it");

struct __attribute__((packed)) answer {
    char kind;
    int32_t value, slot;
    uint64_t serial;
};

/* The descriptors that came with a message: the report socket, and if they were sent, lifeline and luggage. */
struct descriptors {
    int fds[MOST_DESCRIPTORS];
    size_t n;
};

static void close_all(struct descriptors *d)
{
    while (d->n) close(d->fds[--d->n]);
}

/* -- messages -- */

static void keep_descriptors(struct msghdr *message, struct descriptors *d)
{
    for (struct cmsghdr *c = CMSG_FIRSTHDR(message); c; c = CMSG_NXTHDR(message, c)) {
        if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS) continue;
        d->n = (c->cmsg_len - CMSG_LEN(0)) / sizeof(int);
        memcpy(d->fds, CMSG_DATA(c), d->n * sizeof(int));
    }
}

/* The size of the next message; -1 with errno, or with an exception that a signal handler raised (errno is EINTR). */
static ssize_t receive(int fd, void *bytes, size_t size, struct descriptors *d)
{
    union {
        struct cmsghdr align;
        char space[CMSG_SPACE(MOST_DESCRIPTORS * sizeof(int))];
    } ancillary;
    struct iovec data = {bytes, size};
    for (;;) {
        struct msghdr message = {
            .msg_iov = &data, .msg_iovlen = 1, .msg_control = &ancillary, .msg_controllen = sizeof ancillary};
        ssize_t n;
        Py_BEGIN_ALLOW_THREADS
        n = recvmsg(fd, &message, MSG_CMSG_CLOEXEC);
        Py_END_ALLOW_THREADS
        if (n >= 0) keep_descriptors(&message, d);
        if (n >= 0 || errno != EINTR || PyErr_CheckSignals() < 0) return n;
    }
}

static ssize_t send_with(int fd, void *bytes, size_t size, const struct descriptors *d)
{
    union {
        struct cmsghdr align;
        char space[CMSG_SPACE(MOST_DESCRIPTORS * sizeof(int))];
    } ancillary = {.space = {0}};
    struct iovec data = {bytes, size};
    struct msghdr message = {
        .msg_iov = &data, .msg_iovlen = 1, .msg_control = &ancillary, .msg_controllen = CMSG_SPACE(d->n * sizeof(int))};
    struct cmsghdr *c = CMSG_FIRSTHDR(&message);
    c->cmsg_level = SOL_SOCKET;
    c->cmsg_type = SCM_RIGHTS;
    c->cmsg_len = CMSG_LEN(d->n * sizeof(int));
    memcpy(CMSG_DATA(c), d->fds, d->n * sizeof(int));
    return sendmsg(fd, &message, MSG_NOSIGNAL);
}

/* -- the client -- */

/* Send the request with these descriptors, of which the first is the report socket; it may have to wait for room. */
static bool send_request(int control, struct request *request, struct descriptors *d)
{
    ssize_t n;
    do {
        Py_BEGIN_ALLOW_THREADS
        n = send_with(control, request, sizeof *request, d);
        Py_END_ALLOW_THREADS
    } while (n < 0 && errno == EINTR && PyErr_CheckSignals() == 0);
    return n >= 0;
}

/* request_child(control, parcel, lifeline, luggage): (kind, value, slot, serial, pidfd, report socket). */
static PyObject *py_request_child(PyObject *Py_UNUSED(module), PyObject *args)
{
    int control, lifeline, luggage, pair[2];
    PyObject *parcel;
    if (!PyArg_ParseTuple(args, "iOii", &control, &parcel, &lifeline, &luggage) || !parcel_check(parcel)) return NULL;
    cell_id id = ((handle_object *)parcel)->id;
    struct request request = {.has_lifeline = lifeline >= 0, .has_luggage = luggage >= 0, .family = arena.header->family,
                              .index = (uint32_t)id, .generation = (uint32_t)(id >> 32)};
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) < 0) return PyErr_SetFromErrno(PyExc_OSError);
    struct descriptors given = {{pair[1]}, 1}, got = {.n = 0};
    if (lifeline >= 0) given.fds[given.n++] = lifeline;
    if (luggage >= 0) given.fds[given.n++] = luggage;
    bool sent = send_request(control, &request, &given);
    int error = errno;
    close(pair[1]);
    struct answer answer = {0};
    ssize_t n = -1;
    if (sent) {
        n = receive(pair[0], &answer, sizeof answer, &got);
        error = errno;
    }
    if (n < 0) {
        close(pair[0]);
        errno = error;
        return PyErr_Occurred() ? NULL : PyErr_SetFromErrno(PyExc_OSError);
    }
    return Py_BuildValue("y#iiKii", &answer.kind, (Py_ssize_t)(n ? 1 : 0), (int)answer.value, (int)answer.slot,
                         (unsigned long long)answer.serial, got.n ? got.fds[0] : -1, pair[0]);
}

/* -- the spare -- */

/* 1: a request; 0: none, for nobody asked in time or the client is gone; -1: a signal handler raised. */
static int receive_request(int control, struct request *request, struct descriptors *d)
{
    ssize_t n = receive(control, request, sizeof *request, d);
    if (n == (ssize_t)sizeof *request && d->n == 1u + request->has_lifeline + request->has_luggage) return 1;
    close_all(d);
    return PyErr_Occurred() ? -1 : 0;
}

/* Tell the server, then the client, in this order: what dies before the server knows of it has not answered, and what
 * dies later is reported.  False if either is gone: nobody waits for this process any more.  A client is told that the
 * server is gone, for it may not see that yet: who is killed closes his descriptors before he has ended. */
static bool answer(int desk, int report)
{
    int32_t pid = (int32_t)getpid();
    struct descriptors to_server = {{report}, 1};
    if (send_with(desk, &pid, sizeof pid, &to_server) < 0) {
        struct answer gone = {.kind = 'G'};
        (void)send(report, &gone, sizeof gone, MSG_NOSIGNAL);
        return false;
    }
    int pidfd = (int)syscall(SYS_pidfd_open, pid, 0);
    if (pidfd < 0) return false;
    struct answer born = {'B', pid, (int32_t)owner_slot(arena.self), owner_serial(arena.self)};
    struct descriptors to_client = {{pidfd}, 1};
    bool sent = send_with(report, &born, sizeof born, &to_client) >= 0;
    close(pidfd);
    return sent;
}

/* -- Ctrl-C: a server and its spares are deaf to it, a spare that has work to do is not -- */

static PyOS_sighandler_t interrupt_handler = SIG_IGN; /* what a child shall have */

static PyObject *py_ignore_interrupts(PyObject *Py_UNUSED(module), PyObject *Py_UNUSED(none))
{
    PyOS_sighandler_t before = PyOS_setsig(SIGINT, SIG_IGN);
    if (before != SIG_IGN) interrupt_handler = before;
    Py_RETURN_NONE;
}

/* Blocked until it is known whether the parent's thread had it blocked. */
static void heed_interrupts(void)
{
    sigset_t interrupt;
    sigemptyset(&interrupt);
    sigaddset(&interrupt, SIGINT);
    pthread_sigmask(SIG_BLOCK, &interrupt, NULL);
    PyOS_setsig(SIGINT, interrupt_handler);
}

/* take_request(control, desk, Parcel): both descriptors are closed in any case. */
static PyObject *py_take_request(PyObject *Py_UNUSED(module), PyObject *args)
{
    int control, desk;
    PyObject *type, *parcel = NULL;
    if (!PyArg_ParseTuple(args, "iiO!", &control, &desk, &PyType_Type, &type)) return NULL;
    struct request request;
    struct descriptors d = {.n = 0};
    int taken = receive_request(control, &request, &d);
    close(control);
    if (taken == 1) {
        heed_interrupts();
        if (arena.header && request.family == arena.header->family) {
            parcel = handle_attach((PyTypeObject *)type, (cell_id)request.generation << 32 | request.index);
            if (!parcel) PyErr_Clear(); /* its client has died since: it held the parcel */
        }
    }
    if (parcel && !answer(desk, d.fds[0])) Py_CLEAR(parcel);
    close(desk);
    if (taken < 0) return NULL;
    if (!parcel) {
        close_all(&d);
        Py_RETURN_NONE;
    }
    close(d.fds[0]);
    int lifeline = request.has_lifeline ? d.fds[1] : -1;
    int luggage = request.has_luggage ? d.fds[d.n - 1] : -1;
    return Py_BuildValue("Nii", parcel, lifeline, luggage);
}

static PyMethodDef functions[] = {
    {"ignore_interrupts", py_ignore_interrupts, METH_NOARGS, NULL},
    {"request_child", py_request_child, METH_VARARGS, NULL},
    {"take_request", py_take_request, METH_VARARGS, NULL},
    {NULL, NULL, 0, NULL},
};

bool spare_register(PyObject *module) { return PyModule_AddFunctions(module, functions) == 0; }
