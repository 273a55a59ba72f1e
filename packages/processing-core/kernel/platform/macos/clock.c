/* macOS: the clock that os_sync_wait_on_address_with_timeout takes, too; it stops while the machine sleeps. */
#include "platform/posix/system.h"

#include <time.h>

int64_t monotonic_ns(void) { return (int64_t)clock_gettime_nsec_np(CLOCK_UPTIME_RAW); }
int64_t coarse_ns(void) { return (int64_t)clock_gettime_nsec_np(CLOCK_UPTIME_RAW_APPROX); }
