/* Forks, through Python: the child becomes a member. */
#include "arena/errors.h"
#include "objects/handle.h"
#include "arena/journal.h"
#include "arena/trace.h"
#include "arena/wait_record.h"
#include "family/member.h"
#include "cells/references.h"

#include <errno.h>

static struct {
    owner_id child; /* the slot that the fork in progress, or the last one, gave */
    int token;
    bool failed; /* the child will be no member */
    outcome why; /* of the failure, with errno */
    int error;
    bool among_threads;
    unsigned depth; /* forks that made this process out of the one that loaded the kernel */
} fork_state = {.token = -1};

#ifdef Py_GIL_DISABLED
static bool among_threads(void) { return PyThreadState_Next(PyInterpreterState_ThreadHead(PyInterpreterState_Get())); }

static int leave_section(PyObject *object, void *Py_UNUSED(none))
{
    if (object->ob_mutex._bits) object->ob_mutex = (PyMutex){0}; /* a page that is not written to is not copied */
    return 1;
}

/* CPython passes a critical section on to a thread that sleeps, and stops threads for a fork with no regard to that: in
 * the child (seen in 3.14.0 to 3.15.1) the section of a list that threads contended for belongs to a thread that does not
 * exist, and the first use of the list lasts for ever. No other thread is in the midst of a change: those that run leave
 * their sections to stop. */
static void leave_sections_of_others(void)
{
    if (fork_state.among_threads && !PyThreadState_Get()->critical_section)
        PyUnstable_GC_VisitObjects(leave_section, NULL);
    fork_state.among_threads = false;
}
#else
static bool among_threads(void) { return false; }
static void leave_sections_of_others(void) {}
#endif

static PyObject *py_fork_before(PyObject *Py_UNUSED(module), PyObject *Py_UNUSED(none))
{
    fork_state.among_threads = among_threads();
    outcome o = arena_usable(); /* the child of a stranger to the family is one, too */
    if (o == OK) o = member_reserve("", &fork_state.child, &fork_state.token);
    if (o == OK) o = references_inherit(arena_member(owner_slot(fork_state.child)));
    fork_state.failed = o != OK;
    fork_state.why = o;
    fork_state.error = errno;
    Py_RETURN_NONE;
}

static PyObject *py_fork_in_parent(PyObject *Py_UNUSED(module), PyObject *Py_UNUSED(none))
{
    if (fork_state.token >= 0) member_close_token(fork_state.token);
    fork_state.token = -1;
    Py_RETURN_NONE;
}

/* The token is closed after the joining. */
static PyObject *py_fork_in_child(PyObject *Py_UNUSED(module), PyObject *Py_UNUSED(none))
{
    leave_sections_of_others();
    fork_state.depth++;
    if (arena.self == 0) Py_RETURN_NONE;
    wait_record_forget();
    trace_forget();
    owner_id parent = arena.self;
    arena.self = 0;
    if (!fork_state.failed && member_join(fork_state.child) == OK) {
        *arena.token = 1;
        if (handles_take_over() != OK) *arena.token = 0;
    }
    if (fork_state.token >= 0) member_close_token(fork_state.token);
    fork_state.token = -1;
    arena.hook_failed = !*arena.token;
    if (arena.hook_failed) arena.self = parent; /* no member: as after a fork behind Python's back */
    Py_RETURN_NONE;
}

static PyObject *py_fork_depth(PyObject *Py_UNUSED(module), PyObject *Py_UNUSED(none))
{
    return PyLong_FromUnsignedLong(fork_state.depth);
}

#define MOST_AT_ONCE 8

/* The forks after the first find their slots here. */
struct newborn {
    owner_id who;
    int token;
};

/* Take the slot that the hooks made for one fork, and make slots for the others: how many there are. */
static int newborns_prepare(struct newborn *newborns, int most)
{
    if (fork_state.failed) return 0;
    newborns[0] = (struct newborn){fork_state.child, fork_state.token};
    fork_state.token = -1;
    int n = 1;
    for (; n < most; n++) {
        struct newborn *b = &newborns[n];
        if (member_reserve("", &b->who, &b->token) != OK) break;
        if (references_inherit(arena_member(owner_slot(b->who))) == OK) continue;
        member_close_token(b->token);
        member_reap(b->who, UNKNOWN_EXIT);
        break;
    }
    return n;
}

