/* macOS: os_sync_wait_on_address_with_timeout(3), from 14.4 on; before, __ulock_wait, which has no manual but is what
 * libc++ and others call. Both work between processes if they are told to (SHARED). Which there is is known when the
 * kernel is loaded: all are linked weakly. */
#include "platform/posix/system.h"

#include <time.h>

#define WEAK __attribute__((weak_import))

#define WAIT_SHARED 1u /* OS_SYNC_WAIT_ON_ADDRESS_SHARED, OS_SYNC_WAKE_BY_ADDRESS_SHARED */
#define CLOCK_MACH 32u /* OS_CLOCK_MACH_ABSOLUTE_TIME */
extern int os_sync_wait_on_address_with_timeout(void *, uint64_t, size_t, uint32_t, uint32_t, uint64_t) WEAK;
extern int os_sync_wake_by_address_any(void *, size_t, uint32_t) WEAK;
extern int os_sync_wake_by_address_all(void *, size_t, uint32_t) WEAK;

#define ULOCK_SHARED 3u /* UL_COMPARE_AND_WAIT_SHARED */
#define ULOCK_WAKE_ALL 0x100u
#define ULOCK_NO_ERRNO 0x01000000u /* the error is the result, negative */
extern int __ulock_wait(uint32_t, void *, uint64_t, uint32_t) WEAK;
extern int __ulock_wake(uint32_t, void *, uint64_t) WEAK;

#define LONGEST_US 0x7fffffff
#define WAKE_ALL_FROM 16

static bool modern(void) { return os_sync_wait_on_address_with_timeout != NULL; }

static int outcome_of(int error) { return error == ETIMEDOUT ? TIMED_OUT : error == EINTR ? INTERRUPTED : WOKEN; }

int platform_park(word32 *word, uint32_t expected, int64_t deadline_ns)
{
    int64_t left = deadline_ns - monotonic_ns();
    if (left <= 0) return TIMED_OUT;
    if (modern()) {
        int waiting = os_sync_wait_on_address_with_timeout((void *)word, expected, sizeof(uint32_t), WAIT_SHARED,
                                                           CLOCK_MACH, (uint64_t)left);
        return waiting >= 0 ? WOKEN : outcome_of(errno);
    }
    int64_t us = left / 1000 + 1;
    int result = __ulock_wait(ULOCK_SHARED | ULOCK_NO_ERRNO, (void *)word, expected,
                              us < LONGEST_US ? (uint32_t)us : LONGEST_US);
    return result >= 0 ? WOKEN : outcome_of(-result);
}

static bool wake_one(word32 *word)
{
    if (modern()) return os_sync_wake_by_address_any((void *)word, sizeof(uint32_t), WAIT_SHARED) >= 0;
    return __ulock_wake(ULOCK_SHARED | ULOCK_NO_ERRNO, (void *)word, 0) >= 0;
}

static bool wake_all(word32 *word)
{
    if (modern()) return os_sync_wake_by_address_all((void *)word, sizeof(uint32_t), WAIT_SHARED) >= 0;
    return __ulock_wake(ULOCK_SHARED | ULOCK_WAKE_ALL | ULOCK_NO_ERRNO, (void *)word, 0) >= 0;
}

/* There are calls for one and for all. All are more than n, perhaps, but wakes are hints. */
int platform_wake(word32 *word, int n)
{
    int woken = 0;
    if (n >= WAKE_ALL_FROM) return wake_all(word) ? -1 : 0;
    while (woken < n && wake_one(word)) woken++;
    return woken;
}
