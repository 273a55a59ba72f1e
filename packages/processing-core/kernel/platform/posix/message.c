/* POSIX: unix(7) sockets, and SCM_RIGHTS for the descriptors. */
#include "platform/posix/sockets.h"

#include <string.h>
#include <sys/uio.h>

union ancillary {
    struct cmsghdr align;
    char space[CMSG_SPACE(MESSAGE_DESCRIPTORS * sizeof(int))];
};

bool platform_channel_make(int ends[2])
{
    if (!posix_stream_pair(ends)) return false;
    for (int i = 0; i < 2; i++) ends[i] = platform_descriptor_above_standard(ends[i]);
    if (ends[0] >= 0 && ends[1] >= 0) return true;
    for (int i = 0; i < 2; i++)
        if (ends[i] >= 0) platform_close(ends[i]);
    return false;
}

ptrdiff_t platform_message_send(int fd, const void *bytes, size_t size, const struct descriptors *with)
{
    union ancillary ancillary = {.space = {0}};
    struct iovec data = {(void *)bytes, size};
    struct msghdr message = {.msg_iov = &data, .msg_iovlen = 1};
    if (with && with->n) {
        message.msg_control = &ancillary;
        message.msg_controllen = CMSG_SPACE(with->n * sizeof(int));
        struct cmsghdr *c = CMSG_FIRSTHDR(&message);
        c->cmsg_level = SOL_SOCKET;
        c->cmsg_type = SCM_RIGHTS;
        c->cmsg_len = CMSG_LEN(with->n * sizeof(int));
        memcpy(CMSG_DATA(c), with->fds, with->n * sizeof(int));
    }
    return posix_send_message(fd, &message);
}

ptrdiff_t platform_stream_write(int fd, const void *const parts[2], const size_t sizes[2])
{
    struct iovec data[2] = {{(void *)parts[0], sizes[0]}, {(void *)parts[1], sizes[1]}};
    struct msghdr message = {.msg_iov = data, .msg_iovlen = 2};
    ssize_t n = posix_send_message(fd, &message);
    return n < 0 && errno == ENOTSOCK ? writev(fd, data, 2) : n; /* a pipe has no call without the signal */
}

static void close_all(struct descriptors *with)
{
    while (with->n)
        if (with->fds[--with->n] >= 0) platform_close(with->fds[with->n]);
}

static void keep(struct msghdr *message, struct descriptors *with)
{
    for (struct cmsghdr *c = CMSG_FIRSTHDR(message); c; c = CMSG_NXTHDR(message, c)) {
        if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS) continue;
        with->n = (c->cmsg_len - CMSG_LEN(0)) / sizeof(int);
        memcpy(with->fds, CMSG_DATA(c), with->n * sizeof(int));
        for (size_t i = 0; i < with->n; i++) with->fds[i] = platform_descriptor_above_standard(with->fds[i]);
    }
    for (size_t i = 0; i < with->n; i++)
        if (with->fds[i] < 0)
            return close_all(with); /* one that could not be moved: what stands at its place is not known */
}

ptrdiff_t platform_message_receive(int fd, void *bytes, size_t size, struct descriptors *with)
{
    union ancillary ancillary;
    struct iovec data = {bytes, size};
    struct msghdr message = {
        .msg_iov = &data, .msg_iovlen = 1, .msg_control = &ancillary, .msg_controllen = sizeof ancillary};
    with->n = 0;
    ssize_t n = posix_receive_message(fd, &message);
    int saved = errno;
    if (n >= 0) keep(&message, with);
    errno = saved;
    return n;
}
