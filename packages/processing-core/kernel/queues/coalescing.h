/* Coalescing: one wait for several messages.
 *
 * A consumer that is quicker than its producer finds the ring empty after each message, and a producer that is quicker
 * than its consumer finds it full.  If it then looks for the next message, or for room, without a break, the two sides
 * take each other's cache lines away at each message (measured on 2 processors: an int takes 320 ns, of which the
 * producer needs 150).  So the side that waits pauses before it looks, and meanwhile the other one goes on.
 *
 * Where processes take turns, a pause only delays them.  Which of the two it is, is found by a trial: after a number of
 * waits, some are timed without pauses and then some with.  The pauses remain if a message takes less with them, and then
 * there is another trial soon; else the next trial is twice as far away. */
#ifndef PROCESSING_COALESCING_H
#define PROCESSING_COALESCING_H

#include "base/kernel.h"
#include "platform/atomics.h"
#include "platform/compiler.h"

/* Of one side of a ring, kept for each process and object; zero at first.  Threads write it without the GIL, relaxed: a
 * lost change only makes the estimate less exact. */
struct coalescing {
    word16 waits; /* that are left of this phase */
    word16 phase, failed_trials;
    word16 pauses;         /* whether waits begin with a pause */
    word64 number, since;  /* the message at which the phase began, and when: monotonic ns */
    word64 without_pauses; /* ns that a message took */
};

SELDOM_CALLED void coalescing_spin(void);
SELDOM_CALLED void coalescing_next_phase(struct coalescing *c, uint64_t number);

/* By each attempt of a wait, without the GIL: the first one pauses, if that pays.  `*c` is NULL after it, or always, if
 * there is to be no pause. */
static inline void coalescing_pause(struct coalescing **c)
{
    if (!*c) return;
    if (load_relaxed(&(*c)->pauses)) coalescing_spin();
    *c = NULL;
}

/* The caller has waited, and has put or got message `number`. */
static inline void coalescing_passed(struct coalescing *c, uint64_t number)
{
    uint16_t waits = load_relaxed(&c->waits);
    if (waits > 1) store_relaxed(&c->waits, waits - 1);
    else coalescing_next_phase(c, number);
}

#endif
