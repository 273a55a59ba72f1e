/* Windows has no forks. */
#include "platform/windows/system.h"

uint32_t *platform_fork_token(void)
{
    static uint32_t token;
    return &token;
}
