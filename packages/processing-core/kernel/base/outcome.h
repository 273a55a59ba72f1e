/* What functions return that hold no GIL and so can raise nothing. */
#ifndef PROCESSING_OUTCOME_H
#define PROCESSING_OUTCOME_H

/* `raise_outcome` (errors.h) turns the negative ones into exceptions. */
typedef enum {
    OK = 0,
    BUSY = 1,           /* not now: wait, or (in a fast path) take the slow one */
    E_NOMEM = -1,       /* the arena's cap, the system's memory or a table is exhausted */
    E_STALE = -2,       /* the cell is gone, or another has its index */
    E_KIND = -3,        /* the cell is of another kind */
    E_FORKED = -4,      /* this process was forked behind the kernel's back */
    E_NOFAMILY = -5,    /* this process is no member of a family */
    E_SYSTEM = -6,      /* errno says why */
    E_DESCRIPTOR = -12, /* the program has closed the arena's */
    E_FULL_TABLE = -7,  /* the member table has no free slot */
    E_OWNER_DIED = -8,  /* the owner of a lock died; the state it guards was not repaired */
    E_CLOSED = -9,      /* the object was closed */
    E_SIGNAL = -10,     /* a Python exception is set (a signal handler raised) */
    E_RANGE = -11,      /* this process reserved too little address space for that block */
} outcome;

#endif
