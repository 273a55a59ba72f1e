/* The waiters of a condition: see condition.c for the argument. */
#ifndef PROCESSING_CONDITION_H
#define PROCESSING_CONDITION_H

#include "sync/lock.h"

#define NOTIFIED 1ull

struct waiter {
    word64 owner;    /* owner_id, 0: free; CAS from 0 by its taker, from a dead owner by any member */
    word64 ticket;   /* from 0 by the owner under the lock; else see the rule above */
    word64 horizon;  /* written before NOTIFIED, in the same section; read in sections */
    word32 parked;   /* event count of the one thread that waits here */
    word32 observer; /* its slot + 1, where a task waits instead; 0: none.  Taken by the notifier */
};

#define FIRST_WAITERS 7
struct condition {
    word64 next_ticket; /* added to under the lock; read by notifiers, who hold it */
    word64 chunks;      /* offset of the newest chunk of further entries; release, pairs with the walk's acquire */
    uint64_t spare[2];
    struct waiter first[FIRST_WAITERS];
};

#define CHUNK_WAITERS 63
struct waiter_chunk {
    word64 next; /* the chunk made before it: these are the cell's chain of blocks */
    uint64_t spare[3];
    struct waiter waiters[CHUNK_WAITERS];
};
_Static_assert(sizeof(struct waiter_chunk) == 2048, "a chunk of waiters is a slab object");

typedef struct {
    handle_object handle;
    PyObject *lock; /* a Lock or RLock; NULL while unpickling */
} condition_object;

static inline struct condition *condition_of(PyObject *self) { return ((handle_object *)self)->block; }
static inline PyObject *condition_lock(PyObject *self) { return ((condition_object *)self)->lock; }

/* An entry for a thread or a task; the lock is held. */
outcome waiter_take(PyObject *self, struct waiter **w);
/* How the wait ended, by `o` and finally by the ticket: OK if notified, BUSY if not; E_STALE: it has not left, because
 * what was read has been undone since. */
outcome waiter_leave(struct waiter *w, outcome o);
/* Leave with an exception: a notification passes on. */
void waiter_abandon(struct condition *c, struct waiter *w);
/* This process's entry at an offset; NULL with an exception. */
struct waiter *waiter_find(PyObject *self, uint64_t offset);
/* Pass on what dead processes were notified of. */
void condition_pass_on_dead(struct condition *c, bool has_gil);
/* Ready to wait or notify: the lock is there and held; false with an exception. */
bool condition_held(PyObject *self, const char *what);

#endif
