/* A trace: what this process records of its waits and tasks, in a file that it has mapped, so that a kill loses nothing.
 * Off, it costs a load and a comparison for each wait that is not over at once. */
#ifndef PROCESSING_TRACE_H
#define PROCESSING_TRACE_H

#include "arena/arena.h"

enum { TRACE_WAIT = 1, TRACE_TASK = 2 };
#define TRACE_SHORTEST_WAIT 100000 /* ns: what spinning ends is no wait */

extern word32 trace_on;
static inline bool tracing(void) { return load_relaxed(&trace_on) != 0; }
/* With the GIL. */
void trace_add(uint64_t kind, int64_t begin, int64_t end, uint64_t a, uint64_t b);
void trace_forget(void); /* in a fork's child, which has a file of its own */

#endif
