/* Waiting for something: spinning while that pays, then sleeping on an event count. */
#ifndef PROCESSING_SPIN_H
#define PROCESSING_SPIN_H

#include "arena/event_count.h"
#include "arena/wait_record.h"

/* The longest sleep between two tests of the predicate; shorter in the tests that kill the other side all the time. */
#ifdef PROCESSING_CRASH_POINTS
#define SLICE_NS 4000000ll
#else
#define SLICE_NS 400000000ll
#endif

/* Whether spinning has succeeded recently, kept for each process and object.  Spinning is worth its CPU time only if
 * another processor can make the predicate true meanwhile.  Threads write it without the GIL, relaxed: a lost change
 * only makes the estimate less exact. */
struct spin {
    word16 credit; /* 0 .. SPIN_CREDIT; spins happen while positive */
    word16 skipped;
};
#define SPIN_CREDIT 8

/* Try something until it is done. `attempt(ctx, look)` runs without the GIL, perhaps many times. `look` is true before
 * the first sleep and then once a slice: it also tests then whether the process that it waits for is alive. BUSY goes
 * on waiting; anything else ends the wait. Returns what the attempt returned, BUSY at the deadline, or E_SIGNAL. */
typedef outcome (*attempt_fn)(void *ctx, bool look);
outcome park_until(word32 *w, struct spin *spin, attempt_fn attempt, void *ctx, int64_t deadline);
/* The same, for room in a queue, which is said to those who look where this thread waits. */
outcome park_until_room(word32 *w, struct spin *spin, attempt_fn attempt, void *ctx, int64_t deadline,
                        struct room wanted);

/* The parts of park_until, for callers that sleep on something else than a word afterwards.  Each returns what the
 * attempt returned, or BUSY: park_spin after spinning, park_briefly at the time `until`.  The caller has released the
 * GIL; no signal handler runs. */
outcome park_spin(struct spin *spin, attempt_fn attempt, void *ctx);
outcome park_briefly(word32 *w, attempt_fn attempt, void *ctx, int64_t until);

/* `park_until` for many waiters and items of which each serves one waiter: only one waiter spins, and has put its owner
 * id in `spinner`; the others park.  A producer need not wake a parked waiter if there is a spinner
 * (`observable_wake_unless`, observers.h): when the spinner has taken an item, it wakes a parked waiter if there is another item
 * (`ring_pass_on`).  (Measured on 2 processors: a call to a pool of 4 to 16 workers takes 5 us, and 8 to 10 us when all
 * spin; of two workers, 5.0 and 4.7 us.)
 *
 * No lost wake-up: the producer's store of the item and its load of `spinner`, and the spinner's clearing of `spinner`
 * and its test after that, are sequentially consistent.  If the producer saw the spinner, the spinner's last test sees
 * the item.  If the spinner died, any waiter that tests its liveness clears `spinner` (`park_look`); until then, at
 * most a slice, the parked waiters sleep on. */
outcome park_until_alone(word32 *w, word64 *spinner, struct spin *spin, attempt_fn attempt, void *ctx,
                         int64_t deadline);
void park_look(word64 *spinner);

#endif
