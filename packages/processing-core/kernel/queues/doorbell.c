/* See doorbell.h. */
#include "queues/doorbell.h"

void doorbell_ring_slow(word32 *doorbell, int fd)
{
    crash_point();
    platform_doorbell_ring(fd);
    crash_point();
    store_relaxed(doorbell, DOORBELL_RUNG);
    crash_point();
}
