/* Linux: getrandom(2), a function of glibc since 2.25 only. */
#include "platform/posix/system.h"

#include <sys/syscall.h>

uint64_t platform_random(void)
{
    uint64_t r = 0;
    int saved = errno;
    while (r == 0)
        if (syscall(SYS_getrandom, &r, sizeof r, 0) != sizeof r)
            r = (uint64_t)monotonic_ns() ^ (uint64_t)getpid() << 32;
    errno = saved;
    return r;
}
