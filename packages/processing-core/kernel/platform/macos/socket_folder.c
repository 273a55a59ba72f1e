/* macOS: the user's own folder for temporary files, confstr(3), whatever TMPDIR says. */
#include "platform/posix/socket_folder.h"

#include <stdio.h>
#include <string.h>
#include <sys/param.h>

void posix_socket_folder(char *path, size_t size)
{
    char found[MAXPATHLEN];
    size_t n = confstr(_CS_DARWIN_USER_TEMP_DIR, found, sizeof found);
    if (n == 0 || n > sizeof found || n > size) snprintf(found, sizeof found, "/tmp");
    for (size_t end = strlen(found); end > 1 && found[end - 1] == '/'; end--) found[end - 1] = 0;
    snprintf(path, size, "%s", found);
}
