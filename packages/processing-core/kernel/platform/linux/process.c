/* Linux: a process's files in /proc, and pidfds. Source: pidfd_open(2), proc_pid_stat(5). */
#include "platform/posix/system.h"

#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#ifndef SYS_pidfd_open
#define SYS_pidfd_open 434
#endif

int platform_sentinel(uint64_t pid)
{
    return platform_descriptor_above_standard((int)syscall(SYS_pidfd_open, (pid_t)pid, 0));
}

/* Field 22 of /proc/<pid>/stat; the second, in parentheses, may hold anything. Every forked child reads its own: to do
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
    bool ended = poll(&p, 1, 0) > 0;                     /* readable when the whole thread group is gone */
    uint64_t now = ended ? 0 : platform_start_time(pid); /* the pidfd pins the process: no race with reuse */
    close(fd);
    return !ended && (now == 0 || start_time == 0 || now == start_time);
}

/* A thread is a directory there. To list them takes 32 KiB, and a forked child must copy what malloc merges. */
bool platform_single_threaded(void)
{
    struct stat tasks;
    return stat("/proc/self/task", &tasks) == 0 && tasks.st_nlink == 2 + 1;
}
