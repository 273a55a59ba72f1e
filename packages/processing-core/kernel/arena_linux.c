/* Linux: an unnamed memory file, mapped shared; its pages are committed by fallocate and given back by a hole. */
#include "arena.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/falloc.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <sys/resource.h>
#include <unistd.h>

/* The file is sparse: its size is only the room, memory comes with `platform_memory_commit`. */
int platform_memory_create(uint64_t size)
{
    int fd = memfd_create("processing", MFD_CLOEXEC | MFD_ALLOW_SEALING);
    if (fd < 0) return -1;
    struct rlimit limit;
    bool too_large = getrlimit(RLIMIT_FSIZE, &limit) == 0 && limit.rlim_cur != RLIM_INFINITY && limit.rlim_cur < size;
    if (too_large || ftruncate(fd, (off_t)size) < 0) { /* asking beyond the limit would raise SIGXFSZ */
        int saved = too_large ? EFBIG : errno;
        close(fd);
        errno = saved;
        return -1;
    }
    fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW); /* nobody can pull it from under the others */
    return fd;
}

void *platform_memory_map(int fd, uint64_t size)
{
    void *base = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_NORESERVE, fd, 0);
    if (base == MAP_FAILED) return NULL;
    madvise(base, size, MADV_DONTDUMP);
    return base;
}

outcome platform_memory_commit(int fd, uint64_t offset, uint64_t n)
{
    int result;
    do {
        result = fallocate(fd, FALLOC_FL_KEEP_SIZE, (off_t)offset, (off_t)n);
    } while (result < 0 && errno == EINTR);
    if (result == 0) return OK;
    return errno == EOPNOTSUPP ? OK : E_NOMEM;
}

void platform_memory_release(int fd, uint64_t offset, uint64_t n)
{
    fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, (off_t)offset, (off_t)n);
}

uint32_t *platform_fork_token(void)
{
    void *page = mmap(NULL, PAGE_SIZE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (page == MAP_FAILED) return NULL;
    if (madvise(page, PAGE_SIZE, MADV_WIPEONFORK) < 0) {
        munmap(page, PAGE_SIZE);
        return NULL;
    }
    return page;
}

uint64_t platform_random(void)
{
    uint64_t r = 0;
    while (r == 0)
        if (getrandom(&r, sizeof r, 0) != sizeof r) r = (uint64_t)monotonic_ns() ^ (uint64_t)getpid() << 32;
    return r;
}
