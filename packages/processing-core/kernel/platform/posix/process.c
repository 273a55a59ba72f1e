/* POSIX: fork(2) and SIGKILL. */
#include "platform/posix/system.h"

#include <signal.h>

uint64_t platform_pid(void) { return (uint64_t)getpid(); }

int64_t platform_fork(void) { return fork(); }

void platform_kill(uint64_t pid) { kill((pid_t)pid, SIGKILL); }

_Noreturn void platform_die(void)
{
    kill(getpid(), SIGKILL);
    for (;;) pause();
}
