/* Linux: futexes that are not private, so that they work between processes.
 * Source: futex(2); FUTEX_WAIT_BITSET takes an absolute CLOCK_MONOTONIC deadline. */
#include "platform/posix/system.h"

#include <linux/futex.h>
#include <sys/syscall.h>
#include <time.h>

int platform_park(word32 *word, uint32_t expected, int64_t deadline_ns)
{
    struct timespec t = {.tv_sec = deadline_ns / 1000000000, .tv_nsec = deadline_ns % 1000000000};
    long result = syscall(SYS_futex, word, FUTEX_WAIT_BITSET, expected, &t, NULL, FUTEX_BITSET_MATCH_ANY);
    if (result == 0 || errno == EAGAIN) return WOKEN;
    return errno == ETIMEDOUT ? TIMED_OUT : INTERRUPTED;
}

int platform_wake(word32 *word, int n) { return (int)syscall(SYS_futex, word, FUTEX_WAKE, n, NULL, NULL, 0); }
