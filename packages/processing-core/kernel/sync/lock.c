/* Lock and RLock: the lock word contains the owner.
 *
 *     state = owner_id | flags      0: free
 *
 * LOCK_DEAD: the named owner died, or ended, while it held the lock, and the guarded state was not repaired.
 * LOCK_REPAIR: the named owner is in `with lock.recover()`.
 *
 * Transitions, each one CAS on the whole word, so that a killed process leaves one of these states:
 *     free -> mine                       acquire
 *     mine, or another's -> free         release (any member may release a Lock)
 *     X's, X dead -> X's|DEAD            any waiter that tests whether the owner is alive
 *     X's|DEAD -> mine|REPAIR            recover: one repairer across the family
 *     mine|REPAIR -> free                the repair is done
 *     mine|REPAIR -> mine|DEAD           the repair failed; likewise by any process that finds the repairer dead
 *
 * `thread` and `depth` of an RLock are written by the holder only: depth before thread on taking, thread cleared
 * before the release, so that a thread that reads its own id there holds the lock.  A Lock's `thread` is for reprs.
 *
 * An RLock that a task of an event loop holds has the task's number there, which is odd, whereas a thread's is even. */
#include "sync/lock.h"
#include "objects/fast_method.h"
#include "family/member.h"
#include "family/member_name.h"
#include "sync/wait.h"
#include "arena/errors.h"
#include "objects/observer_type.h"
#include "objects/arguments.h"
#include "arena/liveness.h"
#include "platform/compiler.h"

#include <string.h>

#define LOCK_DEAD 1u
#define LOCK_REPAIR 2u

struct lock {
    word64 state;
    word64 thread;
    word32 depth;
    uint32_t reentrant;         /* constant */
    struct observable released; /* processes that wait for the lock */
    word64 since;       /* when the lock was taken, by coarse_ns; written by the holder; 0 while free or just taken */
    word64 died;        /* when its holder was found dead; written by the process that found it; 0 before */
    word64 task_thread; /* of an RLock that a task holds: the task's thread; written by the holder */
};
_Static_assert(sizeof(struct lock) == 64, "a lock is the smallest slab object");

static struct lock *lock_of(PyObject *self) { return ((handle_object *)self)->block; }
static PyTypeObject *lock_type, *rlock_type;

/* A thread is identified by the address of a thread-local variable: 2 ns faster than asking for its identity. */
static THREAD_LOCAL uint64_t here;
static inline uint64_t this_thread(void) { return (uint64_t)(uintptr_t)&here; }
static inline bool reentrant(PyObject *self) { return lock_of(self)->reentrant != 0; }

/* -- the word -- */

/* Whether the owner `seen` in the lock word is dead; if so, this sets LOCK_DEAD and wakes all waiters. */
static bool find_dead(struct lock *l, uint64_t seen)
{
    if (seen & LOCK_DEAD) return true;
    if (member_alive(seen) || !cas64(&l->state, seen, (seen & ~(uint64_t)LOCK_REPAIR) | LOCK_DEAD)) return false;
    store_relaxed(&l->died, (uint64_t)coarse_ns());
    observable_wake(&l->released, ALL_WAITERS);
    return true;
}

static outcome lock_attempt(void *ctx, bool look)
{
    struct lock *l = ctx;
    uint64_t seen = load(&l->state);
    if (seen == 0) return cas64(&l->state, 0, arena.self) ? OK : BUSY;
    if (seen & LOCK_DEAD) return E_OWNER_DIED;
    return look && find_dead(l, seen) ? E_OWNER_DIED : BUSY;
}

/* How many seconds the holder has held the lock, or had held it when it was found dead; None if the holder died before
 * it had written `since`.  A hint: other processes may take the lock meanwhile. */
static PyObject *held_for(struct lock *l, uint64_t state)
{
    uint64_t since = load_relaxed(&l->since), died = load_relaxed(&l->died);
    if (!since) return Py_NewRef(Py_None);
    uint64_t until = state & LOCK_DEAD && died >= since ? died : (uint64_t)coarse_ns();
    return PyFloat_FromDouble(until > since ? (double)(until - since) / 1e9 : 0.0);
}

