/* See bell.h for the argument. */
#include "bell.h"

void bell_toll_slow(struct ring *r, int fd)
{
    crash_point();
    platform_bell_ring(fd);
    crash_point();
    store_relaxed(&r->bell, BELL_BYTE);
    crash_point();
}

/* Under put_guard; the ring is empty. */
static void silence(struct ring *r, int fd)
{
    crash_point();
    if (load_relaxed(&r->bell) & BELL_BYTE) platform_bell_drain(fd);
    crash_point();
    store_relaxed(&r->bell, BELL_CALL);
    crash_point();
}

bool bell_want(struct ring *r, int fd)
{
    ring_hold(r);
    bool there = !ring_empty(r);
    if (!there) silence(r, fd);
    ring_let_go(r);
    return there;
}

/* `exposed` comes first, for receivers look at it; who finds it without a bell finds the work of a dead exposer. */
static outcome expose(struct ring *r, int fd)
{
    atomic_store(&r->exposed, 1);
    atomic_thread_fence(memory_order_seq_cst); /* before the look at the ring, which only acquires */
    crash_point();
    if (ring_empty(r)) {
        silence(r, fd);
    } else if (load_relaxed(&r->bell) == 0) {
        if (!platform_bell_ring_own(fd)) {
            atomic_store(&r->exposed, 0);
            return E_SYSTEM;
        }
        crash_point();
        store_release(&r->bell, BELL_BYTE);
    }
    return OK;
}

outcome bell_expose(struct ring *r, int fd)
{
    if (load_acquire(&r->exposed) && load_acquire(&r->bell)) return OK;
    ring_hold(r);
    outcome o = expose(r, fd);
    ring_let_go(r);
    return o;
}
