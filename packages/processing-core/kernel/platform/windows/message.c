/* Windows: no message carries handles; a process that has the right takes them out of another one. Only a forkserver
 * needs such messages, and without forks there is none. */
#include "platform/windows/system.h"

bool platform_channel_make(int ends[2])
{
    (void)ends;
    errno = ENOSYS;
    return false;
}

ptrdiff_t platform_message_send(int fd, const void *bytes, size_t size, const struct descriptors *with)
{
    (void)fd, (void)bytes, (void)size, (void)with;
    errno = ENOSYS;
    return -1;
}

ptrdiff_t platform_stream_write(int fd, const void *const parts[2], const size_t sizes[2])
{
    (void)fd, (void)parts, (void)sizes;
    errno = ENOSYS;
    return -1;
}

ptrdiff_t platform_message_receive(int fd, void *bytes, size_t size, struct descriptors *with)
{
    (void)fd, (void)bytes, (void)size;
    with->n = 0;
    errno = ENOSYS;
    return -1;
}
