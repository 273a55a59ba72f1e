/* Windows: QueryPerformanceCounter, which all processes share. It is read without a system call, so that a coarser clock
 * would save nothing. */
#include "platform/windows/system.h"

int64_t monotonic_ns(void)
{
    static int64_t frequency;
    LARGE_INTEGER value;
    if (!frequency) {
        QueryPerformanceFrequency(&value);
        frequency = value.QuadPart; /* the same for all threads that compute it */
    }
    QueryPerformanceCounter(&value);
    return value.QuadPart / frequency * 1000000000 + value.QuadPart % frequency * 1000000000 / frequency;
}

int64_t coarse_ns(void) { return monotonic_ns(); }
