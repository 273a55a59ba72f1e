/* Linux: the reading end of a pipe can be opened again for writing, by its name in /proc. */
#include "platform/posix/system.h"

#include <fcntl.h>
#include <stdio.h>

const char platform_doorbell_place[] = "/proc/self/fd";

static int open_for_writing(int reading)
{
    char path[40];
    snprintf(path, sizeof path, "%s/%d", platform_doorbell_place, reading);
    return open(path, O_WRONLY | O_NONBLOCK | O_CLOEXEC);
}

bool platform_doorbell_ring_own(int reading)
{
    int fd = open_for_writing(reading);
    if (fd < 0) return false;
    platform_doorbell_ring(fd);
    platform_close(fd);
    return true;
}

/* Tried once: it takes 5 us, a third of what a pipe takes. */
bool platform_doorbell_rings_own(int reading)
{
    static word32 answer;
    enum { UNKNOWN, YES, NO };
    if (load_relaxed(&answer) == UNKNOWN) {
        int fd = open_for_writing(reading);
        if (fd >= 0) platform_close(fd);
        store_relaxed(&answer, fd >= 0 ? YES : NO);
    }
    return load_relaxed(&answer) == YES;
}
