/* Children by fork and exec. The environment variable CONFORMANCE_RUN names a program that runs ours: an emulator. */
#include "platform/posix/system.h"
#include "platform/tests/suite.h"

#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>

#ifdef __APPLE__
#include <libproc.h>
#endif

#define LONGEST 200 /* seconds; a process that hangs ends then, and its parent's checks fail */

const bool descriptors_are_bounded = true;
const bool messages_carry_any = true;

void prepare_process(void)
{
    signal(SIGPIPE, SIG_IGN);
    alarm(LONGEST);
}

static char *text_of(char text[32], uint64_t number)
{
    snprintf(text, 32, "%llu", (unsigned long long)number);
    return text;
}

#ifdef __APPLE__
static bool own_path(char *path, size_t size) { return proc_pidpath(getpid(), path, (uint32_t)size) > 0; }
#else
static bool own_path(char *path, size_t size)
{
    memset(path, 0, size);
    return readlink("/proc/self/exe", path, size - 1) > 0;
}
#endif

static void execute(const char *role, int n, const int *inherited)
{
    static char text[8][32], program[4096];
    char *argv[12], *run = getenv("CONFORMANCE_RUN");
    int a = 0;
    if (!own_path(program, sizeof program)) _exit(127);
    if (run) argv[a++] = run;
    argv[a++] = program;
    argv[a++] = (char *)role;
    argv[a++] = text_of(text[0], (uint64_t)memory);
    argv[a++] = text_of(text[1], memory_size);
    for (int i = 0; i < n; i++) argv[a++] = text_of(text[2 + i], (uint64_t)inherited[i]);
    argv[a] = NULL;
    fcntl(memory, F_SETFD, 0);
    for (int i = 0; i < n; i++) fcntl(inherited[i], F_SETFD, 0);
    execv(argv[0], argv);
    _exit(127);
}

struct child child_start(const char *role, int n, const int *inherited)
{
    struct child c = {.sentinel = -1};
    int64_t pid = platform_fork();
    if (pid == 0) execute(role, n, inherited);
    CHECK(pid > 0);
    c.pid = (uint64_t)pid;
    c.sentinel = platform_sentinel(c.pid);
    CHECK(c.sentinel > 2);
    return c;
}

bool child_ends(struct child *c) { return platform_doorbell_sleep(c->sentinel, SOON) & DOORBELL_READABLE; }

int child_collect(struct child *c)
{
    int status = 0;
    if (waitpid((pid_t)c->pid, &status, 0) < 0) return -1;
    platform_close(c->sentinel);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
}

int child_killed(struct child *c)
{
    platform_kill(c->pid);
    return child_ends(c) ? child_collect(c) : -1;
}

void child_interrupt(struct child *c) { kill((pid_t)c->pid, SIGINT); }
