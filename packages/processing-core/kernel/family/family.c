/* What Python asks of the family: making it, joining it, its members. */
#include "arena/errors.h"
#include "arena/heap.h"
#include "arena/liveness.h"
#include "base/private_lock.h"
#include "family/member.h"
#include "family/member_name.h"

#include <errno.h>

static private_lock making; /* so that of two threads one makes the family, and the other finds it made */

static PyObject *py_create(PyObject *Py_UNUSED(module), PyObject *args)
{
    const char *name;
    unsigned long long cap;
    if (!PyArg_ParseTuple(args, "sK", &name, &cap)) return NULL;
    private_lock_take(&making);
    if (arena.header) {
        private_lock_release(&making);
        PyErr_SetString(PyExc_RuntimeError, "this process belongs, or belonged, to a family already");
        return NULL;
    }
    outcome o = arena_create(cap);
    if (o == OK) heap_create(), o = member_create(name);
    int reason = errno;
    if (o == OK) arena_open();
    else if (arena.header) arena_discard();
    private_lock_release(&making);
    errno = reason;
    if (o != OK) return raise_outcome(o);
    Py_RETURN_NONE;
}

static PyObject *py_join(PyObject *Py_UNUSED(module), PyObject *args)
{
    int fd, token;
    unsigned int slot;
    unsigned long long serial;
    if (!PyArg_ParseTuple(args, "iiIK", &fd, &token, &slot, &serial)) return NULL;
    if (arena.header) {
        PyErr_SetString(PyExc_RuntimeError, "this process belongs, or belonged, to a family already");
        return NULL;
    }
    if (slot >= MEMBER_SLOTS) {
        PyErr_Format(PyExc_ValueError, "slot %u: a family has %u slots", slot, MEMBER_SLOTS);
        return NULL;
    }
    outcome o = arena_join(fd);
    if (o == OK) o = member_join(make_owner(serial, slot));
    if (o == OK) arena_open();
    if (o != OK) return raise_outcome(o);
    member_close_token(token);
    Py_RETURN_NONE;
}

static PyObject *py_member(PyObject *Py_UNUSED(module), PyObject *Py_UNUSED(none))
{
    if (arena_usable() != OK) Py_RETURN_NONE;
    return Py_BuildValue("IK", owner_slot(arena.self), (unsigned long long)owner_serial(arena.self));
}

static PyObject *py_family(PyObject *Py_UNUSED(module), PyObject *Py_UNUSED(none))
{
    return PyLong_FromUnsignedLongLong(arena.header ? arena.header->family.id : 0);
}

static PyObject *py_arena_fd(PyObject *Py_UNUSED(module), PyObject *Py_UNUSED(none))
{
    int fd = arena.header ? arena_descriptor() : -1;
    if (fd >= 0 || !arena.header) return PyLong_FromLong(fd);
    return raise_outcome(platform_descriptors_scarce(errno) ? E_SYSTEM : E_DESCRIPTOR);
}

static PyObject *py_reserve(PyObject *Py_UNUSED(module), PyObject *args)
{
    const char *name;
    owner_id who;
    if (!PyArg_ParseTuple(args, "s", &name)) return NULL;
    int token;
    outcome o = arena_usable();
    if (o == OK) o = member_reserve(name, &who, &token);
    if (o != OK) return raise_outcome(o);
    return Py_BuildValue("IKi", owner_slot(who), (unsigned long long)owner_serial(who), token);
}

static PyObject *py_close_token(PyObject *Py_UNUSED(module), PyObject *args)
{
    int fd;
    if (!PyArg_ParseTuple(args, "i", &fd)) return NULL;
    member_close_token(fd);
    Py_RETURN_NONE;
}

/* (slot, serial) from arguments that may have more. */
static bool parse_member(PyObject *args, owner_id *who)
{
    unsigned int slot;
    unsigned long long serial;
    if (!PyArg_ParseTuple(args, "IK", &slot, &serial)) return false;
    if (slot >= MEMBER_SLOTS) {
        PyErr_Format(PyExc_ValueError, "slot %u: a family has %u slots", slot, MEMBER_SLOTS);
        return false;
    }
    *who = make_owner(serial, slot);
    outcome o = arena_usable();
    if (o != OK) raise_outcome(o);
    return o == OK;
}

static PyObject *py_alive(PyObject *Py_UNUSED(module), PyObject *args)
{
    owner_id who;
    if (!parse_member(args, &who)) return NULL;
    return PyBool_FromLong(member_alive(who));
}

