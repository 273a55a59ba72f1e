/* The doorbell of a pipe: a system pipe beside the ring, so that a process that waits for descriptors can wait for
 * messages.
 *
 *     sender                                         receivers
 *     ring  ───────── messages ────────────────────▶
 * doorbell ──────── a byte, while it matters ────▶ the descriptor that `fileno` names
 *
 * The senders of one direction hold the doorbell's writing end, its receivers the reading end. So the system itself
 * reports when the last process of either side is gone, however it ended: POLLHUP here, POLLERR there.
 *
 * `doorbell` is two bits, changed only by the holder of the ring's put_lock:
 *     DOORBELL_ARMED   the next put must write a byte first
 *     DOORBELL_RUNG    there may be a byte to be read
 * Both are 0 until a receiver sleeps for the first time: as long as receivers find messages by spinning, no process
 * makes a system call.
 *
 * Invariants, for every process that sees put_lock free, or taken from the dead and repaired (`doorbell_assume_rung`):
 *   (1) if `doorbell` is not 0 and a message is in the ring, a byte is in the doorbell.
 *   (2) if a byte is in the doorbell, DOORBELL_RUNG is set.
 *
 * (1): a put that finds DOORBELL_ARMED writes the byte before it stores `tail`. `doorbell_arm` and `polling_begin` read
 * bytes away only if the ring is empty, and no put can begin meanwhile. Consumers only make the ring emptier. So no
 * receiver sleeps on the descriptor while there is a message, and no message remains unnoticed until the next one. So
 * these sleeps need no slices.
 *
 * | killed                          | leaves                             | who mends it                              |
 * |---------------------------------|------------------------------------|-------------------------------------------|
 * | sender, before the byte         | the ring as it was                 | nothing to do                             |
 * | after it, before `tail`         | a byte without a message; not RUNG | the lock comes from the dead: both bits   |
 * |                                 |                                    | are set; a receiver that wakes finds      |
 * |                                 |                                    | nothing, reads the byte and sleeps again  |
 * | after `tail`                    | a byte and a message               | nothing to do                             |
 * | receiver, in `doorbell_arm`     | perhaps neither byte nor ARMED     | both bits are set: the next put rings     |
 * | receiver, after its message     | if polled, a byte without one      | the next `poll`, `recv` or `wait`         |
 *
 * Polled: a program has called `fileno`, and may select on it at any time. From then on the receiver that empties the
 * ring reads the byte away at once, so the descriptor is readable exactly while there is a message or the end. This
 * costs the sender a system call whenever the ring was empty, and the receiver one whenever it becomes empty, none in
 * between. A process that begins to poll writes, if there are messages and no byte, the first byte itself: a receiver
 * has no writing end, but the system lets it open one for a moment. If the system does not (without /proc), polling
 * begins while the ring is empty: when the pipe is made.
 *   A receiver's store of `head` and load of `polled`, and the poller's store of `polled` and load of `head`, are
 * sequentially consistent: the receiver reads the byte away, or the poller sees the ring empty. */
#ifndef PROCESSING_DOORBELL_H
#define PROCESSING_DOORBELL_H

#include "base/kernel.h"

enum { DOORBELL_ARMED = 1, DOORBELL_RUNG = 2 };

/* Under put_lock, before `tail` is stored. */
void doorbell_ring_slow(word32 *doorbell, int fd);
static inline void doorbell_ring(word32 *doorbell, int fd)
{
    if (load_relaxed(doorbell) & DOORBELL_ARMED) doorbell_ring_slow(doorbell, fd);
}
/* Under put_lock, taken from the dead. */
static inline void doorbell_assume_rung(word32 *doorbell)
{
    if (load_relaxed(doorbell)) store_relaxed(doorbell, DOORBELL_ARMED | DOORBELL_RUNG);
}

#endif
