/* POSIX: a shared memory object, shm_open(3), whose name is removed at once. It gets its whole size by the first
 * ftruncate(2): some systems allow only one. Memory comes with the first access, and the system has no call that
 * commits it before, so what bounds it is the family's own count (the arena's cap). */
#include "platform/posix/system.h"

#include <fcntl.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/resource.h>

#define ATTEMPTS 16

/* A name has 31 characters at most, with its zero byte (macOS). */
static int unnamed_object(void)
{
    char name[31];
    for (int i = 0; i < ATTEMPTS; i++) {
        snprintf(name, sizeof name, "/processing-%016llx", (unsigned long long)platform_random());
        int fd = shm_open(name, O_RDWR | O_CREAT | O_EXCL, 0600);
        if (fd >= 0) shm_unlink(name);
        if (fd >= 0 || errno != EEXIST) return fd;
    }
    return -1;
}

int platform_memory_create(uint64_t size)
{
    struct rlimit limit;
    if (getrlimit(RLIMIT_FSIZE, &limit) == 0 && limit.rlim_cur != RLIM_INFINITY && limit.rlim_cur < size) {
        errno = EFBIG; /* asking beyond the limit would raise SIGXFSZ */
        return -1;
    }
    int fd = platform_descriptor_above_standard(unnamed_object());
    if (fd < 0) return -1;
    fcntl(fd, F_SETFD, FD_CLOEXEC);
    if (ftruncate(fd, (off_t)size) == 0) return fd;
    platform_close(fd);
    return -1;
}

#ifndef MAP_NORESERVE
#define MAP_NORESERVE 0
#endif

void *platform_memory_map(int memory, uint64_t size)
{
    void *base = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_NORESERVE, memory, 0);
    return base == MAP_FAILED ? NULL : base;
}

void platform_memory_unmap(void *base, uint64_t size) { munmap(base, size); }

bool platform_memory_commit(int memory, uint64_t offset, uint64_t n)
{
    (void)memory, (void)offset, (void)n;
    return true;
}

bool platform_memory_commit_mapped(void *at, uint64_t n)
{
    (void)at, (void)n;
    return true;
}

void platform_memory_populate(void *at, uint64_t n) { (void)at, (void)n; }

void platform_memory_release(int memory, uint64_t offset, uint64_t n) { (void)memory, (void)offset, (void)n; }

/* The system may take these pages until a process writes to them again. Only whole pages: madvise(2) rounds up. */
bool platform_memory_release_mapped(void *at, uint64_t n)
{
#ifdef MADV_FREE_REUSABLE
    uint64_t page = (uint64_t)sysconf(_SC_PAGESIZE), begin = ((uintptr_t)at + page - 1) / page * page;
    uint64_t end = ((uintptr_t)at + n) / page * page;
    return begin < end && madvise((void *)begin, end - begin, MADV_FREE_REUSABLE) == 0;
#else
    (void)at, (void)n;
    return true;
#endif
}

int platform_memory_reopen_mapped(const void *at)
{
    (void)at;
    errno = ENOTSUP;
    return -1;
}

int platform_memory_reopen_of(uint64_t pid, const struct file_identity *memory)
{
    (void)pid, (void)memory;
    errno = ENOTSUP;
    return -1;
}
