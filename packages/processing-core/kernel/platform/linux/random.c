/* Linux: getrandom(2). */
#include "platform/posix/system.h"

#include <sys/random.h>

uint64_t platform_random(void)
{
    uint64_t r = 0;
    int saved = errno;
    while (r == 0)
        if (getrandom(&r, sizeof r, 0) != sizeof r) r = (uint64_t)monotonic_ns() ^ (uint64_t)getpid() << 32;
    errno = saved;
    return r;
}