static PyObject *exit_code_of(owner_id who)
{
    struct death d;
    if (!member_death(owner_serial(who), &d) || d.exitcode == UNKNOWN_EXIT) return Py_NewRef(Py_None);
    return PyLong_FromLongLong((int64_t)d.exitcode - (1ll << 32));
}

/* OwnerDied(message, pid, name, exit code, seconds held), as far as these are known; the class writes the message. */
static PyObject *raise_owner_died(struct lock *l)
{
    uint64_t state = load(&l->state);
    PyObject *person = member_identity(state), *code = exit_code_of(state), *held = held_for(l, state);
    PyObject *error = person && code && held
                        ? PyObject_CallFunction(error_owner_died, "OOOOO", Py_None, PyTuple_GetItem(person, 0),
                                                PyTuple_GetItem(person, 1), code, held)
                        : NULL;
    if (error) PyErr_SetObject(error_owner_died, error);
    Py_XDECREF(error), Py_XDECREF(person), Py_XDECREF(code), Py_XDECREF(held);
    return NULL;
}

/* The acquiring load of `state` pairs with the CAS that took the lock: a process that sees this process's id there
 * sees no older `thread` than the one that the last holder cleared before it released. Without the acquire, a
 * thread could read the state that another thread of this process wrote together with an old `thread`: that of a thread
 * of another process, whose address may equal its own. */
static inline bool mine(PyObject *self, struct lock *l)
{
    uint64_t state = load_acquire(&l->state);
    if ((state & ~OWNER_FLAGS) != arena.self || state & LOCK_DEAD) return false;
    return !reentrant(self) || load_relaxed(&l->thread) == this_thread();
}

static inline void hold(struct lock *l)
{
    crash_point();
    store_relaxed(&l->depth, 1);
    store_relaxed(&l->thread, this_thread());
    store_relaxed(&l->since, (uint64_t)coarse_ns());
    crash_point();
}

/* The usual case: the lock is free, or this thread holds it already. */
static inline bool take_at_once(PyObject *self)
{
    struct lock *l = lock_of(self);
    if (arena_usable() != OK) return false;
    if (load_relaxed(&l->state) == 0 && cas64(&l->state, 0, arena.self)) {
        hold(l);
        return true;
    }
    if (!reentrant(self) || !mine(self, l)) return false;
    store_relaxed(&l->depth, load_relaxed(&l->depth) + 1);
    return true;
}

/* Whether a task of this process holds the RLock. */
static bool held_by_task(PyObject *self, struct lock *l)
{
    uint64_t state = load_acquire(&l->state);
    return reentrant(self) && load_relaxed(&l->thread) & 1 && (state & ~OWNER_FLAGS) == arena.self
        && !(state & LOCK_DEAD);
}

/* Whether the calling task holds it: false, perhaps with an exception. */
static bool held_by_this_task(PyObject *self, struct lock *l)
{
    if (!held_by_task(self, l)) return false;
    PyObject *module = PyImport_ImportModule("processing_core.lowlevel");
    PyObject *number = module ? PyObject_CallMethod(module, "task_number", NULL) : NULL;
    uint64_t task = number ? PyLong_AsUnsignedLongLong(number) : 0;
    Py_XDECREF(number), Py_XDECREF(module);
    return task && !PyErr_Occurred() && load_relaxed(&l->thread) == task;
}

/* The thread that runs the task must not wait for it. */
static bool waits_for_itself(PyObject *self, struct lock *l)
{
    if (!held_by_task(self, l) || load_relaxed(&l->task_thread) != this_thread()) return false;
    PyErr_SetString(PyExc_RuntimeError, "a task of this thread's event loop holds the lock: use acquire_async() there");
    return true;
}

