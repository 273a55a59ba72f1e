/* POSIX: a file descriptor; fstat(2) tells what it refers to. */
#include "platform/posix/system.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>

void platform_close(int fd)
{
    int saved = errno;
    close(fd);
    errno = saved;
}

int platform_descriptor_duplicate(int fd) { return fcntl(fd, F_DUPFD_CLOEXEC, STDERR_FILENO + 1); }

int platform_descriptor_above_standard(int fd)
{
    if (fd > STDERR_FILENO || fd < 0) return fd;
    int above = platform_descriptor_duplicate(fd);
    platform_close(fd);
    return above;
}

/* With the file's kind, because a file system may give the inode of a file that is gone to a new one. */
static struct file_identity identity_of(const struct stat *s)
{
    return (struct file_identity){(uint64_t)s->st_dev ^ (uint64_t)(s->st_mode & S_IFMT) << 48, s->st_ino};
}

struct file_identity platform_descriptor_identify(int fd)
{
    struct stat s;
    int saved = errno;
    bool open = fd >= 0 && fstat(fd, &s) == 0;
    errno = saved;
    return open ? identity_of(&s) : (struct file_identity){0, 0};
}

bool platform_descriptor_is(int fd, const struct file_identity *known)
{
    struct file_identity present = platform_descriptor_identify(fd);
    return present.inode != 0 && present.inode == known->inode && present.device == known->device;
}

bool platform_descriptors_scarce(int error) { return error == EMFILE || error == ENFILE; }

bool platform_descriptor_scarcity(int error, char *text, size_t size)
{
    struct rlimit limit;
    if (error == EMFILE && getrlimit(RLIMIT_NOFILE, &limit) == 0) {
        snprintf(text, size, "%s: this process may have %llu descriptors open at once (RLIMIT_NOFILE)", strerror(error),
                 (unsigned long long)limit.rlim_cur);
        return true;
    }
    if (error != ENFILE) return false;
    snprintf(text, size, "%s: all processes together have as many files open as it allows (fs.file-max)",
             strerror(error));
    return true;
}
