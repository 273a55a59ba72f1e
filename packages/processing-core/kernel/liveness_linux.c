/* Linux: POSIX record locks on bytes of the arena's file, and pidfds.
 *
 * A member write-locks byte LIFE + slot.  The kernel drops the lock when the last thread of the process has left its
 * memory, so a lock that is held proves life, even while the first thread is a zombie and others still run.  The
 * converse does not hold: a process that closes any descriptor of the file loses its locks.  So a lock that is not
 * held proves nothing, and (pid, start time) decides.  Source: fcntl(2), pidfd_open(2), proc_pid_stat(5). */
#include "member.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#define LIFE (1ll << 61)
#define TOKEN (LIFE + MEMBER_SLOTS)

#ifndef SYS_pidfd_open
#define SYS_pidfd_open 434
#endif

static struct flock byte_lock(short type, off_t at)
{
    return (struct flock){.l_type = type, .l_whence = SEEK_SET, .l_start = at, .l_len = 1};
}

static bool held(int fd, off_t at)
{
    struct flock lock = byte_lock(F_WRLCK, at);
    return fcntl(fd, F_GETLK, &lock) == 0 && lock.l_type != F_UNLCK;
}

bool platform_life_hold(int fd, uint32_t slot)
{
    struct flock lock = byte_lock(F_WRLCK, LIFE + slot);
    return fcntl(fd, F_SETLK, &lock) == 0;
}

bool platform_life_held(int fd, uint32_t slot) { return held(fd, LIFE + slot); }
bool platform_token_held(int fd, uint32_t slot) { return held(fd, TOKEN + slot); }

/* The lock belongs to an open file description of its own, which a fork or SCM_RIGHTS hands on. */
int platform_token_make(int fd, uint32_t slot)
{
    char path[40];
    snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
    int token = open(path, O_RDWR | O_CLOEXEC);
    if (token < 0) return -1;
    struct flock lock = byte_lock(F_WRLCK, TOKEN + slot);
    if (fcntl(token, F_OFD_SETLK, &lock) == 0) return token;
    int saved = errno;
    close(token);
    errno = saved;
    return -1;
}

/* Field 22 of /proc/<pid>/stat; the second, in parentheses, may hold anything.  Every forked child reads its own: to do
 * without printf and strtoull there saves the faults that their code and tables cost. */
uint64_t platform_start_time(uint64_t pid)
{
    char path[40] = "/proc/self/stat", text[1024];
    if (pid != (uint64_t)getpid()) snprintf(path, sizeof path, "/proc/%llu/stat", (unsigned long long)pid);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) return 0;
    ssize_t n = read(fd, text, sizeof text - 1);
    close(fd);
    if (n <= 0) return 0;
    text[n] = 0;
    char *field = strrchr(text, ')');
    for (int i = 2; field && i < 22; i++) field = strchr(field + 1, ' ');
    uint64_t ticks = 0;
    for (; field && field[1] >= '0' && field[1] <= '9'; field++) ticks = 10 * ticks + (uint64_t)(field[1] - '0');
    return ticks;
}

bool platform_process_runs(uint64_t pid, uint64_t start_time)
{
    int fd = (int)syscall(SYS_pidfd_open, (pid_t)pid, 0);
    if (fd < 0) return errno != ESRCH && errno != EINVAL;
    struct pollfd p = {.fd = fd, .events = POLLIN};
    bool ended = poll(&p, 1, 0) > 0; /* readable when the whole thread group is gone */
    uint64_t now = ended ? 0 : platform_start_time(pid); /* the pidfd pins the process: no race with reuse */
    close(fd);
    return !ended && (now == 0 || start_time == 0 || now == start_time);
}
