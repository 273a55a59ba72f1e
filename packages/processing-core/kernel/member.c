/* The member table: making places, taking them, burying the dead; and what a fork does.
 *
 * A place goes FREE -> RESERVED -> ALIVE -> BURYING -> FREE.  `owner` names the tenant from RESERVED on; its serial is
 * never given again.  A reserved place lives as long as its token (a descriptor the child inherits); the child takes
 * its life lock before it says ALIVE, and closes the token after: at no instant does a living one look dead. */
#include "member.h"
#include "handle.h"
#include "cells.h"
#include "park.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

bool member_alive(owner_id who)
{
    who &= ~OWNER_FLAGS;
    if (who == arena.self) return true;
    struct member *m = arena_member(owner_slot(who));
    for (;;) {
        if (atomic_load(&m->owner) != who) return false;
        uint64_t state = atomic_load(&m->state);
        if (state == PLACE_BURYING || state == PLACE_FREE) return false; /* FREE: a burial that was killed is not undone yet */
        if (state == PLACE_ALIVE) {
            if (platform_life_held(arena.fd, owner_slot(who))) return true;
            return platform_process_runs(load_relaxed(&m->pid), load_relaxed(&m->start_time));
        }
        if (platform_token_held(arena.fd, owner_slot(who))) return true;
        if (atomic_load(&m->state) == PLACE_RESERVED && atomic_load(&m->owner) == who) return false;
    }
}

/* -- making and taking places -- */

static void set_name(struct member *m, const char *name)
{
    strncpy(m->name, name, NAME_SIZE - 1);
    m->name[NAME_SIZE - 1] = 0;
}

/* A free slot whose last tenant is really gone: it may have left and still be ending, or somebody hold its token. */
static bool vacant(uint32_t slot)
{
    if (load_relaxed(&arena_member(slot)->owner)) return false;
    return !platform_life_held(arena.fd, slot) && !platform_token_held(arena.fd, slot);
}

/* Take a place.  Its token, if asked for, is made first: nobody may ever see a reserved place without one. */
static outcome place_take(const char *name, owner_id *who, int *token)
{
    struct arena_header *h = arena.header;
    for (uint32_t slot = 0; slot < MEMBER_SLOTS; slot++) {
        struct member *m = arena_member(slot);
        if (!vacant(slot)) continue;
        if (token && (*token = platform_token_make(arena.fd, slot)) < 0) return E_SYSTEM;
        uint64_t at = arena_offset(m) / PAGE_SIZE * PAGE_SIZE;
        if (platform_memory_commit(arena.fd, at, 2 * PAGE_SIZE) != OK) return E_NOMEM;
        uint64_t serial = load_relaxed(&h->next_serial);
        tx_set(&h->next_serial, serial + 1);
        tx_set(&m->pid, 0);
        tx_set(&m->start_time, 0);
        tx_set(&m->references, 0);
        tx_set(&m->inherits, 0);
        for (int i = 0; i < MEMBER_WAITS; i++) store_relaxed(&m->waits[i], 0); /* nobody lives here */
        tx_set(&m->state, PLACE_RESERVED);
        *who = make_owner(serial, slot);
        set_name(m, name);
        tx_set(&m->owner, *who);
        return OK;
    }
    return E_FULL_TABLE;
}

/* Close a token.  Closing any descriptor of the arena's file drops every lock of this process: renew its own. */
static void close_token(int fd)
{
    int saved = errno;
    if (fd >= 0) close(fd);
    if (arena.self) platform_life_hold(arena.fd, owner_slot(arena.self));
    errno = saved;
}

outcome member_reserve(const char *name, owner_id *who, int *token)
{
    struct section s;
    outcome o = E_FULL_TABLE;
    *token = -1;
    for (int attempt = 0; attempt < 2 && o == E_FULL_TABLE; attempt++) {
        if (attempt) member_sweep();
        arena_enter(&s, true);
        o = place_take(name, who, token);
        arena_leave(&s);
    }
    if (o != OK) close_token(*token);
    return o;
}

outcome member_adopt(owner_id who)
{
    struct member *m = arena_member(owner_slot(who));
    if (atomic_load(&m->owner) != who || atomic_load(&m->state) != PLACE_RESERVED) return E_STALE;
    if (!platform_life_hold(arena.fd, owner_slot(who))) return E_SYSTEM;
    store_relaxed(&m->pid, (uint64_t)getpid());
    store_relaxed(&m->start_time, platform_start_time((uint64_t)getpid()));
    atomic_store(&m->state, PLACE_ALIVE); /* pairs with member_alive's load: pid and start time are there */
    arena.self = who;
    references_adopt();
    return OK;
}

