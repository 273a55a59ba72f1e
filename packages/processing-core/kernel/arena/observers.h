/* Observers: how a process that does not sleep on a word of the arena, because it waits for descriptors or runs an event
 * loop, is told which of the words that it waits for changed.
 *
 * An *observable* is an event count (event_count.h) with a set of observers: bit `slot % 64` of each.  A waker looks at
 * them only in its slow path, which PARKED or OBSERVED opens: an operation whose event count has neither costs what it
 * costs without observers. Where only observers wait, no thread is woken, which would take two system calls.
 *
 *     observer:  observers |= bit; parked |= OBSERVED; fence;  try again;  sleep on the descriptor
 *     waker:     change; fence; is PARKED or OBSERVED set in `parked`?  wake threads, if PARKED is set;
 *                parked &= ~OBSERVED; set = exchange(observers, 0); tell every observer of the set the observable's key
 *
 * No lost wake-up. All these accesses are sequentially consistent. If the observer's last try does not see the change,
 * the change comes after it in that order, and so after its write of OBSERVED. Either the waker's load sees OBSERVED; then
 * its exchange, which comes later, or another waker's before it, takes the observer's bit. Or another waker has cleared
 * OBSERVED in between, and that one's exchange, which comes after its clearing, or an earlier one, takes the bit. So each
 * registration is told, once. The telling may come before the change that the observer missed; therefore an observer that
 * was told and goes on waiting registers again *before* its last try, to which the same applies.
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
    if (load(&o->parked) & (PARKED | OBSERVED)) observable_wake_slow(o, n, NULL);
}
/* Wake one, unless a consumer spins: see park_until_alone (spin.h), which passes on what it does not take. */
static inline void observable_wake_unless(struct observable *o, word64 *spinner)
{
    fence_after_write();
    if (load(&o->parked) & (PARKED | OBSERVED)) observable_wake_slow(o, 1, spinner);
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
