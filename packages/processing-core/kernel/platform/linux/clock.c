/* Linux: clock_gettime(2). */
#include "platform/posix/system.h"

#include <time.h>

static int64_t read_clock(clockid_t clock)
{
    struct timespec t;
    clock_gettime(clock, &t);
    return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

int64_t monotonic_ns(void) { return read_clock(CLOCK_MONOTONIC); }
int64_t coarse_ns(void) { return read_clock(CLOCK_MONOTONIC_COARSE); }
