/* Linux: an unnamed memory file, mapped shared; its pages are committed by fallocate and given back by a hole. */
#include "platform/posix/system.h"

#include <dirent.h>
#include <fcntl.h>
#include <linux/falloc.h>
#include <linux/memfd.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/syscall.h>

#ifndef F_ADD_SEALS /* of <linux/fcntl.h>, which glibc's <fcntl.h> excludes, and had not before 2.27 */
#define F_ADD_SEALS (1024 + 9)
#define F_SEAL_SHRINK 2
#define F_SEAL_GROW 4
#endif

/* glibc has the function since 2.27 only. */
static int unnamed_file(void) { return (int)syscall(SYS_memfd_create, "processing", MFD_CLOEXEC | MFD_ALLOW_SEALING); }

/* The file is sparse: its size is only the room, memory comes with `platform_memory_commit`. */
int platform_memory_create(uint64_t size)
{
    int fd = platform_descriptor_above_standard(unnamed_file());
    if (fd < 0) return -1;
    struct rlimit limit;
    bool too_large = getrlimit(RLIMIT_FSIZE, &limit) == 0 && limit.rlim_cur != RLIM_INFINITY && limit.rlim_cur < size;
    if (too_large || ftruncate(fd, (off_t)size) < 0) { /* asking beyond the limit would raise SIGXFSZ */
        if (too_large) errno = EFBIG;
        platform_close(fd);
        return -1;
    }
    fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW); /* no process can shrink it while others use it */
    return fd;
}

void *platform_memory_map(int memory, uint64_t size)
{
    void *base = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_NORESERVE, memory, 0);
    if (base == MAP_FAILED) return NULL;
    madvise(base, size, MADV_DONTDUMP);
    return base;
}

void platform_memory_unmap(void *base, uint64_t size) { munmap(base, size); }

bool platform_memory_commit(int memory, uint64_t offset, uint64_t n)
{
    int result;
    do {
        result = fallocate(memory, FALLOC_FL_KEEP_SIZE, (off_t)offset, (off_t)n);
    } while (result < 0 && errno == EINTR);
    return result == 0 || errno == EOPNOTSUPP;
}

#ifndef MADV_POPULATE_WRITE
#define MADV_POPULATE_WRITE 23 /* Linux 5.14 */
#endif

/* madvise(2) wants the beginning of a page, which may have 4, 16 or 64 KiB, and rounds the size up. */
static uint64_t down(uint64_t address)
{
    return address / (uint64_t)sysconf(_SC_PAGESIZE) * (uint64_t)sysconf(_SC_PAGESIZE);
}
static uint64_t up(uint64_t address) { return down(address + (uint64_t)sysconf(_SC_PAGESIZE) - 1); }

bool platform_memory_commit_mapped(void *at, uint64_t n)
{
    uint64_t begin = down((uintptr_t)at), end = up((uintptr_t)at + n);
    return madvise((void *)begin, end - begin, MADV_POPULATE_WRITE) == 0 || errno == EINVAL;
}

/* For 8 MiB one call takes 1.6 ms; 2,048 page faults take 3.7. */
void platform_memory_populate(void *at, uint64_t n) { (void)platform_memory_commit_mapped(at, n); }

void platform_memory_release(int memory, uint64_t offset, uint64_t n)
{
    fallocate(memory, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, (off_t)offset, (off_t)n);
}

/* Whole pages, and no neighbour's bytes. It fails where the program has locked its memory. */
bool platform_memory_release_mapped(void *at, uint64_t n)
{
    uint64_t begin = up((uintptr_t)at), end = down((uintptr_t)at + n);
    return begin >= end || madvise((void *)begin, end - begin, MADV_REMOVE) == 0;
}

/* The entry of /proc/self/map_files for the mapping that holds an address. The system lets root open it, and a process
 * that has CAP_CHECKPOINT_RESTORE. */
int platform_memory_reopen_mapped(const void *at)
{
    FILE *maps = fopen("/proc/self/maps", "re");
    char line[512], path[64];
    int fd = -1;
    unsigned long begin, end;
    while (maps && fd < 0 && fgets(line, sizeof line, maps)) {
        if (sscanf(line, "%lx-%lx", &begin, &end) != 2 || (uintptr_t)at < begin || (uintptr_t)at >= end) continue;
        snprintf(path, sizeof path, "/proc/self/map_files/%lx-%lx", begin, end);
        fd = open(path, O_RDWR | O_CLOEXEC);
        break;
    }
    if (maps) fclose(maps);
    return fd;
}

static int reopen_entry(const char *folder, const char *name, const struct file_identity *memory)
{
    char path[300];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    int fd = open(path, O_PATH | O_CLOEXEC); /* not yet: to open a stranger's device may do something */
    bool same = fd >= 0 && platform_descriptor_is(fd, memory);
    if (fd >= 0) close(fd);
    return same ? open(path, O_RDWR | O_CLOEXEC) : -1;
}

int platform_memory_reopen_of(uint64_t pid, const struct file_identity *memory)
{
    char folder[40];
    snprintf(folder, sizeof folder, "/proc/%llu/fd", (unsigned long long)pid);
    DIR *entries = opendir(folder);
    int fd = -1;
    for (struct dirent *e; entries && fd < 0 && (e = readdir(entries));)
        if (e->d_name[0] != '.') fd = reopen_entry(folder, e->d_name, memory);
    if (entries) closedir(entries);
    return fd;
}
