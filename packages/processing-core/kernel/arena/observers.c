/* See observers.h for the argument. */
#include "arena/observers.h"

void observers_notify_slow(word32 *watched)
{
    crash_point();
    if (!exchange(watched, 0)) return;
    for (uint32_t slot = 0; slot < OBSERVERS; slot++) {
        owner_id owner = load(&arena.header->observers[slot]);
        crash_point();
        if (owner) platform_observer_notify(&arena.header->family, owner, slot);
    }
}
