/* POSIX: the flags are set by fcntl(2), after the descriptor was made. */
#include "platform/posix/sockets.h"

#include <fcntl.h>
#include <string.h>

static void keep_private(int fd) { fcntl(fd, F_SETFD, FD_CLOEXEC); }
static void never_block(int fd) { fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK); }

bool posix_pipe(int ends[2])
{
    if (pipe(ends) < 0) return false;
    for (int i = 0; i < 2; i++) {
        keep_private(ends[i]);
        never_block(ends[i]);
    }
    return true;
}

bool posix_stream_pair(int ends[2])
{
    if (socketpair(AF_UNIX, SOCK_STREAM, 0, ends) < 0) return false;
    for (int i = 0; i < 2; i++) keep_private(ends[i]);
    return true;
}

int posix_datagram_socket(void)
{
    int fd = socket(AF_UNIX, SOCK_DGRAM, 0);
    if (fd < 0) return -1;
    keep_private(fd);
    never_block(fd);
    return fd;
}

/* macOS has an option of the socket instead of a flag. */
ssize_t posix_send_message(int fd, const struct msghdr *message)
{
#ifdef SO_NOSIGPIPE
    int yes = 1;
    setsockopt(fd, SOL_SOCKET, SO_NOSIGPIPE, &yes, sizeof yes);
    return sendmsg(fd, message, 0);
#else
    return sendmsg(fd, message, MSG_NOSIGNAL);
#endif
}

ssize_t posix_receive_message(int fd, struct msghdr *message)
{
    ssize_t n = recvmsg(fd, message, 0);
    if (n < 0) return n;
    for (struct cmsghdr *c = CMSG_FIRSTHDR(message); c; c = CMSG_NXTHDR(message, c)) {
        if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS) continue;
        for (size_t at = 0; at + sizeof(int) <= c->cmsg_len - CMSG_LEN(0); at += sizeof(int)) {
            int received;
            memcpy(&received, CMSG_DATA(c) + at, sizeof received);
            keep_private(received);
        }
    }
    return n;
}
