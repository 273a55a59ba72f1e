/* macOS: poll(2) takes milliseconds; it must not return before the deadline, so they are rounded up. */
#include "platform/posix/poll.h"

#include <limits.h>

int posix_poll(struct pollfd *p, int64_t deadline_ns)
{
    int64_t left = deadline_ns - monotonic_ns(), ms = left > 0 ? (left + 999999) / 1000000 : 0;
    return poll(p, 1, ms < INT_MAX ? (int)ms : INT_MAX);
}
