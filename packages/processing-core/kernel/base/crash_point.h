#ifndef PROCESSING_CRASH_POINT_H
#define PROCESSING_CRASH_POINT_H

/* Crash points: in the test-only build, `crash_point()` counts, and kills this process at the armed count.
 * They stand before and after every store that recovery has to reason about. */
#ifdef PROCESSING_CRASH_POINTS
void crash_point(void);
#else
static inline void crash_point(void) {}
#endif

/* Preemption points: in the same build, `preemption_point()` calls what the test has set, which does what other
 * processes and threads may do at that moment.  They stand between the reads of an algorithm that holds no lock. */
#ifdef PROCESSING_CRASH_POINTS
void preemption_point(void);
#else
static inline void preemption_point(void) {}
#endif

#endif
