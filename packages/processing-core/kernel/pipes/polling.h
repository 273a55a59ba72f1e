/* Waiting for a pipe's messages by its descriptor. */
#ifndef PROCESSING_POLLING_H
#define PROCESSING_POLLING_H

#include "queues/doorbell.h"
#include "queues/ring.h"

/* True: there is a message.  False: there was none, and the next makes `fd` readable.  Without the GIL. */
bool doorbell_arm(struct ring *r, int fd);
/* From now on `fd` is readable exactly while there is a message, or the end.  Without the GIL; E_SYSTEM with errno. */
outcome polling_begin(struct ring *r, int fd);
/* By a receiver that has taken a message. */
static inline bool doorbell_is_stale(struct ring *r) { return load(&r->polled) && ring_empty(r); }

#endif
