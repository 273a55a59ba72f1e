/* Linux: ppoll(2) takes nanoseconds. */
#include "platform/posix/poll.h"

#include <time.h>

static struct timespec time_left(int64_t deadline_ns)
{
    int64_t left = deadline_ns - monotonic_ns();
    if (left < 0) left = 0;
    return (struct timespec){.tv_sec = left / 1000000000, .tv_nsec = left % 1000000000};
}

int posix_poll(struct pollfd *p, int64_t deadline_ns)
{
    struct timespec left = time_left(deadline_ns);
    return ppoll(p, 1, &left, NULL);
}
