/* POSIX: fork(2) and SIGKILL. */
#include "platform/posix/system.h"

#include <errno.h>
#include <signal.h>
#include <sys/wait.h>

uint64_t platform_pid(void) { return (uint64_t)getpid(); }

int64_t platform_fork(void) { return fork(); }

void platform_run_fork_handlers(void)
{
    struct sigaction before, none = {.sa_handler = SIG_DFL};
    sigaction(SIGCHLD, &none, &before);
    pid_t child = fork(); /* if it fails, the handlers were called all the same */
    if (child == 0) _exit(0);
    while (child > 0 && waitpid(child, NULL, 0) < 0 && errno == EINTR) continue;
    sigaction(SIGCHLD, &before, NULL);
}

void platform_kill(uint64_t pid) { kill((pid_t)pid, SIGKILL); }

_Noreturn void platform_die(void)
{
    kill(getpid(), SIGKILL);
    for (;;) pause();
}
