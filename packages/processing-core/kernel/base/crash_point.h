#ifndef PROCESSING_CRASH_POINT_H
#define PROCESSING_CRASH_POINT_H

/* Crash points: in the test-only build, `crash_point()` counts, and kills this process at the armed count.
 * They stand before and after every store that recovery has to reason about. */
#ifdef PROCESSING_CRASH_POINTS
void crash_point(void);
#else
static inline void crash_point(void) {}
#endif

#endif
