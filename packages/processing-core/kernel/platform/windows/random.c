/* Windows: RtlGenRandom, which the system's headers call SystemFunction036. */
#include "platform/windows/system.h"

BOOLEAN NTAPI SystemFunction036(PVOID buffer, ULONG size);

uint64_t platform_random(void)
{
    uint64_t r = 0;
    while (r == 0)
        if (!SystemFunction036(&r, sizeof r)) r = (uint64_t)monotonic_ns() ^ platform_pid() << 32;
    return r;
}
