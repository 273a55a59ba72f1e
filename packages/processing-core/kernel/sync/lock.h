/* What a condition needs of its lock. */
#ifndef PROCESSING_LOCK_H
#define PROCESSING_LOCK_H

#include "objects/handle.h"

bool lock_check(PyObject *object); /* a Lock or RLock? */
bool lock_held(PyObject *lock);    /* by this process (an RLock: by this thread) */
/* True: taken. False: not until the deadline, or (with *failed) an exception. */
bool lock_take(PyObject *lock, int64_t deadline, bool *failed);
PyObject *lock_give(PyObject *lock); /* None, or NULL with an exception */
bool lock_abandoned(PyObject *lock); /* whether its owner is dead; needs no GIL */
/* Give a held lock up altogether; what lock_restore takes to hold it as deep again. */
uint32_t lock_release_all(PyObject *lock);
bool lock_restore(PyObject *lock, uint32_t depth); /* waits, whatever signals come; false: OwnerDied is set */

#endif