outcome member_found(const char *name)
{
    owner_id who;
    arena.self = make_owner(0xfffff, 0); /* nobody else is there yet; a transaction needs some holder */
    struct section s;
    arena_enter(&s, true);
    outcome o = place_take(name, &who, NULL);
    arena_leave(&s);
    return o == OK ? member_adopt(who) : o;
}

void member_rename(const char *name)
{
    if (arena_usable() == OK) set_name(arena_member(owner_slot(arena.self)), name);
}

/* -- the dead -- */

static struct obituary *obituary_of(uint64_t serial) { return &arena.header->obituaries[serial % OBITUARIES]; }

static void write_obituary(struct member *m, owner_id who, uint64_t exitcode)
{
    struct obituary *o = obituary_of(owner_serial(who));
    store_relaxed(&o->serial, 0);
    store_relaxed(&o->pid, load_relaxed(&m->pid));
    store_relaxed(&o->exitcode, exitcode);
    memcpy(o->name, m->name, NAME_SIZE);
    store_release(&o->serial, owner_serial(who));
}

bool member_obituary(uint64_t serial, struct obituary *out)
{
    struct section s;
    arena_enter(&s, true);
    memcpy((void *)out, obituary_of(serial), sizeof *out);
    arena_leave(&s);
    return out->serial == serial;
}

static PyObject *decode_name(const char *name)
{
    return PyUnicode_DecodeUTF8(name, (Py_ssize_t)strnlen(name, NAME_SIZE), "replace");
}

PyObject *member_person(owner_id who)
{
    struct obituary o;
    struct member *m = arena_member(owner_slot(who));
    uint64_t pid = load_relaxed(&m->pid);
    PyObject *name = decode_name(m->name);
    if (name && load_acquire(&m->owner) == (who & ~OWNER_FLAGS)) return Py_BuildValue("KN", (unsigned long long)pid, name);
    Py_XDECREF(name);
    if (!member_obituary(owner_serial(who), &o)) return Py_BuildValue("OO", Py_None, Py_None);
    return Py_BuildValue("KN", (unsigned long long)load_relaxed(&o.pid), decode_name(o.name));
}

/* The parent may learn the exit code after somebody else buried its child. */
static void amend_obituary(owner_id who, uint64_t exitcode)
{
    struct obituary *o = obituary_of(owner_serial(who));
    if (exitcode != UNKNOWN_EXIT && load_relaxed(&o->serial) == owner_serial(who)) store_relaxed(&o->exitcode, exitcode);
}

static bool begin_burial(struct member *m, owner_id who)
{
    struct section s;
    arena_enter(&s, true);
    bool there = load_relaxed(&m->owner) == who;
    if (there && load_relaxed(&m->state) != PLACE_BURYING) tx_set(&m->state, PLACE_BURYING);
    arena_leave(&s);
    return there;
}

static bool end_burial(struct member *m, owner_id who, uint64_t exitcode)
{
    struct section s;
    arena_enter(&s, true);
    bool there = load_relaxed(&m->owner) == who;
    if (there) {
        cell_id parcel = load_relaxed(&m->inherits);
        if (parcel) cell_count(parcel, -1);
        tx_set(&m->inherits, 0);
        write_obituary(m, who, exitcode);
        tx_set(&m->owner, 0);
        tx_set(&m->state, PLACE_FREE);
    } else {
        amend_obituary(who, exitcode);
    }
    arena_leave(&s);
    settle(true);
    return there;
}

/* Several may bury the same member at once: each step is a transaction that finds only what is left. */
outcome member_bury(owner_id who, uint64_t exitcode)
{
    struct member *m = arena_member(owner_slot(who));
    if (member_alive(who)) return BUSY;
    if (begin_burial(m, who)) references_recover(m, who, true);
    return end_burial(m, who, exitcode) ? OK : BUSY;
}

int member_sweep(void)
{
    int buried = 0;
    for (uint32_t slot = 0; slot < MEMBER_SLOTS; slot++) {
        owner_id who = load_acquire(&arena_member(slot)->owner);
        if (who && !member_alive(who) && member_bury(who, UNKNOWN_EXIT) == OK) buried++;
    }
    return buried;
}

