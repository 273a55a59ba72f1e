/* Simulates larger pages than this machine's: a library to preload, with the size in SIMULATED_PAGE.
 *
 * Mappings begin at such a page, and calls that change whole pages refuse other addresses and round their size up, as
 * the system would. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

static size_t page(void)
{
    static size_t size;
    if (!size) size = strtoul(getenv("SIMULATED_PAGE"), NULL, 10);
    return size;
}

static size_t up(size_t n) { return (n + page() - 1) / page() * page(); }

static void *map(void *at, size_t n, int protection, int flags, int fd, off_t offset)
{
    return (void *)syscall(SYS_mmap, at, n, protection, flags, fd, offset);
}

void *mmap(void *at, size_t n, int protection, int flags, int fd, off_t offset)
{
    if (at || flags & MAP_FIXED) return map(at, n, protection, flags, fd, offset);
    if (offset % (off_t)page()) {
        errno = EINVAL;
        return MAP_FAILED;
    }
    size_t room = up(n) + page();
    char *reserved = map(NULL, room, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (reserved == MAP_FAILED) return MAP_FAILED;
    char *begin = (char *)up((uintptr_t)reserved);
    void *result = map(begin, n, protection, flags | MAP_FIXED, fd, offset);
    int error = errno;
    if (result == MAP_FAILED) syscall(SYS_munmap, reserved, room);
    else if (begin > reserved) syscall(SYS_munmap, reserved, (size_t)(begin - reserved));
    errno = error;
    return result;
}

/* What a program calls that was compiled with 64-bit offsets. */
void *mmap64(void *at, size_t n, int protection, int flags, int fd, off64_t offset) __attribute__((alias("mmap")));

int munmap(void *at, size_t n)
{
    if ((uintptr_t)at % page()) return errno = EINVAL, -1;
    return (int)syscall(SYS_munmap, at, up(n));
}

int madvise(void *at, size_t n, int advice)
{
    if ((uintptr_t)at % page()) return errno = EINVAL, -1;
    return (int)syscall(SYS_madvise, at, up(n), advice);
}

long sysconf(int name)
{
    static long (*real)(int);
    if (name == _SC_PAGESIZE) return (long)page();
    if (!real) real = (long (*)(int))dlsym(RTLD_NEXT, "sysconf");
    return real(name);
}

int getpagesize(void) { return (int)page(); }