static bool take_waiting(PyObject *self, int64_t deadline, bool *failed)
{
    struct lock *l = lock_of(self);
    *failed = true;
    if (!handle_usable(self) || waits_for_itself(self, l)) return false;
    outcome o = deadline == 0 ? lock_attempt(l, true) : wait_on(self, &l->released.parked, lock_attempt, l, deadline);
    *failed = o != OK && o != BUSY;
    if (o == OK) hold(l);
    else if (o == E_OWNER_DIED) raise_owner_died(l);
    else if (o != BUSY) raise_outcome(o);
    return o == OK;
}

bool lock_take(PyObject *self, int64_t deadline, bool *failed)
{
    *failed = false;
    return take_at_once(self) || take_waiting(self, deadline, failed);
}

static void free_word(struct lock *l)
{
    crash_point();
    store_relaxed(&l->thread, 0);
    store_relaxed(&l->since, 0);
    crash_point();
    store(&l->state, 0); /* full barrier: pairs with park_prepare */
    crash_point();
    observable_wake(&l->released, 1);
}

static PyObject *give_rlock(PyObject *self)
{
    struct lock *l = lock_of(self);
    if (!mine(self, l) && !held_by_this_task(self, l)) {
        if (!PyErr_Occurred()) PyErr_Format(error_not_held, "attempt to release recursive lock not owned by thread");
        return NULL;
    }
    if (load_relaxed(&l->depth) > 1) store_relaxed(&l->depth, load_relaxed(&l->depth) - 1);
    else free_word(l);
    Py_RETURN_NONE;
}

PyObject *lock_give(PyObject *self)
{
    struct lock *l = lock_of(self);
    if (arena_usable() != OK && !handle_usable(self)) return NULL;
    if (reentrant(self)) return give_rlock(self);
    uint64_t seen = load_relaxed(&l->state);
    do {
        if (seen == 0) {
            PyErr_SetString(error_not_held, "semaphore or lock released too many times: release of an unlocked lock");
            return NULL;
        }
        if (seen & LOCK_DEAD) return raise_owner_died(l);
        store_relaxed(&l->since, 0); /* if the exchange fails, the next holder's is lost: its time is unknown */
        crash_point();
    } while (!cas_weak(&l->state, &seen, 0));
    crash_point();
    observable_wake(&l->released, 1);
    Py_RETURN_NONE;
}

/* -- for conditions -- */

bool lock_check(PyObject *object)
{
    return PyObject_TypeCheck(object, lock_type) || PyObject_TypeCheck(object, rlock_type);
}

bool lock_abandoned(PyObject *lock)
{
    uint64_t seen = load(&lock_of(lock)->state);
    return seen != 0 && find_dead(lock_of(lock), seen);
}

bool lock_held(PyObject *lock) { return mine(lock, lock_of(lock)) || held_by_this_task(lock, lock_of(lock)); }

uint32_t lock_release_all(PyObject *lock)
{
    struct lock *l = lock_of(lock);
    uint32_t depth = reentrant(lock) ? load_relaxed(&l->depth) : 1;
    free_word(l);
    return depth;
}

bool lock_restore(PyObject *lock, uint32_t depth)
{
    PyObject *type = NULL, *value = NULL, *trace = NULL; /* a signal's exception waits until the lock is held */
    for (;;) {
        bool failed;
        if (lock_take(lock, NO_DEADLINE, &failed)) break;
        if (PyErr_ExceptionMatches(error_owner_died) || PyErr_ExceptionMatches(error_fork)
            || PyErr_ExceptionMatches(error_handle)) {
            Py_XDECREF(type), Py_XDECREF(value), Py_XDECREF(trace);
            return false;
        }
        Py_XDECREF(type), Py_XDECREF(value), Py_XDECREF(trace);
        PyErr_Fetch(&type, &value, &trace);
    }
    if (reentrant(lock)) store_relaxed(&lock_of(lock)->depth, depth);
    if (!type) return true;
    PyErr_Restore(type, value, trace);
    return false;
}

/* -- the Python side -- */

