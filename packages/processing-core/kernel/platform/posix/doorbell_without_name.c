/* POSIX: a process that has only the reading end of a pipe cannot open the other one. */
#include "platform/posix/system.h"

const char platform_doorbell_place[] = "a name of the pipe";

bool platform_doorbell_ring_own(int reading)
{
    (void)reading;
    errno = ENOTSUP;
    return false;
}

bool platform_doorbell_rings_own(int reading)
{
    (void)reading;
    return false;
}
