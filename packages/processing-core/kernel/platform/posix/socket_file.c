/* POSIX: unix(7) sockets bound to files. The system does not remove the file with the last copy of the socket, but
 * refuses connections from then on. So a name is free if its file is missing or refuses.
 *
 *     bind:    lock the folder; bind; if the name is taken and refuses: unlink it, bind
 *     sweep:   lock the folder; unlink what refuses      (processing_core/_platform/_posix.py)
 *
 * The lock, flock(2), keeps a sweep from unlinking a file between its making and the binding. It is not waited for, for
 * every user may lock a folder that all share. */
#include "platform/posix/socket_file.h"
#include "platform/posix/socket_folder.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>

#define FOLDER 64
#define ATTEMPTS 200 /* a sweep takes a fraction of a millisecond */

socklen_t posix_socket_address(struct sockaddr_un *a, const struct platform_family *family, char kind, uint64_t owner,
                               uint32_t place)
{
    char folder[FOLDER];
    posix_socket_folder(folder, sizeof folder);
    memset(a, 0, sizeof *a);
    a->sun_family = AF_UNIX;
    int n = snprintf(a->sun_path, sizeof a->sun_path, "%s/processing-%c-%016llx-%llx-%x", folder, kind,
                     (unsigned long long)family->id, (unsigned long long)owner, place);
    if (n < 0 || (size_t)n >= sizeof a->sun_path) return 0;
    return (socklen_t)(offsetof(struct sockaddr_un, sun_path) + (size_t)n + 1);
}

static int locked_folder(void)
{
    char folder[FOLDER];
    posix_socket_folder(folder, sizeof folder);
    int fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    for (int i = 0; fd >= 0 && i < ATTEMPTS && flock(fd, LOCK_SH | LOCK_NB) < 0; i++) platform_yield();
    return fd;
}

/* 1: a copy of such a socket is open; 0: none is; -1 with errno: no answer. A missing file is seen without a descriptor,
 * of which there may be none. */
static int ask(const struct sockaddr_un *a, socklen_t size)
{
    if (access(a->sun_path, F_OK) < 0 && errno == ENOENT) return 0;
    int fd = posix_datagram_socket();
    if (fd < 0) return -1;
    bool refused = connect(fd, (const struct sockaddr *)a, size) < 0 && (errno == ECONNREFUSED || errno == ENOENT);
    platform_close(fd);
    return !refused;
}

static int try_to_bind(int fd, const struct sockaddr_un *a, socklen_t size)
{
    if (bind(fd, (const struct sockaddr *)a, size) == 0) return 0;
    int bound = errno == EADDRINUSE ? ask(a, size) : -1;
    if (bound > 0) errno = EADDRINUSE;
    if (bound != 0) return -1;
    unlink(a->sun_path);
    return bind(fd, (const struct sockaddr *)a, size);
}

int posix_socket_bind(const struct sockaddr_un *a, socklen_t size)
{
    if (!size) {
        errno = ENAMETOOLONG;
        return -1;
    }
    int fd = platform_descriptor_above_standard(posix_datagram_socket());
    if (fd < 0) return -1;
    int folder = locked_folder();
    int result = try_to_bind(fd, a, size);
    if (folder >= 0) platform_close(folder);
    if (result == 0) return fd;
    platform_close(fd);
    return -1;
}

bool posix_socket_bound(const struct sockaddr_un *a, socklen_t size)
{
    int saved = errno, bound = ask(a, size);
    errno = saved;
    return bound != 0;
}
