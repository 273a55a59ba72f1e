/* Sockets and pipes that no executed program inherits. Some systems set that flag together with the making, others
 * after it: there a program that another thread executes in between inherits the descriptor. */
#ifndef PROCESSING_PLATFORM_POSIX_SOCKETS_H
#define PROCESSING_PLATFORM_POSIX_SOCKETS_H

#include "platform/posix/system.h"

#include <sys/socket.h>

bool posix_pipe(int ends[2]); /* which never block */
bool posix_stream_pair(int ends[2]);
int posix_datagram_socket(void); /* which never blocks */
/* These raise no signal, and set the flag for each descriptor that comes with a message. */
ssize_t posix_send_message(int fd, const struct msghdr *message);
ssize_t posix_receive_message(int fd, struct msghdr *message);

#endif
