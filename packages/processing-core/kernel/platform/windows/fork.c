/* Windows has no forks. */
#include "platform/windows/system.h"

#include <errno.h>

uint32_t *platform_fork_token(void)
{
    static uint32_t token;
    return &token;
}

/* Python starts programs there: `_platform/_windows.py`. */
int64_t platform_execute(char *const argv[], const int *given, int n)
{
    (void)argv, (void)given, (void)n;
    errno = ENOSYS;
    return -1;
}
