/* Observers: how a process that does not sleep on a word of the arena, because it waits for descriptors or runs an event
 * loop, is told which of the words that it waits for changed.
 *
 * An *observable* is an event count (event_count.h) with a set of observers: bit `slot % 64` of each.  A waker looks at
 * them only in its slow path, which bit 0 of the event count opens for sleeping threads and for observers alike: an
 * operation whose event count is 0 costs what it costs without observers.
 *
 *     observer:  observers |= bit; park_prepare(parked);  try again;  sleep on the descriptor
 *     waker:     change; park_wake: is bit 0 of `parked` set?  advance `parked` (which may clear bit 0), wake threads;
 *                set = exchange(observers, 0); tell every observer of the set the observable's key
 *
 * No lost wake-up. All these accesses are sequentially consistent, and `park_prepare` and `park_wake` have their fences.
 * If the observer's second try does not see the change, the change comes after it in that order, and so after its write
 * of bit 0. So either the waker's load sees bit 0, and its exchange, which comes later, sees the observer's bit; or
 * another waker has cleared bit 0 in between, and that one's exchange, which comes after its clearing, sees the bit. In
 * that second case the other waker tells the observer after the clearing, and so after the change of the first waker, if
 * that one has seen bit 0; if it has not seen it, then the clearing came before, and the bit was still to be taken by an
 * exchange that comes after the change. Each registration is told at most once: an observer that goes on waiting registers again
 * *before* it tries again.
 *
 * To tell is to put the key (the observable's offset) into the observer's mailbox, and to send a datagram to its address
 * unless `told` says that one is on its way since the observer's last look:
 *
 *     teller:    keys[i] = key; marks |= i;   if exchange(told, owner) != owner: send a datagram
 *     observer:  receive the datagrams;  told = 0;  take the marked keys
 *
 * The teller's exchange and the observer's store are sequentially consistent: the teller that sends no datagram has put
 * its key before the store that it did not see, so the look after that store finds it. When the mailbox is full,
 * `overflow` tells the observer to try all that it waits for. `told` holds an owner, not a flag: a teller that read the
 * slot's earlier owner cannot silence the next one.
 *
 * A process that is killed between its change and the datagram tells nothing. So the observers in event loops watch the
 * other members' lives too, and try again all that they wait for whenever one ends, with KEY_DIED told by the process
 * that reaps it; `wait` looks once a slice. An observer's slot is taken over when its owner is dead; datagrams to a dead
 * one's address reach no process, or a child of it, which ignores them. */
#ifndef PROCESSING_OBSERVERS_H
#define PROCESSING_OBSERVERS_H

#include "arena/arena.h"
#include "arena/event_count.h"

struct observable {
    word32 parked; /* an event count */
    uint32_t spare;
    word64 observers; /* bits slot % 64; set by observers, taken by wakers */
};

/* Keys that are no observable's offset. */
enum { KEY_JOINED = 1, KEY_DIED = 2 };

/* Like park_wake, and tells the observers.  The slow one returns at once if `spinner` names a spinning thread. */
void observable_wake_slow(struct observable *o, int n, word64 *spinner);
static inline void observable_wake(struct observable *o, int n)
{
    fence_after_write();
    if (load(&o->parked) & 1) observable_wake_slow(o, n, NULL);
}
/* Wake one, unless a consumer spins: see park_until_alone (spin.h), which passes on what it does not take. */
static inline void observable_wake_unless(struct observable *o, word64 *spinner)
{
    fence_after_write();
    if (load(&o->parked) & 1) observable_wake_slow(o, 1, spinner);
}
/* Register an observer; the caller tries again afterwards.  Returns the key that it will be told. */
uint64_t observable_watch(struct observable *o, uint32_t slot);

/* Tell one observer, or all of the family. */
void observer_tell(uint32_t slot, uint64_t key);
void observers_tell_all(uint64_t key);

/* By the owner of a slot: begin; take a told key (0: there is none more), of all keys or of the marked ones. */
outcome mailbox_open(uint32_t slot);
bool mailbox_begin(uint32_t slot); /* whether a key was not kept */
uint64_t mailbox_take(uint32_t slot, bool all, uint32_t *at);

#endif
