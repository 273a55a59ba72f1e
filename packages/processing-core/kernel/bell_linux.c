/* Linux: a pipe(7).  Its reading end can be opened again for writing, by its name in /proc. */
#include "bell.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <unistd.h>

outcome platform_bell_make(int fds[2])
{
    return pipe2(fds, O_CLOEXEC | O_NONBLOCK) == 0 ? OK : E_SYSTEM;
}

/* EAGAIN: so many bytes are in it that one more makes no difference.  EPIPE: nobody is there to hear it. */
void platform_bell_ring(int fd)
{
    int saved = errno;
    if (write(fd, "", 1) < 0) errno = saved;
}

bool platform_bell_ring_own(int reading)
{
    char path[40];
    snprintf(path, sizeof path, "/proc/self/fd/%d", reading);
    int fd = open(path, O_WRONLY | O_NONBLOCK | O_CLOEXEC);
    if (fd < 0) return false;
    platform_bell_ring(fd);
    close(fd);
    return true;
}

void platform_bell_drain(int fd)
{
    char bytes[64];
    int saved = errno;
    while (read(fd, bytes, sizeof bytes) == sizeof bytes) continue;
    errno = saved;
}

static struct timespec time_left(int64_t deadline_ns)
{
    int64_t left = deadline_ns - monotonic_ns();
    if (left < 0) left = 0;
    return (struct timespec){.tv_sec = left / 1000000000, .tv_nsec = left % 1000000000};
}

int platform_bell_sleep(int reading, int64_t deadline_ns)
{
    struct pollfd p = {.fd = reading, .events = POLLIN};
    struct timespec left = time_left(deadline_ns);
    int n = ppoll(&p, 1, &left, NULL);
    if (n < 0) return BELL_INTERRUPTED;
    return (p.revents & POLLIN ? BELL_READABLE : 0) | (p.revents & POLLHUP ? BELL_HUNG_UP : 0)
         | (p.revents & POLLNVAL ? BELL_CLOSED : 0);
}

bool platform_bell_unheard(int writing, int reading)
{
    struct pollfd p[2] = {{.fd = writing}, {.fd = reading}};
    return poll(p, 2, 0) > 0 && (p[0].revents & (POLLERR | POLLNVAL) || p[1].revents & POLLHUP);
}