static PyObject *py_acquire(PyObject *self, PyObject *const *args, Py_ssize_t nargs, PyObject *kwnames)
{
    int64_t deadline = NO_DEADLINE;
    bool failed;
    if (nargs == 0 && !kwnames && take_at_once(self)) return Py_NewRef(Py_True);
    if ((nargs || kwnames) && !parse_blocking("acquire", args, nargs, kwnames, 0, &deadline)) return NULL;
    bool taken = lock_take(self, deadline, &failed);
    return failed ? NULL : Py_NewRef(taken ? Py_True : Py_False);
}

static PyObject *py_enter(PyObject *self, PyObject *const *Py_UNUSED(args), Py_ssize_t Py_UNUSED(nargs))
{
    bool failed;
    lock_take(self, NO_DEADLINE, &failed);
    return failed ? NULL : Py_NewRef(Py_True);
}

/* _acquire_as(task): whether the task, by its number, holds the RLock now.  Does not wait. */
static PyObject *py_acquire_as(PyObject *self, PyObject *number)
{
    uint64_t task = PyLong_AsUnsignedLongLong(number);
    if (PyErr_Occurred() || !handle_usable(self)) return NULL;
    struct lock *l = lock_of(self);
    if (held_by_task(self, l) && load_relaxed(&l->thread) == task) {
        store_relaxed(&l->depth, load_relaxed(&l->depth) + 1);
        Py_RETURN_TRUE;
    }
    outcome o = lock_attempt(l, true);
    if (o == E_OWNER_DIED) return raise_owner_died(l);
    if (o != OK) Py_RETURN_FALSE;
    hold(l);
    store_relaxed(&l->task_thread, this_thread());
    store_relaxed(&l->thread, task);
    Py_RETURN_TRUE;
}

/* _abandoned(): whether its owner is dead. */
static PyObject *py_abandoned(PyObject *self, PyObject *Py_UNUSED(none))
{
    return handle_usable(self) ? PyBool_FromLong(lock_abandoned(self)) : NULL;
}

static PyObject *py_observe(PyObject *self, PyObject *observer)
{
    return handle_usable(self) ? observer_watch(observer, &lock_of(self)->released) : NULL;
}

/* _release_all(): how deep it was held; _restore(depth): hold it, once it was acquired again, as deep as then. */
static PyObject *py_release_all(PyObject *self, PyObject *Py_UNUSED(none))
{
    return handle_usable(self) ? PyLong_FromUnsignedLong(lock_release_all(self)) : NULL;
}

static PyObject *py_restore(PyObject *self, PyObject *depth)
{
    unsigned long n = PyLong_AsUnsignedLong(depth);
    if (PyErr_Occurred() || !handle_usable(self)) return NULL;
    if (reentrant(self)) store_relaxed(&lock_of(self)->depth, (uint32_t)n);
    Py_RETURN_NONE;
}

static PyObject *py_release(PyObject *self, PyObject *Py_UNUSED(none)) { return lock_give(self); }

/* Release the lock if this process holds it: its owner may have died, or the lock may have been repaired, since. */
static PyObject *py_release_owned(PyObject *self, PyObject *Py_UNUSED(none))
{
    if (arena_usable() != OK) Py_RETURN_NONE;
    bool held = lock_held(self);
    if (PyErr_Occurred()) return NULL;
    return held ? lock_give(self) : Py_NewRef(Py_None);
}

static PyObject *py_exit(PyObject *self, PyObject *const *Py_UNUSED(args), Py_ssize_t Py_UNUSED(nargs))
{
    return lock_give(self);
}

static PyObject *py_locked(PyObject *self, PyObject *Py_UNUSED(none))
{
    if (!handle_usable(self)) return NULL;
    return PyBool_FromLong(load(&lock_of(self)->state) != 0);
}

static PyObject *py_is_mine(PyObject *self, PyObject *Py_UNUSED(none))
{
    if (!handle_usable(self)) return NULL;
    bool held = lock_held(self);
    return PyErr_Occurred() ? NULL : PyBool_FromLong(held);
}

