/* What every file of the kernel shares: words, time, errors and crash points.
 *
 * Vocabulary: a *family* of processes shares one *arena*; a *member* has a *serial* and a slot; what can
 * be shared is a *cell*; a Python object that refers to one is a *handle*.  README.md has the whole map.
 */
#ifndef PROCESSING_KERNEL_H
#define PROCESSING_KERNEL_H

#define PY_SSIZE_T_CLEAN
#include <Python.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

/* The headers of CPython 3.12 and 3.13.0 return the singletons uncounted even where 3.11's stable ABI is asked for, and
 * 3.11 ends them: what was built there must run here. */
#undef Py_RETURN_NONE
#undef Py_RETURN_TRUE
#undef Py_RETURN_FALSE
#undef Py_RETURN_NOTIMPLEMENTED
#define Py_RETURN_NONE return Py_NewRef(Py_None)
#define Py_RETURN_TRUE return Py_NewRef(Py_True)
#define Py_RETURN_FALSE return Py_NewRef(Py_False)
#define Py_RETURN_NOTIMPLEMENTED return Py_NewRef(Py_NotImplemented)

/* A word in the arena.  Plain loads and stores of it are sequentially consistent; where less is enough the
 * code says which weaker order it uses and what that pairs with. */
typedef _Atomic uint64_t word64;
typedef _Atomic uint32_t word32;

#define load_relaxed(w) atomic_load_explicit((w), memory_order_relaxed)
#define load_acquire(w) atomic_load_explicit((w), memory_order_acquire)
#define store_relaxed(w, v) atomic_store_explicit((w), (v), memory_order_relaxed)
#define store_release(w, v) atomic_store_explicit((w), (v), memory_order_release)

static inline bool cas64(word64 *w, uint64_t expected, uint64_t desired)
{
    return atomic_compare_exchange_strong(w, &expected, desired);
}

static inline bool cas32(word32 *w, uint32_t expected, uint32_t desired)
{
    return atomic_compare_exchange_strong(w, &expected, desired);
}

static inline void cpu_relax(void)
{
#if defined(__x86_64__) || defined(__i386__)
    __builtin_ia32_pause();
#elif defined(__aarch64__)
    __asm__ __volatile__("yield");
#endif
}

#define LARGE (1u << 20) /* bytes from which on copying, committing and zeroing are done without the GIL */

/* With the GIL, which is released meanwhile if there is much to copy. */
static inline void copy_bytes(void *to, const void *from, size_t n)
{
    PyThreadState *thread = n >= LARGE ? PyEval_SaveThread() : NULL;
    memcpy(to, from, n);
    if (thread) PyEval_RestoreThread(thread);
}

/* Outcomes of functions that hold no GIL and so can raise nothing; `raise_outcome` turns them into exceptions. */
typedef enum {
    OK = 0,
    BUSY = 1,          /* not now: wait, or (in a fast path) take the slow one */
    E_NOMEM = -1,      /* the arena's cap, the system's memory or a table is exhausted */
    E_STALE = -2,      /* the cell is gone, or another has its index */
    E_KIND = -3,       /* the cell is of another kind */
    E_FORKED = -4,     /* this process was forked behind the kernel's back */
    E_NOFAMILY = -5,   /* this process is no member of a family */
    E_SYSTEM = -6,     /* errno says why */
    E_FULL_TABLE = -7, /* the member table has no free slot */
    E_OWNER_DIED = -8, /* the owner of a lock died; the state it guards was not repaired */
    E_CLOSED = -9,     /* the object was closed */
    E_SIGNAL = -10,    /* a Python exception is set (a signal handler raised) */
    E_RANGE = -11,     /* this process reserved too little address space for that block */
} outcome;

/* Set the exception for a negative outcome; always returns NULL. */
PyObject *raise_outcome(outcome o);
extern PyObject *error_handle, *error_owner_died, *error_fork, *error_not_held, *error_closed;

/* Crash points: in the test-only build, `crash_point()` counts, and kills this process at the armed count.
 * They stand before and after every store that recovery has to reason about. */
#ifdef PROCESSING_CRASH_POINTS
void crash_point(void);
#else
static inline void crash_point(void) {}
#endif

/* Parsing of what every blocking call takes. `*deadline` is absolute monotonic ns; NO_DEADLINE waits for ever. */
#define NO_DEADLINE INT64_MAX
int64_t monotonic_ns(void);
int64_t coarse_ns(void); /* the same clock, some ms late and five times as fast */
bool parse_timeout(PyObject *timeout, int64_t *deadline); /* false: exception set */
/* (block=True, timeout=None) as threading and multiprocessing spell them, from a fast call's arguments. */
bool parse_blocking(const char *name, PyObject *const *args, Py_ssize_t nargs, PyObject *kwnames, Py_ssize_t skip,
                    int64_t *deadline);
/* The same for queues, where a negative timeout does not wait (threading's locks wait for ever at -1). */
bool parse_waiting(const char *name, PyObject *const *args, Py_ssize_t nargs, PyObject *kwnames, Py_ssize_t skip,
                   int64_t *deadline);
/* And with the keyword copy=False. */
bool parse_getting(const char *name, PyObject *const *args, Py_ssize_t nargs, PyObject *kwnames, Py_ssize_t skip,
                   int64_t *deadline, bool *copy);

/* One registration function per file that defines Python types or functions. */
bool environment_register(PyObject *module);
bool spare_register(PyObject *module);
bool immortal_register(PyObject *module);
bool signals_register(PyObject *module);
bool member_register(PyObject *module);
bool handle_register(PyObject *module);
bool lock_register(PyObject *module);
bool semaphore_register(PyObject *module);
bool event_register(PyObject *module);
bool condition_register(PyObject *module);
bool value_register(PyObject *module);
bool block_register(PyObject *module);
bool codec_register(PyObject *module);
bool parcel_register(PyObject *module);
bool queue_register(PyObject *module);
bool pipe_register(PyObject *module);
bool ears_register(PyObject *module);
bool pile_register(PyObject *module);
bool claims_register(PyObject *module);
bool check_register(PyObject *module);
bool survey_register(PyObject *module);
bool crash_register(PyObject *module);

#endif
