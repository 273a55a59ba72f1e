/* Linux: a signal for an event at a descriptor, fcntl(2): O_ASYNC with F_SETSIG. */
#include "platform/posix/system.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>

bool platform_die_with(int reading)
{
    if (fcntl(reading, F_SETOWN, getpid()) < 0 || fcntl(reading, F_SETSIG, SIGKILL) < 0
        || fcntl(reading, F_SETFL, fcntl(reading, F_GETFL) | O_ASYNC) < 0)
        return false;
    struct pollfd p = {.fd = reading};
    if (poll(&p, 1, 0) > 0 && p.revents & POLLHUP) platform_die(); /* it was before */
    return true;
}