/* An exit code as tombstones have it: UNKNOWN_EXIT for None. */
static bool parse_exitcode(PyObject *exitcode, uint64_t *code)
{
    *code = UNKNOWN_EXIT;
    if (exitcode == Py_None) return true;
    long long value = PyLong_AsLongLong(exitcode);
    if (value == -1 && PyErr_Occurred()) return false;
    *code = (uint64_t)((int64_t)value + (1ll << 32));
    return true;
}

static PyObject *py_reap(PyObject *Py_UNUSED(module), PyObject *args)
{
    PyObject *exitcode = Py_None;
    unsigned int slot;
    unsigned long long serial;
    if (!PyArg_ParseTuple(args, "IK|O", &slot, &serial, &exitcode)) return NULL;
    uint64_t code;
    if (!parse_exitcode(exitcode, &code)) return NULL;
    outcome o = arena_usable();
    if (o != OK || slot >= MEMBER_SLOTS) Py_RETURN_FALSE;
    return PyBool_FromLong(member_reap(make_owner(serial, slot), code) == OK);
}

static PyObject *py_sweep(PyObject *Py_UNUSED(module), PyObject *Py_UNUSED(none))
{
    return PyLong_FromLong(arena_usable() == OK ? member_sweep() : 0);
}

static PyObject *py_leave(PyObject *Py_UNUSED(module), PyObject *args)
{
    PyObject *exitcode = Py_None;
    uint64_t code;
    if (!PyArg_ParseTuple(args, "|O", &exitcode) || !parse_exitcode(exitcode, &code)) return NULL;
    member_leave_with(code);
    Py_RETURN_NONE;
}

static PyObject *py_rename(PyObject *Py_UNUSED(module), PyObject *args)
{
    const char *name;
    if (!PyArg_ParseTuple(args, "s", &name)) return NULL;
    member_rename(name);
    Py_RETURN_NONE;
}

static PyObject *py_members(PyObject *Py_UNUSED(module), PyObject *Py_UNUSED(none))
{
    PyObject *list = PyList_New(0);
    if (!list || arena_usable() != OK) return list;
    for (uint32_t slot = 0; slot < MEMBER_SLOTS; slot++) {
        struct member *m = arena_member(slot);
        owner_id who = load_acquire(&m->owner);
        if (!who || !member_alive(who)) continue;
        unsigned long long pid = load_relaxed(&m->pid);
        if (!pid)
            continue; /* reserved for a process that is not there yet: a signal to 0 would reach the caller's group */
        char name[NAME_SIZE];
        member_name_read(m, name);
        PyObject *row =
            Py_BuildValue("IKKN", slot, (unsigned long long)owner_serial(who), pid, member_name_decode(name));
        if (!row || PyList_Append(list, row) < 0) {
            Py_XDECREF(row);
            Py_DECREF(list);
            return NULL;
        }
        Py_DECREF(row);
    }
    return list;
}

static PyObject *py_tombstone(PyObject *Py_UNUSED(module), PyObject *args)
{
    unsigned long long serial;
    struct death d;
    if (!PyArg_ParseTuple(args, "K", &serial)) return NULL;
    if (arena_usable() != OK || !member_death(serial, &d)) Py_RETURN_NONE;
    PyObject *code =
        d.exitcode == UNKNOWN_EXIT ? Py_NewRef(Py_None) : PyLong_FromLongLong((int64_t)d.exitcode - (1ll << 32));
    return Py_BuildValue("KNN", (unsigned long long)d.pid, member_name_decode(d.name), code);
}

static PyMethodDef functions[] = {
    {"create_family", py_create, METH_VARARGS, NULL},
    {"join_family", py_join, METH_VARARGS, NULL},
    {"member", py_member, METH_NOARGS, NULL},
    {"family", py_family, METH_NOARGS, NULL},
    {"arena_fd", py_arena_fd, METH_NOARGS, NULL},
    {"reserve", py_reserve, METH_VARARGS, NULL},
    {"close_token", py_close_token, METH_VARARGS, NULL},
    {"alive", py_alive, METH_VARARGS, NULL},
    {"reap", py_reap, METH_VARARGS, NULL},
    {"sweep", py_sweep, METH_NOARGS, NULL},
    {"leave", py_leave, METH_VARARGS, NULL},
    {"rename", py_rename, METH_VARARGS, NULL},
    {"members", py_members, METH_NOARGS, NULL},
    {"tombstone", py_tombstone, METH_VARARGS, NULL},
    {NULL, NULL, 0, NULL},
};

bool family_register(PyObject *module)
{
    Py_AtExit(member_leave);
    return PyModule_AddFunctions(module, functions) == 0;
}
