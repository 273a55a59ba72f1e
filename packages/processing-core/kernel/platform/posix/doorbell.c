/* POSIX: a byte in a pipe(7), and poll(2) for it. */
#include "platform/posix/system.h"

#include <poll.h>
#include <time.h>

/* EAGAIN: it is full of bytes; one more makes no difference. EPIPE: there is no reader left. */
void platform_doorbell_ring(int writing)
{
    int saved = errno;
    if (write(writing, "", 1) < 0) errno = saved;
}

void platform_doorbell_drain(int reading)
{
    char bytes[64];
    int saved = errno;
    while (read(reading, bytes, sizeof bytes) == sizeof bytes) continue;
    errno = saved;
}

static struct timespec time_left(int64_t deadline_ns)
{
    int64_t left = deadline_ns - monotonic_ns();
    if (left < 0) left = 0;
    return (struct timespec){.tv_sec = left / 1000000000, .tv_nsec = left % 1000000000};
}

int platform_doorbell_sleep(int reading, int64_t deadline_ns)
{
    struct pollfd p = {.fd = reading, .events = POLLIN};
    struct timespec left = time_left(deadline_ns);
    int n = ppoll(&p, 1, &left, NULL);
    if (n < 0) return DOORBELL_INTERRUPTED;
    return (p.revents & POLLIN ? DOORBELL_READABLE : 0) | (p.revents & POLLHUP ? DOORBELL_HUNG_UP : 0)
         | (p.revents & POLLNVAL ? DOORBELL_CLOSED : 0);
}

bool platform_doorbell_no_readers(int writing, int reading)
{
    struct pollfd p[2] = {{.fd = writing}, {.fd = reading}};
    return poll(p, 2, 0) > 0 && (p[0].revents & (POLLERR | POLLNVAL) || p[1].revents & POLLHUP);
}
