/* macOS: proc_pidinfo, and a kqueue(2) for the end of a process. A kqueue is no descriptor of the process: no fork
 * inherits it, and it cannot be sent. */
#include "platform/posix/system.h"

#include <fcntl.h>
#include <libproc.h>
#include <sys/event.h>
#include <sys/proc.h>
#include <sys/wait.h>

static bool look(uint64_t pid, struct proc_bsdinfo *info)
{
    return proc_pidinfo((int)pid, PROC_PIDTBSDINFO, 0, info, sizeof *info) == (int)sizeof *info;
}

static uint64_t started(const struct proc_bsdinfo *info)
{
    return info->pbi_start_tvsec * 1000000 + info->pbi_start_tvusec;
}

uint64_t platform_start_time(uint64_t pid)
{
    struct proc_bsdinfo info;
    return look(pid, &info) ? started(&info) : 0;
}

bool platform_process_runs(uint64_t pid, uint64_t start_time)
{
    struct proc_bsdinfo info;
    errno = 0;
    if (!look(pid, &info)) return errno == EPERM;
    return info.pbi_status != SZOMB && (start_time == 0 || started(&info) == start_time);
}

/* A kqueue tells nothing of a process that is a zombie already: then an event of its own makes it readable at once. */
static bool watch(int queue, uint64_t pid)
{
    struct kevent change;
    EV_SET(&change, (uintptr_t)pid, EVFILT_PROC, EV_ADD, NOTE_EXIT, 0, NULL);
    bool watched = kevent(queue, &change, 1, NULL, 0, NULL) == 0;
    if (!watched && errno != ESRCH) return false;
    if (watched && platform_process_runs(pid, 0)) return true;
    siginfo_t info = {0};
    if (waitid(P_PID, (id_t)pid, &info, WEXITED | WNOWAIT | WNOHANG) < 0 && !watched) {
        errno = ESRCH;
        return false;
    }
    EV_SET(&change, 1, EVFILT_USER, EV_ADD, NOTE_TRIGGER, 0, NULL);
    return kevent(queue, &change, 1, NULL, 0, NULL) == 0;
}

int platform_sentinel(uint64_t pid)
{
    int queue = platform_descriptor_above_standard(kqueue());
    if (queue < 0) return -1;
    fcntl(queue, F_SETFD, FD_CLOEXEC);
    if (watch(queue, pid)) return queue;
    platform_close(queue);
    return -1;
}

bool platform_single_threaded(void)
{
    struct proc_taskinfo info;
    return proc_pidinfo(getpid(), PROC_PIDTASKINFO, 0, &info, sizeof info) == (int)sizeof info
        && info.pti_threadnum == 1;
}

void platform_descriptors_close(unsigned first, unsigned last)
{
    unsigned end = (unsigned)getdtablesize();
    for (unsigned fd = first; fd <= last && fd < end; fd++) close((int)fd);
}
