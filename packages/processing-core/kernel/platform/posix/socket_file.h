/* Datagram sockets in the file system, which a process of the family finds by name. */
#ifndef PROCESSING_PLATFORM_POSIX_SOCKET_FILE_H
#define PROCESSING_PLATFORM_POSIX_SOCKET_FILE_H

#include "platform/posix/sockets.h"

#include <sys/un.h>

/* The address of the family's socket of this kind ('o' or 't') and number; its size; 0 if the folder's name is too
 * long. */
socklen_t posix_socket_address(struct sockaddr_un *a, const struct platform_family *family, char kind, uint64_t owner,
                               uint32_t place);
/* A socket at that address; -1 with errno: EADDRINUSE if a copy of one that has it is open. */
int posix_socket_bind(const struct sockaddr_un *a, socklen_t size);
/* Whether such a copy is open, as far as this process may know. */
bool posix_socket_bound(const struct sockaddr_un *a, socklen_t size);

#endif
