/* Linux: sched_setaffinity(2). */
#include "platform/posix/system.h"

#include <sched.h>

int platform_processors(void)
{
    cpu_set_t set;
    return sched_getaffinity(0, sizeof set, &set) == 0 ? CPU_COUNT(&set) : 1;
}

void platform_yield(void) { sched_yield(); }
