/* Locks that guard this process's own state without a GIL; with a GIL they do nothing.
 *
 * A private lock is held for a few instructions, by a thread that the interpreter counts as running, and never during a
 * call of Python, an allocation by Python, or the entering of a section. So no thread holds one while the interpreter has
 * stopped all others, as it does for a fork: in a child each lock is free, and the state that it guards is consistent.
 * (PyMutex passes itself on to a thread that sleeps; in a child that thread does not exist.)
 *
 * `LOCKED` runs a statement in the critical section of a Python object. Python code may run in it, and the section is left
 * while the thread waits. The statement must not return. */
#ifndef PROCESSING_PRIVATE_LOCK_H
#define PROCESSING_PRIVATE_LOCK_H

#include "base/kernel.h"

#ifdef Py_GIL_DISABLED
#include "platform/compiler.h"

typedef struct {
    word32 taken;
} private_lock;

#define SPINS_BEFORE_YIELD 64 /* the holder may wait for its processor */

static inline void private_lock_take(private_lock *l)
{
    for (int i = 0; exchange(&l->taken, 1); i++)
        if (i % SPINS_BEFORE_YIELD == SPINS_BEFORE_YIELD - 1) platform_yield();
        else cpu_relax();
}

static inline void private_lock_release(private_lock *l) { store_release(&l->taken, 0); }

#define LOCKED(object, statement)                                                                                      \
    do {                                                                                                               \
        Py_BEGIN_CRITICAL_SECTION(object);                                                                             \
        statement;                                                                                                     \
        Py_END_CRITICAL_SECTION();                                                                                     \
    } while (0)

/* Another thread may be about to use what was replaced, so it stays: it is replaced once, or a few times. */
static inline void drop_replaced(PyObject *old) { (void)old; }

#else
typedef char private_lock;
static inline void private_lock_take(private_lock *l) { (void)l; }
static inline void private_lock_release(private_lock *l) { (void)l; }
#define LOCKED(object, statement)                                                                                      \
    do {                                                                                                               \
        statement;                                                                                                     \
    } while (0)
static inline void drop_replaced(PyObject *old) { Py_XDECREF(old); }
#endif

#endif
