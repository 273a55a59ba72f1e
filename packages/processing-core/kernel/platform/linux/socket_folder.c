/* Linux: the folder that is the same for all processes, whatever their environment. */
#include "platform/posix/socket_folder.h"

#include <stdio.h>

void posix_socket_folder(char *path, size_t size) { snprintf(path, size, "/tmp"); }