/* (pid, name, "free" | "mine" | "thread" | "process" | "dead", depth) of the owner, for reprs and introspection. */
static PyObject *py_holder(PyObject *self, PyObject *Py_UNUSED(none))
{
    if (!handle_usable(self)) return NULL;
    struct lock *l = lock_of(self);
    uint64_t state = load(&l->state);
    uint64_t pid;
    char name[NAME_SIZE];
    bool known = member_identify(state, &pid, name);
    bool own = (state & ~OWNER_FLAGS) == arena.self;
    const char *what = state == 0        ? "free"
                     : state & LOCK_DEAD ? "dead"
                     : own               ? (load_relaxed(&l->thread) == this_thread() ? "mine" : "thread")
                                         : "process";
    uint32_t depth = state == 0 ? 0 : reentrant(self) ? load_relaxed(&l->depth) : 1;
    return Py_BuildValue("KNsI", known ? (unsigned long long)pid : 0ull, member_name_decode(known ? name : ""), what,
                         depth);
}

static PyObject *lock_holders(void *block, uint64_t Py_UNUSED(size))
{
    struct lock *l = block;
    uint64_t state = load(&l->state);
    if (!state) return PyList_New(0);
    unsigned int depth = l->reentrant ? load_relaxed(&l->depth) : 1;
    return Py_BuildValue("[(NOINO)]", member_identity(state),
                         state & LOCK_DEAD || !member_alive(state) ? Py_False : Py_True, depth, held_for(l, state),
                         state & LOCK_REPAIR ? Py_True : Py_False);
}

static PyObject *py_holders(PyObject *self, PyObject *Py_UNUSED(none))
{
    return handle_usable(self) ? lock_holders(lock_of(self), 0) : NULL;
}

/* DEAD -> mine|REPAIR. If the owner is dead and no process has noticed it yet, this sets LOCK_DEAD first. */
static PyObject *py_begin_repair(PyObject *self, PyObject *Py_UNUSED(none))
{
    if (!handle_usable(self)) return NULL;
    struct lock *l = lock_of(self);
    uint64_t seen = load(&l->state);
    if (seen && !(seen & LOCK_DEAD) && !member_alive(seen)) {
        find_dead(l, seen);
        seen = load(&l->state);
    }
    if (!(seen & LOCK_DEAD) || !cas64(&l->state, seen, arena.self | LOCK_REPAIR)) {
        PyErr_SetString(error_not_held,
                        "recover(): the lock's owner is not dead, or another process repairs it already");
        return NULL;
    }
    hold(l);
    Py_RETURN_NONE;
}

static PyObject *py_end_repair(PyObject *self, PyObject *repaired)
{
    int done = PyObject_IsTrue(repaired);
    if (done < 0 || !handle_usable(self)) return NULL;
    struct lock *l = lock_of(self);
    store_relaxed(&l->thread, 0);
    crash_point();
    if (!cas64(&l->state, arena.self | LOCK_REPAIR, done ? 0 : (arena.self | LOCK_DEAD))) {
        PyErr_SetString(error_not_held, "recover(): this process does not repair the lock");
        return NULL;
    }
    observable_wake(&l->released, ALL_WAITERS);
    Py_RETURN_NONE;
}

static PyObject *lock_new_kind(PyTypeObject *type, PyObject *args, PyObject *kwargs, newfunc made, enum cell_kind kind)
{
    static char *names[] = {"ctx", NULL};
    PyObject *ctx; /* multiprocessing's; nothing depends on it */
    if (!handle_no_arguments(args, kwargs)) {
        if (!handle_arguments(type, made, &args, &kwargs)) return NULL;
        if (PyTuple_Size(args) > 0) return PyErr_Format(PyExc_TypeError, "a lock takes no arguments");
        if (kwargs && !PyArg_ParseTupleAndKeywords(args, kwargs, "|$O", names, &ctx)) return NULL;
    }
    PyObject *self = handle_create(type, kind, sizeof(struct lock));
    if (self) lock_of(self)->reentrant = kind == CELL_RLOCK;
    return self;
}

