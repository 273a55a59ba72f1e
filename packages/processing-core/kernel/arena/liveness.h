/* Which members of the family are alive. */
#ifndef PROCESSING_LIVENESS_H
#define PROCESSING_LIVENESS_H

#include "arena/arena.h"

/* Whether that member can still act on the arena.  Takes 0.5 us for the living, tens for the dead. */
bool member_alive(owner_id who);

#endif