/* In the parent: close the tokens. The children have their own copies; slots without a child are dead then. */
static PyObject *newborns_report(struct newborn *newborns, int n, const int64_t *pids, int born, int error)
{
    PyObject *list = PyList_New(0);
    for (int i = 0; i < n; i++) {
        member_close_token(newborns[i].token);
        if (i >= born) member_reap(newborns[i].who, UNKNOWN_EXIT);
        if (!list || i >= born) continue;
        PyObject *row = Py_BuildValue("iIK", (int)pids[i], owner_slot(newborns[i].who),
                                      (unsigned long long)owner_serial(newborns[i].who));
        if (!row || PyList_Append(list, row) < 0) Py_CLEAR(list);
        Py_XDECREF(row);
    }
    return list ? Py_BuildValue("Ni", list, error) : NULL;
}

#ifndef HAVE_FORK /* where the system has no forks, Python has no hooks */
static void PyOS_BeforeFork(void) {}
static void PyOS_AfterFork_Parent(void) {}
static void PyOS_AfterFork_Child(void) {}
#endif

/* fork_several(n): ([(pid, slot, serial), ...], errno), or None in a child.
 *
 * Each page that the parent writes to between two forks is copied, which takes 3 us: 75 pages if Python code runs in
 * between.  This function writes to a few.  The process has one thread; the hooks run once in the parent, and in each
 * child. */
static PyObject *py_fork_several(PyObject *Py_UNUSED(module), PyObject *args)
{
    int most;
    struct newborn newborns[MOST_AT_ONCE];
    int64_t pids[MOST_AT_ONCE], pid = -1;
    if (!PyArg_ParseTuple(args, "i", &most)) return NULL;
    if (most > MOST_AT_ONCE) most = MOST_AT_ONCE;
    PyOS_BeforeFork();
    int n = newborns_prepare(newborns, most), born = 0, error = n < most ? ENOMEM : 0;
    while (born < n) {
        fork_state.child = newborns[born].who;
        pid = platform_fork();
        if (pid <= 0) break;
        pids[born++] = pid;
    }
    if (n && pid < 0) error = errno;
    if (pid == 0) {
        fork_state.token = newborns[born].token;
        for (int i = 0; i < n; i++)
            if (i != born) platform_close(newborns[i].token);
        PyOS_AfterFork_Child();
        Py_RETURN_NONE;
    }
    PyOS_AfterFork_Parent();
    return newborns_report(newborns, n, pids, born, error);
}

static PyObject *py_forked(PyObject *Py_UNUSED(module), PyObject *Py_UNUSED(none))
{
    if (fork_state.failed) {
        errno = fork_state.error;
        return raise_outcome(fork_state.why);
    }
    if (!fork_state.child) Py_RETURN_NONE;
    return Py_BuildValue("IK", owner_slot(fork_state.child), (unsigned long long)owner_serial(fork_state.child));
}

static PyObject *py_run_fork_handlers(PyObject *Py_UNUSED(module), PyObject *Py_UNUSED(none))
{
    platform_run_fork_handlers();
    Py_RETURN_NONE;
}

static PyMethodDef functions[] = {
    {"fork_before", py_fork_before, METH_NOARGS, NULL},
    {"fork_in_parent", py_fork_in_parent, METH_NOARGS, NULL},
    {"fork_in_child", py_fork_in_child, METH_NOARGS, NULL},
    {"fork_depth", py_fork_depth, METH_NOARGS, NULL},
    {"fork_several", py_fork_several, METH_VARARGS, NULL},
    {"forked", py_forked, METH_NOARGS, NULL},
    {"run_fork_handlers", py_run_fork_handlers, METH_NOARGS, NULL},
    {NULL, NULL, 0, NULL},
};

bool fork_register(PyObject *module) { return PyModule_AddFunctions(module, functions) == 0; }
