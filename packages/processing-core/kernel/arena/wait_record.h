/* Where threads wait that have waited for long, for introspection.
 *
 * A member's page has a record for each of some threads.  A thread takes one when it has waited for a slice, and writes
 * its Python frames there; so nothing of this is on the way of a wait that is shorter.  No other code depends on these
 * words: they need no recovery.  A killed member's records remain; readers compare `taken` with the slot's owner. */
#ifndef PROCESSING_WAIT_RECORD_H
#define PROCESSING_WAIT_RECORD_H

#include "arena/arena.h"

#define THREAD_NAME_SIZE 40

/* Written by its thread; read by any process, which reads `count` before and after: odd while it is written. */
struct wait_record {
    word64 count;
    word64 taken;    /* owner_id of the member, 0: free; CAS by its threads */
    word64 thread;   /* its identity in Python */
    word64 at;       /* offset of the word that it sleeps on; 0: it waits for a process or for something outside */
    word64 target;   /* owner_id of the process that it waits for, or 0 */
    word64 since;    /* monotonic ns, up to a slice too late */
    word64 deadline; /* NO_DEADLINE: for ever */
    word64 looked;   /* when `threads` was counted, monotonic ns; once a slice */
    word64 threads;  /* threads of the process, without those of the library that only wait for orders */
    word64 items;    /* for how many items, and */
    word64 bytes;    /* of how many bytes, a queue shall have room; 0: it waits for something else */
    char name[THREAD_NAME_SIZE];
    char text[RECORD_SIZE - 88 - THREAD_NAME_SIZE]; /* "file:line:function\n" of its frames, the innermost first */
};
_Static_assert(sizeof(struct wait_record) == RECORD_SIZE, "layout of the wait records");

/* All with the GIL.  NULL: there is no free record, or no memory, or the thread is one that waits for orders. */
struct wait_record *wait_record_open(uint64_t at, owner_id target, int64_t since, int64_t deadline);
/* A slice of a wait for a word is over: open a record if there is none, else look. */
struct wait_record *wait_record_slice(struct wait_record *r, word32 *w, int64_t slice, int64_t deadline);
void wait_record_look(struct wait_record *r);
void wait_record_close(struct wait_record *r);
void wait_record_forget(void); /* in a fork's child */

/* The room in a queue that this thread is about to wait for; no room: its wait is over.  Returns what it was before, for
 * a signal handler may wait, too. */
struct room {
    uint64_t items, bytes;
};
struct room wait_record_room(struct room wanted);

#endif
