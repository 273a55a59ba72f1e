/* The bell of a pipe: a system pipe beside the ring, so that what waits for descriptors can wait for messages.
 *
 *     sender                                         receivers
 *     ring  ───────── messages ────────────────────▶
 *     bell  ───────── a byte, while it matters ────▶ the descriptor that `fileno` names
 *
 * The senders of one direction hold the bell's writing end, its receivers the reading end.  So the system itself tells
 * when the last of either side is gone, however it went: POLLHUP here, POLLERR there.
 *
 * `bell` is two bits, changed only by who holds the ring's put_guard:
 *     BELL_CALL    the next put must write a byte first
 *     BELL_BYTE    there may be a byte to be read
 * 0 until somebody sleeps for the first time: as long as receivers find messages by spinning nobody makes a system call.
 *
 * Invariants, for all who see put_guard free, or taken from the dead and repaired (`bell_doubt`):
 *   (1) if `bell` is not 0 and a message is in the ring, a byte is in the bell.
 *   (2) if a byte is in the bell, BELL_BYTE is set.
 *
 * (1): a put that finds BELL_CALL writes the byte before it stores `tail`.  `bell_want` and `bell_expose` read bytes away
 * only if the ring is empty, and no put can begin meanwhile.  Consumers only make the ring emptier.  So nobody sleeps on
 * the descriptor while there is a message, and no message waits for a further one to be noticed.  No slices are needed.
 *
 * | killed                          | leaves                            | who mends it                              |
 * |---------------------------------|-----------------------------------|-------------------------------------------|
 * | sender, before the byte         | the ring as it was                | nothing to do                             |
 * | after it, before `tail`         | a byte without a message; no BYTE | the guard comes from the dead: both bits  |
 * |                                 |                                   | are set; who wakes finds nothing, reads   |
 * |                                 |                                   | the byte away and sleeps again            |
 * | after `tail`                    | a byte and a message              | nothing to do                             |
 * | receiver, in `bell_want`        | perhaps neither byte nor CALL     | both bits are set: the next put rings     |
 * | receiver, after its message     | if exposed, a byte without one    | the next `poll`, `recv` or `wait`         |
 *
 * Exposed: somebody asked for `fileno`, and selects on it without telling us.  From then on the receiver who empties the
 * ring reads the byte away at once, so the descriptor is readable exactly while there is something; a system call by
 * the sender whenever the ring was empty, one by the receiver whenever it becomes empty, none in between.  Who exposes
 * writes, if there are messages and no byte, the first byte itself: a receiver has no writing end, but the system lets
 * it open one for the moment.
 *   A receiver's store of `head` and load of `exposed`, and the exposer's store of `exposed` and load of `head`, are
 * sequentially consistent: the receiver reads the byte away, or the exposer sees the ring empty. */
#ifndef PROCESSING_BELL_H
#define PROCESSING_BELL_H

#include "ring.h"

enum { BELL_CALL = 1, BELL_BYTE = 2 };

/* Under put_guard, before `tail` is stored. */
void bell_toll_slow(struct ring *r, int fd);
static inline void bell_toll(struct ring *r, int fd)
{
    if (load_relaxed(&r->bell) & BELL_CALL) bell_toll_slow(r, fd);
}
/* Under put_guard, taken from the dead. */
static inline void bell_doubt(struct ring *r)
{
    if (load_relaxed(&r->bell)) store_relaxed(&r->bell, BELL_CALL | BELL_BYTE);
}

/* True: there is a message.  False: there was none, and the next makes `fd` readable.  Without the GIL. */
bool bell_want(struct ring *r, int fd);
/* From now on `fd` is readable exactly while there is a message, or the end.  Without the GIL; E_SYSTEM with errno. */
outcome bell_expose(struct ring *r, int fd);
/* By a receiver that has taken a message. */
static inline bool bell_stale(struct ring *r) { return atomic_load(&r->exposed) && ring_empty(r); }

/* -- the platform (bell_<platform>.c) -- */
outcome platform_bell_make(int fds[2]); /* reading end, writing end; E_SYSTEM with errno */
void platform_bell_ring(int fd);
bool platform_bell_ring_own(int reading); /* a byte into the bell whose reading end this is; false with errno */
void platform_bell_drain(int fd);
enum { BELL_READABLE = 1, BELL_HUNG_UP = 2, BELL_CLOSED = 4, BELL_INTERRUPTED = 8 };
int platform_bell_sleep(int reading, int64_t deadline_ns); /* until it is readable or hung up; 0 at the deadline */
/* Whether no reading end of this bell is left, or the other bell of a duplex pipe (or -1) has hung up: the system closes
 * the descriptors of a killed process one after another. */
bool platform_bell_unheard(int writing, int reading);

#endif
