/* Linux: datagrams to an abstract address, unix(7), which needs no file and nobody's leave.  Anybody may send one there:
 * it makes a listener look once more. */
#include "ears.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

static socklen_t address_of(struct sockaddr_un *a, uint64_t family, owner_id owner, uint32_t place)
{
    memset(a, 0, sizeof *a);
    a->sun_family = AF_UNIX;
    int n = snprintf(a->sun_path + 1, sizeof a->sun_path - 1, "processing-ear-%016llx-%llx-%x", (unsigned long long)family,
                     (unsigned long long)owner, place);
    return (socklen_t)(offsetof(struct sockaddr_un, sun_path) + 1 + (size_t)n);
}

int platform_ear_make(uint64_t family, owner_id owner, uint32_t place)
{
    struct sockaddr_un a;
    socklen_t size = address_of(&a, family, owner, place);
    int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0 || bind(fd, (struct sockaddr *)&a, size) == 0) return fd;
    int saved = errno;
    close(fd);
    errno = saved;
    return -1;
}

/* Whether it arrives does not matter here: nobody is there, or so many wait there that the listener is awake. */
void platform_ear_call(uint64_t family, owner_id owner, uint32_t place)
{
    struct sockaddr_un a;
    socklen_t size = address_of(&a, family, owner, place);
    int saved = errno, fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd >= 0) {
        sendto(fd, "", 1, MSG_DONTWAIT | MSG_NOSIGNAL, (struct sockaddr *)&a, size);
        close(fd);
    }
    errno = saved;
}

void platform_ear_drain(int fd)
{
    char byte;
    int saved = errno;
    while (recv(fd, &byte, 1, MSG_DONTWAIT) >= 0) continue;
    errno = saved;
}
