/* macOS has no affinity: every process may run on every processor that is online. */
#include "platform/posix/system.h"

#include <sched.h>

int platform_processors(void)
{
    long online = sysconf(_SC_NPROCESSORS_ONLN);
    return online > 0 ? (int)online : 1;
}

void platform_yield(void) { sched_yield(); }