/* Linux counts a thread as a directory there. To list them takes 32 KiB, and a forked child must copy what malloc merges. */
static bool single_threaded(void)
{
    struct stat tasks;
    return stat("/proc/self/task", &tasks) == 0 && tasks.st_nlink == 2 + 1;
}

/* A normal exit.  While other threads run they may stand in the arena, parked or computing on a view: then nothing is
 * dropped, and whoever notices this process's end buries it.  Called also when the interpreter is gone: no GIL here. */
static void leave(uint64_t exitcode)
{
    if (arena_usable() != OK || !single_threaded()) return;
    struct member *m = arena_member(owner_slot(arena.self));
    settle(false);
    references_recover(m, arena.self, false);
    struct section s;
    arena_enter(&s, false);
    write_obituary(m, arena.self, exitcode);
    arena_leave(&s);
    /* Outside any section, and last: who holds a guard must look alive. */
    atomic_store(&m->owner, 0);
    arena.self = 0;
}

void member_leave(void) { leave(UNKNOWN_EXIT); }

/* -- forks through Python -- */

static struct {
    owner_id child; /* the place that the fork in progress, or the last one, gave */
    int token;
    bool reserved; /* by fork_into: the next fork takes `child` */
    bool failed;   /* the child will be no member */
} fork_state = {.token = -1};

static PyObject *py_fork_before(PyObject *Py_UNUSED(module), PyObject *Py_UNUSED(none))
{
    fork_state.failed = arena_usable() != OK; /* the child of a stranger to the family is one, too */
    if (fork_state.failed) Py_RETURN_NONE;
    if (!fork_state.reserved) {
        fork_state.failed = member_reserve("", &fork_state.child, &fork_state.token) != OK;
    }
    if (!fork_state.failed) fork_state.failed = references_inherit(arena_member(owner_slot(fork_state.child))) != OK;
    Py_RETURN_NONE;
}

static PyObject *py_fork_in_parent(PyObject *Py_UNUSED(module), PyObject *Py_UNUSED(none))
{
    if (fork_state.token >= 0) close_token(fork_state.token);
    fork_state.token = -1;
    fork_state.reserved = false;
    Py_RETURN_NONE;
}

/* The token is closed after the adoption; a reserved place's token is the caller's to close. */
static PyObject *py_fork_in_child(PyObject *Py_UNUSED(module), PyObject *Py_UNUSED(none))
{
    if (arena.self == 0) Py_RETURN_NONE;
    owner_id parent = arena.self;
    arena.self = 0;
    if (!fork_state.failed && member_adopt(fork_state.child) == OK) {
        *arena.token = 1;
        if (handles_adopt() != OK) *arena.token = 0;
    }
    if (fork_state.token >= 0) close_token(fork_state.token);
    fork_state.token = -1;
    fork_state.reserved = false;
    if (!*arena.token) arena.self = parent; /* no member: as after a fork behind Python's back */
    Py_RETURN_NONE;
}

#define MOST_AT_ONCE 8

/* The forks after the first find their places here. */
struct birth {
    owner_id place;
    int token;
};

/* Take what the hooks made ready for one fork, and make the others ready: how many there are. */
static int births_prepare(struct birth *births, int most)
{
    if (fork_state.failed) return 0;
    births[0] = (struct birth){fork_state.child, fork_state.token};
    fork_state.token = -1;
    int n = 1;
    for (; n < most; n++) {
        struct birth *b = &births[n];
        if (member_reserve("", &b->place, &b->token) != OK) break;
        if (references_inherit(arena_member(owner_slot(b->place))) == OK) continue;
        close_token(b->token);
        member_bury(b->place, UNKNOWN_EXIT);
        break;
    }
    return n;
}

/* In the parent: those who were born hold their tokens themselves; the places of the others are dead without. */
static PyObject *births_report(struct birth *births, int n, const pid_t *pids, int born, int error)
{
    PyObject *list = PyList_New(0);
    for (int i = 0; i < n; i++) {
        close_token(births[i].token);
        if (i >= born) member_bury(births[i].place, UNKNOWN_EXIT);
        if (!list || i >= born) continue;
        PyObject *row = Py_BuildValue("iIK", (int)pids[i], owner_slot(births[i].place),
                                      (unsigned long long)owner_serial(births[i].place));
        if (!row || PyList_Append(list, row) < 0) Py_CLEAR(list);
        Py_XDECREF(row);
    }
    return list ? Py_BuildValue("Ni", list, error) : NULL;
}

