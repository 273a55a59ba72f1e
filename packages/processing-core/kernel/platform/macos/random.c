/* macOS: arc4random(3). */
#include "platform/posix/system.h"

#include <stdlib.h>

uint64_t platform_random(void)
{
    uint64_t r = 0;
    while (r == 0) arc4random_buf(&r, sizeof r);
    return r;
}
