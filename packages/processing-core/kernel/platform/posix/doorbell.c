/* POSIX: a byte in a pipe(7), and poll(2) for it. */
#include "platform/posix/poll.h"
#include "platform/posix/sockets.h"

bool platform_doorbell_make(int ends[2])
{
    if (!posix_pipe(ends)) return false;
    for (int i = 0; i < 2; i++) ends[i] = platform_descriptor_above_standard(ends[i]);
    if (ends[0] >= 0 && ends[1] >= 0) return true;
    for (int i = 0; i < 2; i++)
        if (ends[i] >= 0) platform_close(ends[i]);
    return false;
}

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

int platform_doorbell_sleep(int reading, int64_t deadline_ns)
{
    struct pollfd p = {.fd = reading, .events = POLLIN};
    int n = posix_poll(&p, deadline_ns);
    if (n < 0) return DOORBELL_INTERRUPTED;
    return (p.revents & POLLIN ? DOORBELL_READABLE : 0) | (p.revents & POLLHUP ? DOORBELL_HUNG_UP : 0)
         | (p.revents & POLLNVAL ? DOORBELL_CLOSED : 0);
}

bool platform_doorbell_no_readers(int writing, int reading)
{
    struct pollfd p[2] = {{.fd = writing}, {.fd = reading}};
    return poll(p, 2, 0) > 0 && (p[0].revents & (POLLERR | POLLNVAL) || p[1].revents & POLLHUP);
}
