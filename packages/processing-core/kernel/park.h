/* Parking: waiting across processes on a word in the arena.
 *
 * An *event count* is a 32-bit word: bit 0 says that somebody may be parked on it, the rest counts wakes.
 *
 *   waiter:  ticket = park_prepare(w); test the predicate; park_sleep(w, ticket, ...)
 *   waker:   make the predicate true; park_wake(w, n)
 *
 * No lost wake-up: prepare's read-modify-write and the test after it, and the predicate's store and wake's load
 * after it, are all sequentially consistent.  So either the waiter's test sees the predicate true, or the
 * waker's load sees bit 0 (or a word the waiter changed) and advances the word, and the sleep returns at once.
 *
 * Wakes are hints all the same: a woken waiter may be dead.  Every sleep ends after at most one slice, and its
 * caller tests again the predicate, signals, and the life of whom it waits for.
 */
#ifndef PROCESSING_PARK_H
#define PROCESSING_PARK_H

#include "kernel.h"

/* The longest sleep between two looks at the predicate; where the other side is killed all the time, shorter. */
#ifdef PROCESSING_CRASH_POINTS
#define SLICE_NS 4000000ll
#else
#define SLICE_NS 400000000ll
#endif
#define ALL_WAITERS 0x7fffffff

/* -- the platform (park_<platform>.c) -- */
enum { WOKEN, TIMED_OUT, INTERRUPTED };
int platform_park(word32 *word, uint32_t expected, int64_t deadline_ns);
int platform_wake(word32 *word, int n); /* how many were parked; -1 if the platform cannot tell */

/* -- event counts -- */
uint32_t park_prepare(word32 *w);
void park_wake_slow(word32 *w, int n);
static inline void park_wake(word32 *w, int n)
{
    if (atomic_load(w) & 1) park_wake_slow(w, n);
}

/* How long spinning has paid of late, kept per process and object.  A spin is worth its CPU only where another
 * processor can make the predicate true meanwhile.  Threads write it without the GIL, relaxed: it matters to nobody if
 * a change is lost. */
struct spin {
    _Atomic int16_t credit; /* 0 .. SPIN_CREDIT; spins happen while positive */
    _Atomic uint16_t skipped;
};
#define SPIN_CREDIT 8

/* Try something until it is done.  `attempt(ctx, look)` runs without the GIL, after the first call possibly often;
 * `look` is true once a slice: then it also tests whether whom it waits for is alive.  It returns BUSY to go on
 * waiting; anything else ends the wait. Returns what the attempt returned, BUSY at the deadline, or E_SIGNAL. */
typedef outcome (*attempt_fn)(void *ctx, bool look);
outcome park_until(word32 *w, struct spin *spin, attempt_fn attempt, void *ctx, int64_t deadline);

/* Its parts, for those who then sleep on something else than a word: what was attempted, or BUSY after spinning, or
 * at the time `until` of a short sleep.  Without the GIL; no signal handler runs. */
outcome park_spin(struct spin *spin, attempt_fn attempt, void *ctx);
outcome park_briefly(word32 *w, attempt_fn attempt, void *ctx, int64_t until);

/* `park_until` where many wait for things of which each serves one: only one of them spins, who has put its owner id in
 * `spinner`; the others park.  Whoever makes a thing may leave the wake to a spinner (`park_wake_unless`), who then,
 * having taken one thing, wakes a parked one if there is another (`park_pass_on`).  (Measured on 2 processors: a
 * call to a pool of 4 to 16 workers takes 5 us, and 8 to 10 us when all spin; of two workers, 5.0 and 4.7 us.)
 *
 * No lost wake-up: the maker's store of the thing and its load of `spinner`, the spinner's clearing of it and the test
 * after it, are sequentially consistent.  If the maker saw the spinner, the spinner's last test sees the thing.
 * A spinner that died is cleared by whoever looks: until then, at most a slice, the parked wait. */
outcome park_until_alone(word32 *w, word64 *spinner, struct spin *spin, attempt_fn attempt, void *ctx, int64_t deadline);
static inline void park_wake_unless(word32 *w, word64 *spinner)
{
    if (atomic_load(w) & 1 && atomic_load(spinner) == 0) park_wake_slow(w, 1);
}
void park_look(word64 *spinner);

/* -- guards: the kernel's own locks (guard.c) -- */

/* A guard is a word that holds its owner's id.  What it guards can be put right by whoever takes it from the
 * dead: `guard_lock` says so.  Held only for a bounded number of instructions of C, never across a Python call;
 * a holder sleeps only for the arena lock, which comes last in the order. */
enum { GUARD_TAKEN, GUARD_FROM_DEAD };
static inline bool guard_try(word64 *guard, uint64_t self)
{
    return load_relaxed(guard) == 0 && cas64(guard, 0, self);
}
int guard_lock(word64 *guard, word32 *parked);
/* If the holder is dead take it over: GUARD_FROM_DEAD, else -1. */
int guard_take_from_dead(word64 *guard);
static inline void guard_unlock(word64 *guard, word32 *parked)
{
    atomic_exchange(guard, 0); /* full barrier: pairs with park_prepare */
    park_wake(parked, 1);
}

#endif
