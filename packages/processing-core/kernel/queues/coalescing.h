/* Coalescing: one wait for several messages.
 *
 * A consumer that is quicker than its producer finds the ring empty after each message, and a producer that is quicker
 * than its consumer finds it full.  If it then looks for the next message, or for room, without a break, the two sides
 * take each other's cache lines away at each message (measured on 2 processors: an int takes 320 ns, of which the
 * producer needs 150).  So the side that waits pauses before it looks, and meanwhile the other one goes on.
 *
 * Whether that pays must be tried, for processes that take turns wait for each message, too.  A wait is short if fewer
 * than COALESCED messages passed since the last one.  After FIRST_TRIAL short waits two waits begin with a pause: the
 * second shows what the first has brought.  The pauses go on while they bring COALESCED messages, and have a credit for
 * some that do not.  After a trial that failed the next one is twice as far away. */
#ifndef PROCESSING_COALESCING_H
#define PROCESSING_COALESCING_H

#include "base/kernel.h"
#include "platform/atomics.h"

#define COALESCED 4

/* Of one side of a ring, kept for each process and object; zero at first.  Threads write it without the GIL, relaxed: a
 * lost change only makes the estimate less exact. */
struct coalescing {
    word64 message;     /* the number of the one that was waited for last */
    word16 short_waits; /* until the next trial */
    word16 pauses;      /* credit: waits begin with a pause while it is positive */
    word16 failed_trials;
};

void coalescing_spin(void);
void coalescing_judge(struct coalescing *c, bool paid);

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
    bool paid = number - load_relaxed(&c->message) >= COALESCED;
    uint16_t waits = load_relaxed(&c->short_waits);
    store_relaxed(&c->message, number);
    if (waits > 0 && !paid) store_relaxed(&c->short_waits, waits - 1);
    else if (waits == 0) coalescing_judge(c, paid);
}

#endif