/* fork_several(n): ([(pid, slot, serial), ...], errno), or None in a child.
 *
 * What the parent writes to between two forks it must copy, 3 us a page: 75 pages, if it lets Python run.  Here it
 * writes to a few.  The process has one thread; the hooks run once in the parent, and in each child. */
static PyObject *py_fork_several(PyObject *Py_UNUSED(module), PyObject *args)
{
    int most;
    struct birth births[MOST_AT_ONCE];
    pid_t pids[MOST_AT_ONCE], pid = -1;
    if (!PyArg_ParseTuple(args, "i", &most)) return NULL;
    if (most > MOST_AT_ONCE) most = MOST_AT_ONCE;
    PyOS_BeforeFork();
    int n = births_prepare(births, most), born = 0, error = n < most ? ENOMEM : 0;
    while (born < n) {
        fork_state.child = births[born].place;
        pid = fork();
        if (pid <= 0) break;
        pids[born++] = pid;
    }
    if (n && pid < 0) error = errno;
    if (pid == 0) {
        fork_state.token = births[born].token;
        for (int i = 0; i < n; i++)
            if (i != born) close(births[i].token);
        PyOS_AfterFork_Child();
        Py_RETURN_NONE;
    }
    PyOS_AfterFork_Parent();
    return births_report(births, n, pids, born, error);
}

static PyObject *py_fork_into(PyObject *Py_UNUSED(module), PyObject *args)
{
    unsigned int slot;
    unsigned long long serial;
    const char *name;
    if (!PyArg_ParseTuple(args, "IKs", &slot, &serial, &name)) return NULL;
    fork_state.child = make_owner(serial, slot);
    fork_state.reserved = true;
    set_name(arena_member(slot), name);
    Py_RETURN_NONE;
}

static PyObject *py_forked(PyObject *Py_UNUSED(module), PyObject *Py_UNUSED(none))
{
    if (!fork_state.child || fork_state.failed) Py_RETURN_NONE;
    return Py_BuildValue("IK", owner_slot(fork_state.child), (unsigned long long)owner_serial(fork_state.child));
}

/* -- the functions of the module -- */

static PyObject *py_found(PyObject *Py_UNUSED(module), PyObject *args)
{
    const char *name;
    unsigned long long cap;
    if (!PyArg_ParseTuple(args, "sK", &name, &cap)) return NULL;
    if (arena.fd >= 0) {
        PyErr_SetString(PyExc_RuntimeError, "this process belongs, or belonged, to a family already");
        return NULL;
    }
    outcome o = arena_found(cap);
    if (o == OK) o = member_found(name);
    if (o != OK) return raise_outcome(o);
    Py_RETURN_NONE;
}

static PyObject *py_adopt(PyObject *Py_UNUSED(module), PyObject *args)
{
    int fd, token;
    unsigned int slot;
    unsigned long long serial;
    if (!PyArg_ParseTuple(args, "iiIK", &fd, &token, &slot, &serial)) return NULL;
    if (arena.fd >= 0) {
        PyErr_SetString(PyExc_RuntimeError, "this process belongs, or belonged, to a family already");
        return NULL;
    }
    if (slot >= MEMBER_SLOTS) {
        PyErr_Format(PyExc_ValueError, "slot %u: a family has %u places", slot, MEMBER_SLOTS);
        return NULL;
    }
    outcome o = arena_join(fd);
    if (o == OK) o = member_adopt(make_owner(serial, slot));
    if (o != OK) return raise_outcome(o);
    close_token(token);
    Py_RETURN_NONE;
}

static PyObject *py_member(PyObject *Py_UNUSED(module), PyObject *Py_UNUSED(none))
{
    if (arena_usable() != OK) Py_RETURN_NONE;
    return Py_BuildValue("IK", owner_slot(arena.self), (unsigned long long)owner_serial(arena.self));
}

static PyObject *py_family(PyObject *Py_UNUSED(module), PyObject *Py_UNUSED(none))
{
    return PyLong_FromUnsignedLongLong(arena.header ? arena.header->family : 0);
}