static PyObject *lock_new(PyTypeObject *type, PyObject *args, PyObject *kwargs)
{
    return lock_new_kind(type, args, kwargs, lock_new, CELL_LOCK);
}

static PyObject *rlock_new(PyTypeObject *type, PyObject *args, PyObject *kwargs)
{
    return lock_new_kind(type, args, kwargs, rlock_new, CELL_RLOCK);
}

static const char acquire_doc[] =
    "acquire($self, /, block=True, timeout=None)\n--\n\n"
    "Take the lock, waiting for it.  A signal handler that raises interrupts the wait.\n\n"
    ":param block: whether to wait; threading's name `blocking` serves too.\n"
    ":param timeout: seconds; None, and threading's -1, waits for ever.\n"
    ":return: whether it was taken; False when the time was up.\n"
    ":raises OwnerDied: if its owner died and nobody has repaired what it guards.\n"
    ":raises TypeError: if timeout is not a number.";
static const char release_doc[] =
    "release($self, /)\n--\n\n"
    "Let the lock go.  Does not block.\n\n"
    ":raises NotHeldError: if it is free; for an RLock, if this thread does not hold it.\n"
    ":raises OwnerDied: if its owner died and nobody has repaired what it guards.";
static const char locked_doc[] = "locked($self, /)\n--\n\nWhether somebody holds the lock.  Does not block.";

static PyMethodDef methods[] = {
    {"acquire", (PyCFunction)(void (*)(void))py_acquire, METH_FASTCALL | METH_KEYWORDS, acquire_doc},
    {"release", py_release, METH_NOARGS, release_doc},
    {"locked", py_locked, METH_NOARGS, locked_doc},
    {"_observe", py_observe, METH_O, NULL},
    {"_abandoned", py_abandoned, METH_NOARGS, NULL},
    {"_acquire_as", py_acquire_as, METH_O, NULL},
    {"_release_all", py_release_all, METH_NOARGS, NULL},
    {"_restore", py_restore, METH_O, NULL},
    {"_is_owned", py_is_mine, METH_NOARGS, NULL},
    {"_release_owned", py_release_owned, METH_NOARGS, NULL},
    {"_holder", py_holder, METH_NOARGS, NULL},
    {"_holders", py_holders, METH_NOARGS, NULL},
    {"_begin_repair", py_begin_repair, METH_NOARGS, NULL},
    {"_end_repair", py_end_repair, METH_O, NULL},
    {NULL, NULL, 0, NULL},
};
static PyType_Slot lock_slots[] = {{Py_tp_new, lock_new}, {Py_tp_methods, methods}, {0, NULL}};
static PyType_Slot rlock_slots[] = {{Py_tp_new, rlock_new}, {Py_tp_methods, methods}, {0, NULL}};

static const struct cell_field fields[] = {{"state", offsetof(struct lock, state)},
                                           {"parked", offsetof(struct lock, released.parked)},
                                           {"since", offsetof(struct lock, since)},
                                           {NULL, 0}};
static const struct cell_ops lock_ops = {.name = "Lock", .holders = lock_holders, .fields = fields};
static const struct cell_ops rlock_ops = {.name = "RLock", .holders = lock_holders, .fields = fields};

bool lock_register(PyObject *module)
{
    cell_ops[CELL_LOCK] = &lock_ops;
    cell_ops[CELL_RLOCK] = &rlock_ops;
    int size = sizeof(handle_object);
    lock_type = handle_type(module, "processing_core._kernel.Lock", CELL_LOCK, size, lock_slots, true);
    rlock_type = handle_type(module, "processing_core._kernel.RLock", CELL_RLOCK, size, rlock_slots, true);
    return lock_type && rlock_type && bound_add(lock_type, "__enter__", py_enter)
        && bound_add(lock_type, "__exit__", py_exit) && bound_add(rlock_type, "__enter__", py_enter)
        && bound_add(rlock_type, "__exit__", py_exit);
}
