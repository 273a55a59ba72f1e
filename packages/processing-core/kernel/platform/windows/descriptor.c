/* Windows: handles. The system gives an open file no number of its own: a memory has the one in its room, a process its
 * pid and creation time; any other handle is known by its number alone. */
#include "platform/windows/system.h"

#include <stdio.h>
#include <string.h>

void platform_close(int fd)
{
    int saved = errno;
    memory_forget(fd);
    CloseHandle(handle_of(fd));
    errno = saved;
}

int platform_descriptor_duplicate(int fd)
{
    HANDLE copy, me = GetCurrentProcess();
    if (fd > 0 && DuplicateHandle(me, handle_of(fd), me, &copy, 0, FALSE, DUPLICATE_SAME_ACCESS))
        return descriptor_of(copy);
    SetLastError(fd > 0 ? GetLastError() : ERROR_INVALID_HANDLE);
    return failed();
}

/* No handle is 0, 1 or 2. */
int platform_descriptor_above_standard(int fd) { return fd; }

enum { MEMORY = 1, PROCESS, OTHER };

static struct file_identity identify(int fd)
{
    DWORD flags;
    if (fd <= 0 || !GetHandleInformation(handle_of(fd), &flags)) return (struct file_identity){0, 0};
    DWORD pid = GetProcessId(handle_of(fd));
    if (pid) return (struct file_identity){PROCESS, pid};
    if (GetFileType(handle_of(fd)) == FILE_TYPE_PIPE) return (struct file_identity){OTHER, (uint64_t)fd};
    uint64_t id = memory_id(fd);
    return id ? (struct file_identity){MEMORY, id} : (struct file_identity){OTHER, (uint64_t)fd};
}

struct file_identity platform_descriptor_identify(int fd)
{
    int saved = errno;
    struct file_identity found = identify(fd);
    errno = saved;
    return found;
}

bool platform_descriptor_is(int fd, const struct file_identity *known)
{
    if (fd <= 0 || !known->inode) return false;
    int saved = errno;
    struct file_identity present =
        known->device == MEMORY ? (struct file_identity){MEMORY, memory_id(fd)} : identify(fd);
    errno = saved;
    return present.inode == known->inode && present.device == known->device;
}

bool platform_descriptors_scarce(int error) { return error == EMFILE || error == ENFILE; }

bool platform_descriptor_scarcity(int error, char *text, size_t size)
{
    if (!platform_descriptors_scarce(error)) return false;
    snprintf(text, size, "%s: the system gives this process no more handles", strerror(error));
    return true;
}
