/* POSIX: epoll and kqueue make a descriptor of a set of them, so there is nothing to do. */
#include "platform/posix/system.h"

struct platform_waits *platform_waits_make(int socket)
{
    (void)socket;
    errno = ENOSYS;
    return NULL;
}

uint64_t platform_waits_begin(struct platform_waits *waits, int fd, bool readable, bool writable)
{
    (void)waits, (void)fd, (void)readable, (void)writable;
    errno = ENOSYS;
    return 0;
}

uint64_t platform_waits_take(struct platform_waits *waits)
{
    (void)waits;
    return 0;
}

void platform_waits_end(struct platform_waits *waits, uint64_t number) { (void)waits, (void)number; }
void platform_waits_free(struct platform_waits *waits) { (void)waits; }
