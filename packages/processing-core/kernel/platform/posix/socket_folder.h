/* Where the files of local sockets are. */
#ifndef PROCESSING_PLATFORM_POSIX_SOCKET_FOLDER_H
#define PROCESSING_PLATFORM_POSIX_SOCKET_FOLDER_H

#include "platform/posix/system.h"

/* The folder, without a slash at its end: this user's, or one that all users share. */
void posix_socket_folder(char *path, size_t size);

#endif
