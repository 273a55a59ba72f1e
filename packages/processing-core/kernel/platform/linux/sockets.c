/* Linux: pipe2(2), socket(2) and recv(2) take flags. */
#include "platform/posix/sockets.h"

#include <fcntl.h>

bool posix_pipe(int ends[2]) { return pipe2(ends, O_CLOEXEC | O_NONBLOCK) == 0; }

bool posix_stream_pair(int ends[2]) { return socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) == 0; }

int posix_datagram_socket(void) { return socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0); }

ssize_t posix_send_message(int fd, const struct msghdr *message) { return sendmsg(fd, message, MSG_NOSIGNAL); }

ssize_t posix_receive_message(int fd, struct msghdr *message) { return recvmsg(fd, message, MSG_CMSG_CLOEXEC); }
