/* See doorbell.h for the argument. */
#include "pipes/polling.h"

/* Under put_lock; the ring is empty. */
static void clear(struct ring *r, int fd)
{
    crash_point();
    if (load_relaxed(&r->doorbell) & DOORBELL_RUNG) platform_doorbell_drain(fd);
    crash_point();
    store_relaxed(&r->doorbell, DOORBELL_ARMED);
    crash_point();
}

bool doorbell_arm(struct ring *r, int fd)
{
    ring_hold(r);
    bool there = !ring_empty(r);
    if (!there) clear(r, fd);
    ring_let_go(r);
    return there;
}

/* `polled` is stored first, because receivers read it; if a process finds it set without a doorbell, a poller has died
 * in between. */
static outcome begin(struct ring *r, int fd)
{
    store(&r->polled, 1);
    fence_full(); /* before the look at the ring, which only acquires */
    crash_point();
    if (ring_empty(r)) {
        clear(r, fd);
    } else if (load_relaxed(&r->doorbell) == 0) {
        if (!platform_doorbell_ring_own(fd)) {
            store(&r->polled, 0);
            return E_SYSTEM;
        }
        crash_point();
        store_release(&r->doorbell, DOORBELL_RUNG);
    }
    return OK;
}

outcome polling_begin(struct ring *r, int fd)
{
    if (load_acquire(&r->polled) && load_acquire(&r->doorbell)) return OK;
    ring_hold(r);
    outcome o = begin(r, fd);
    ring_let_go(r);
    return o;
}
