/* POSIX: execvp(3) in a child of vfork(2).
 *
 * Until it executes the program, the child has the parent's memory and the parent's thread waits; so it calls only what
 * signal-safety(7) lists, writes to nothing but its own frame and `failure`, and no handler runs in it: all signals are
 * blocked until it has set those with handlers to their default, in a table of its own. */
#include "platform/posix/system.h"

#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <signal.h>
#include <sys/wait.h>

#define LAST_SIGNAL 64

struct execution {
    char *const *argv;
    const int *given;
    int n;
    sigset_t mask;        /* of the caller */
    volatile int failure; /* written by the child */
};

/* `SIGPIPE` and `SIGXFSZ` are ignored by Python, not by the user. */
static void reset_signals(const sigset_t *mask)
{
    for (int i = 1; i <= LAST_SIGNAL; i++) {
        struct sigaction present;
        if (sigaction(i, NULL, &present) < 0 || present.sa_handler == SIG_DFL) continue;
        if (present.sa_handler == SIG_IGN && i != SIGPIPE && i != SIGXFSZ) continue;
        signal(i, SIG_DFL);
    }
    pthread_sigmask(SIG_SETMASK, mask, NULL);
}

static void keep_only(const int *given, int n)
{
    unsigned first = STDERR_FILENO + 1;
    for (int i = 0; i < n; i++) {
        if ((unsigned)given[i] > first) platform_descriptors_close(first, (unsigned)given[i] - 1);
        first = (unsigned)given[i] + 1;
    }
    platform_descriptors_close(first, INT_MAX);
}

static _Noreturn void become(struct execution *e)
{
    bool kept = true;
    for (int i = 0; i < e->n; i++) kept = kept && fcntl(e->given[i], F_SETFD, 0) == 0;
    if (kept) {
        keep_only(e->given, e->n);
        reset_signals(&e->mask);
        execvp(e->argv[0], e->argv);
    }
    e->failure = errno;
    _exit(127);
}

int64_t platform_execute(char *const argv[], const int *given, int n)
{
    struct execution e = {.argv = argv, .given = given, .n = n};
    sigset_t all;
    sigfillset(&all);
    pthread_sigmask(SIG_BLOCK, &all, &e.mask);
    pid_t pid = vfork();
    if (pid == 0) become(&e);
    int error = pid < 0 ? errno : e.failure;
    pthread_sigmask(SIG_SETMASK, &e.mask, NULL);
    if (pid > 0 && error) waitpid(pid, NULL, 0);
    if (error) errno = error;
    return error ? -1 : pid;
}
