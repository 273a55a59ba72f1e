/* POSIX: datagrams to a socket file. No other user may send to it (the file's mode), and the system filters nothing. */
#include "platform/posix/socket_file.h"

#define MOST_AT_ONCE 64

int platform_observer_make(const struct platform_family *family, uint64_t owner, uint32_t place)
{
    struct sockaddr_un a;
    socklen_t size = posix_socket_address(&a, family, 'o', owner, place);
    return posix_socket_bind(&a, size);
}

/* Whether it arrives does not matter: if not, there is no observer, or its queue is full and the observer is awake. */
void platform_observer_notify(const struct platform_family *family, uint64_t owner, uint32_t place)
{
    struct sockaddr_un a;
    socklen_t size = posix_socket_address(&a, family, 'o', owner, place);
    int saved = errno, fd = size ? posix_datagram_socket() : -1;
    if (fd >= 0) {
        sendto(fd, "", 1, MSG_DONTWAIT, (struct sockaddr *)&a, size);
        close(fd);
    }
    errno = saved;
}

/* Bounded: others may send as fast as this receives. */
void platform_observer_drain(int fd)
{
    char byte;
    int saved = errno;
    for (int i = 0; i < MOST_AT_ONCE && recv(fd, &byte, 1, MSG_DONTWAIT) >= 0; i++) continue;
    errno = saved;
}

bool platform_datagrams_require(int fd, uint64_t token)
{
    (void)fd, (void)token;
    return false;
}
