/* Which members hold how many permits. */
#ifndef PROCESSING_HOLDERS_H
#define PROCESSING_HOLDERS_H

#include "arena/arena.h"

struct tally {
    owner_id who;
    uint32_t permits;
};
#define TALLIES 64 /* more holders than these are not listed */
void tally_add(struct tally *tallies, owner_id who);
/* [((pid, name), alive, permits, None, False), ...] */
PyObject *tally_rows(const struct tally *tallies);

#endif