static PyObject *py_arena_fd(PyObject *Py_UNUSED(module), PyObject *Py_UNUSED(none))
{
    return PyLong_FromLong(arena.fd);
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
    close_token(fd);
    Py_RETURN_NONE;
}

/* (slot, serial) from arguments that may have more. */
static bool parse_member(PyObject *args, owner_id *who)
{
    unsigned int slot;
    unsigned long long serial;
    if (!PyArg_ParseTuple(args, "IK", &slot, &serial)) return false;
    if (slot >= MEMBER_SLOTS) {
        PyErr_Format(PyExc_ValueError, "slot %u: a family has %u places", slot, MEMBER_SLOTS);
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

/* An exit code as obituaries have it: UNKNOWN_EXIT for None. */
static bool parse_exitcode(PyObject *exitcode, uint64_t *code)
{
    *code = UNKNOWN_EXIT;
    if (exitcode == Py_None) return true;
    long value = PyLong_AsLong(exitcode);
    if (value == -1 && PyErr_Occurred()) return false;
    *code = (uint64_t)((int64_t)value + (1ll << 32));
    return true;
}

static PyObject *py_bury(PyObject *Py_UNUSED(module), PyObject *args)
{
    PyObject *exitcode = Py_None;
    unsigned int slot;
    unsigned long long serial;
    if (!PyArg_ParseTuple(args, "IK|O", &slot, &serial, &exitcode)) return NULL;
    uint64_t code;
    if (!parse_exitcode(exitcode, &code)) return NULL;
    outcome o = arena_usable();
    if (o != OK || slot >= MEMBER_SLOTS) Py_RETURN_FALSE;
    return PyBool_FromLong(member_bury(make_owner(serial, slot), code) == OK);
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
    leave(code);
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
        PyObject *row = Py_BuildValue("IKKN", slot, (unsigned long long)owner_serial(who),
                                      (unsigned long long)load_relaxed(&m->pid), decode_name(m->name));
        if (!row || PyList_Append(list, row) < 0) {
            Py_XDECREF(row);
            Py_DECREF(list);
            return NULL;
        }
        Py_DECREF(row);
    }
    return list;
}

static PyObject *py_obituary(PyObject *Py_UNUSED(module), PyObject *args)
{
    unsigned long long serial;
    struct obituary o;
    if (!PyArg_ParseTuple(args, "K", &serial)) return NULL;
    if (arena_usable() != OK || !member_obituary(serial, &o)) Py_RETURN_NONE;
    PyObject *code = o.exitcode == UNKNOWN_EXIT ? Py_NewRef(Py_None) : PyLong_FromLongLong((int64_t)o.exitcode - (1ll << 32));
    return Py_BuildValue("KNN", (unsigned long long)o.pid, decode_name(o.name), code);
}

static PyMethodDef functions[] = {
    {"found", py_found, METH_VARARGS, NULL},
    {"adopt", py_adopt, METH_VARARGS, NULL},
    {"member", py_member, METH_NOARGS, NULL},
    {"family", py_family, METH_NOARGS, NULL},
    {"arena_fd", py_arena_fd, METH_NOARGS, NULL},
    {"reserve", py_reserve, METH_VARARGS, NULL},
    {"close_token", py_close_token, METH_VARARGS, NULL},
    {"fork_before", py_fork_before, METH_NOARGS, NULL},
    {"fork_in_parent", py_fork_in_parent, METH_NOARGS, NULL},
    {"fork_in_child", py_fork_in_child, METH_NOARGS, NULL},
    {"fork_into", py_fork_into, METH_VARARGS, NULL},
    {"fork_several", py_fork_several, METH_VARARGS, NULL},
    {"forked", py_forked, METH_NOARGS, NULL},
    {"alive", py_alive, METH_VARARGS, NULL},
    {"bury", py_bury, METH_VARARGS, NULL},
    {"sweep", py_sweep, METH_NOARGS, NULL},
    {"leave", py_leave, METH_VARARGS, NULL},
    {"rename", py_rename, METH_VARARGS, NULL},
    {"members", py_members, METH_NOARGS, NULL},
    {"obituary", py_obituary, METH_VARARGS, NULL},
    {NULL, NULL, 0, NULL},
};

bool member_register(PyObject *module)
{
    Py_AtExit(member_leave);
    return PyModule_AddFunctions(module, functions) == 0;
}
