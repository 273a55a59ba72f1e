/* Windows: handles. The system gives an open file no number of its own: a memory has the one in its room, a process its
 * pid and creation time; any other handle is known by its number alone. */
#include "platform/windows/system.h"

#include <stdio.h>
#include <string.h>

struct pipe_information {
    ULONG type, configuration, most_instances, instances, inbound, readable, outbound, writable, state, end;
};
#define PIPE_INFORMATION 24 /* FilePipeLocalInformation */

typedef LONG(NTAPI *query)(HANDLE, void *, void *, ULONG, int);
typedef int(WINAPI *close_socket)(uintptr_t);
typedef int(WINAPI *share_socket)(uintptr_t, DWORD, void *);
typedef uintptr_t(WINAPI *open_socket)(int, int, int, void *, unsigned, DWORD);

ULONG pipe_state(int fd)
{
    static query ask;
    struct pipe_information pipe = {0};
    uintptr_t status[2];
    if (!ask) ask = (query)(void *)GetProcAddress(GetModuleHandleW(L"ntdll.dll"), "NtQueryInformationFile");
    return ask(handle_of(fd), status, &pipe, sizeof pipe, PIPE_INFORMATION) == 0 ? pipe.state : NO_PIPE;
}

/* The system counts sockets among its pipes. */
static bool is_socket(int fd) { return GetFileType(handle_of(fd)) == FILE_TYPE_PIPE && pipe_state(fd) == NO_PIPE; }

/* The sockets' library is there if there are sockets. */
static FARPROC of_sockets(const char *name)
{
    HMODULE library = GetModuleHandleW(L"ws2_32.dll");
    return library ? GetProcAddress(library, name) : NULL;
}

static bool socket_closed(int fd)
{
    close_socket function = (close_socket)(void *)of_sockets("closesocket");
    return function && is_socket(fd) && function((uintptr_t)fd) == 0;
}

/* A copy of a socket's handle need be no socket: the library, or one in front of it, may keep accounts of them. */
static int socket_duplicate(int fd)
{
    enum { FROM_INFORMATION = -1, OVERLAPPED_ = 0x1, NOT_INHERITED = 0x80 };
    uint64_t information[80] = {0}; /* WSAPROTOCOL_INFOW, of 628 bytes */
    share_socket share = (share_socket)(void *)of_sockets("WSADuplicateSocketW");
    open_socket open = (open_socket)(void *)of_sockets("WSASocketW");
    if (!share || !open || share((uintptr_t)fd, GetCurrentProcessId(), information) != 0) return failed();
    uintptr_t copy =
        open(FROM_INFORMATION, FROM_INFORMATION, FROM_INFORMATION, information, 0, OVERLAPPED_ | NOT_INHERITED);
    return copy == (uintptr_t)-1 ? failed() : (int)copy;
}

void platform_close(int fd)
{
    int saved = errno;
    memory_forget(fd);
    if (!socket_closed(fd)) CloseHandle(handle_of(fd));
    errno = saved;
}

int platform_descriptor_duplicate(int fd)
{
    HANDLE copy, me = GetCurrentProcess();
    if (fd > 0 && is_socket(fd)) return socket_duplicate(fd);
    if (fd > 0 && DuplicateHandle(me, handle_of(fd), me, &copy, 0, FALSE, DUPLICATE_SAME_ACCESS))
        return descriptor_of(copy);
    SetLastError(fd > 0 ? GetLastError() : ERROR_INVALID_HANDLE);
    return failed();
}

/* No handle is 0, 1 or 2. */
int platform_descriptor_above_standard(int fd) { return fd; }

enum { MEMORY = 1, PROCESS, OTHER, STREAM_SOCKET };

static struct file_identity identify(int fd)
{
    DWORD flags;
    if (fd <= 0 || !GetHandleInformation(handle_of(fd), &flags)) return (struct file_identity){0, 0};
    DWORD pid = GetProcessId(handle_of(fd));
    if (pid) return (struct file_identity){PROCESS, pid};
    if (is_socket(fd)) return (struct file_identity){STREAM_SOCKET, (uint64_t)fd};
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

/* A child inherits the handles that its start lists, and no others; so none needs to be closed. */
void platform_descriptors_close(unsigned first, unsigned last) { (void)first, (void)last; }
