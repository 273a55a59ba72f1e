/* Ears: how `wait` hears of a put into a queue, which has no descriptor, while it waits for descriptors.
 *
 * An ear is a datagram socket at an address that the whole family knows: it follows from the family, the listener and
 * the ear's place in the header's table.  Whoever puts into a queue that is `heeded` sends a datagram to every ear in the
 * table; who hears one looks at its queues again.  So a queue takes no descriptor, and a put makes system calls only
 * while somebody waits so.
 *
 *     listener:  ears[i] = me; heeded = 1;  is there a message?  else sleep on the ear, at most a slice
 *     producer:  publish; unlock the queue (a full barrier);  was heeded 1?  set it 0, and call every ear
 *
 * All are sequentially consistent: the listener sees the message, or the producer sees `heeded`, and the ear, which was
 * in the table before.  Of several producers one calls; the listener heeds anew before it looks again.
 *
 * A producer that is killed before it has called costs the listeners a slice (park.h).  A dead listener's ear stays in
 * the table until somebody wants its place; nobody is at that address, or a child of it which does not care.  When all
 * places are taken, `wait` looks from time to time. */
#ifndef PROCESSING_EARS_H
#define PROCESSING_EARS_H

#include "arena.h"

/* `heeded` is the queue's word, of whatever kind. */
void ears_call_slow(word32 *heeded);
static inline void ears_call(word32 *heeded)
{
    if (atomic_load(heeded)) ears_call_slow(heeded);
}
/* By a listener, before it looks at the queue. */
static inline void ears_heed(word32 *heeded)
{
    atomic_store(heeded, 1);
    atomic_thread_fence(memory_order_seq_cst); /* for the look only acquires */
}

/* -- the platform (ears_<platform>.c) -- */
int platform_ear_make(uint64_t family, owner_id owner, uint32_t place); /* a descriptor, or -1 with errno */
void platform_ear_call(uint64_t family, owner_id owner, uint32_t place);
void platform_ear_drain(int fd);

#endif
