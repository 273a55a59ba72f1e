/* Linux: close_range(2), since 5.9. */
#include "platform/posix/system.h"

#include <sys/resource.h>
#include <sys/syscall.h>

#ifndef SYS_close_range
#define SYS_close_range 436
#endif

void platform_descriptors_close(unsigned first, unsigned last)
{
    struct rlimit limit;
    if (syscall(SYS_close_range, first, last, 0) == 0) return;
    if (getrlimit(RLIMIT_NOFILE, &limit) == 0 && limit.rlim_cur <= last) last = (unsigned)limit.rlim_cur;
    for (unsigned fd = first; fd <= last; fd++) close((int)fd);
}
