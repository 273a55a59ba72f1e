/* Observers: how `wait`, while it waits for descriptors, is notified of a put into a queue, which has no descriptor.
 *
 * An observer is a datagram socket at an address that the whole family knows: it is computed from the family,
 * the listener and the observer's slot in the header's table. A process that puts into a queue that is `watched` sends
 * a datagram to every observer in the table; a process that receives one looks at its queues again. So a queue needs no
 * descriptor, and a put makes system calls only while a process waits in this way.
 *
 *     listener:  observers[i] = me; watched = 1;  is there a message?  else sleep on the observer, at most a slice
 *     producer:  publish; unlock the queue (a full barrier);  was watched 1?  set it 0, and notify every observer
 *
 * All are sequentially consistent: the listener sees the message, or the producer sees `watched`, and then the
 * observer, which was put into the table before. Of several producers one notifies; the listener sets `watched` again
 * before it looks again.
 *
 * If a producer is killed before it has notified, the listeners find the message at the end of their slice (spin.h). A
 * dead listener's observer stays in the table until another listener needs its slot; datagrams to its address reach no
 * process, or a child of the listener, which ignores them. When all slots are taken, `wait` looks from time to time. */
#ifndef PROCESSING_OBSERVERS_H
#define PROCESSING_OBSERVERS_H

#include "arena/arena.h"

/* `watched` is the queue's word, of whatever kind. */
void observers_notify_slow(word32 *watched);
static inline void observers_notify(word32 *watched)
{
    if (load(watched)) observers_notify_slow(watched);
}
/* By a listener, before it looks at the queue. */
static inline void observers_watch(word32 *watched)
{
    store(watched, 1);
    fence_full(); /* because the look at the queue only acquires */
}

#endif
