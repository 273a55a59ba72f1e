/* The references that members count: tables in the arena that outlive their members. */
#ifndef PROCESSING_REFERENCES_H
#define PROCESSING_REFERENCES_H

#include "cells/kinds.h"

/* An entry of a member's reference table.  While the member lives, only the member writes it; when the member is dead,
 * only the recovery does.  `ref` is the cell whose count includes this entry, 0 if the entry is free.
 *
 * `transfer` makes the entry a transfer record: the reference passes between this member and a ring.  While it is
 * not 0, who owns the reference is decided by the ring's position against `position`:
 *     PUTTING: the ring owns it once tail > position, else the member does;
 *     GETTING: the member owns it once head > position, else the ring does.
 * Order: position and transfer are stored before ref when an entry becomes a record, ref is cleared before transfer
 * when it ends; the release store of the ring's tail or head comes between. */
struct reference {
    word64 ref;
    word64 transfer; /* TRANSFER_* << 32 | index of the ring's cell */
    word64 position;
    uint64_t spare;
};
enum { TRANSFER_NONE, TRANSFER_PUTTING, TRANSFER_GETTING };

#define CHUNK_ENTRIES 127
struct chunk {
    word64 next;
    uint64_t spare[3];
    struct reference entries[CHUNK_ENTRIES];
};
_Static_assert(sizeof(struct chunk) == ARENA_PAGE, "a chunk of references is a page");

/* -- this process's entries, by number (a fork's child finds its own copy under the same number); call with the GIL
 * -- */
typedef uint32_t refno;
#define NO_REF UINT32_MAX
outcome reference_reserve(refno *n);
bool reference_return(refno n); /* its ref must be 0; true: call `references_shrink` after the section */
struct reference *reference_at(refno n);
bool reference_holds(refno n, cell_id id);
void references_shrink(void);    /* free chunks that the entries do not need; outside sections */
void references_take_over(void); /* take over the chunks that this member's slot refers to */

/* -- recovery -- */
void references_recover(struct member *m, owner_id who, bool has_gil); /* drop all that a dead member counted */
outcome references_inherit(struct member *child); /* a copy of this member's references, each counted */

#endif
