/* What only systems with forks and signals have: `platform_fork`, the fork token, signal masks; and the cases of the
 * other contracts that need them. */
#include "platform/posix/system.h"
#include "platform/tests/suite.h"

#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>

enum { THREAD_LIVES = 24, TOKEN_HELD }; /* words */
enum { SLOT = 30, PARENTS_SLOT, RESERVED };

/* Run `body` in a forked child; its exit code. */
static int forked(int (*body)(void))
{
    fflush(stdout);
    int64_t pid = platform_fork();
    if (pid == 0) _exit(body());
    int status = 0;
    CHECK(pid > 0 && waitpid((pid_t)pid, &status, 0) == (pid_t)pid);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
}

/* -- the main thread ends before another: the process lives, and shows it -- */

static void *outlive(void *unused)
{
    pause_ms(100); /* until the main thread has ended */
    store(&shared->words[THREAD_LIVES], platform_single_threaded() ? 2 : 1);
    for (;;) pause_ms(1000);
    return unused;
}

int role_of_the_system(void)
{
    pthread_t thread;
    if (!platform_life_hold(memory, SLOT) || pthread_create(&thread, NULL, outlive, NULL) != 0) return 2;
    pthread_exit(NULL);
}

static void life_is_the_last_threads(void)
{
    struct child c = child_start("of_the_system", 0, NULL);
    CHECK(becomes(&shared->words[THREAD_LIVES], 1));
    CHECK(platform_life_held(memory, SLOT) == platform_life_shown);
    CHECK(platform_process_runs(c.pid, platform_start_time(c.pid)));
    CHECK(platform_doorbell_sleep(c.sentinel, monotonic_ns() + 20 * MS) == 0);
    CHECK(child_killed(&c) == KILLED);
    CHECK(!platform_life_held(memory, SLOT));
}

/* -- forks -- */

static uint32_t *token;

static int fork_is_seen(void) { return *token == 0 ? 7 : 8; }
static int fork_is_seen_again(void)
{
    if (*token != 0) return 2;
    *token = 1;
    return forked(fork_is_seen) == 7 && *token == 1 ? 7 : 3;
}

static int life_is_not_inherited(void)
{
    if (!platform_life_held(memory, PARENTS_SLOT)) return 2; /* the parent's, seen from here */
    if (platform_life_hold(memory, PARENTS_SLOT)) return 3;  /* it is another's */
    return platform_life_hold(memory, PARENTS_SLOT + 10) ? 7 : 4;
}

static int reserved;

/* The copy of a token counts, whatever the parent does with its own. */
static int token_is_inherited(void)
{
    store(&shared->words[TOKEN_HELD], 1);
    return becomes(&shared->words[TOKEN_HELD], 2) ? 7 : 2;
}

static void a_forked_child_has_the_token(void)
{
    reserved = platform_token_make(memory, &shared->family, RESERVED);
    CHECK(reserved > 2);
    int64_t pid = platform_fork();
    if (pid == 0) _exit(token_is_inherited());
    platform_close(reserved);
    CHECK(becomes(&shared->words[TOKEN_HELD], 1) && platform_token_held(memory, &shared->family, RESERVED));
    store(&shared->words[TOKEN_HELD], 2);
    int status = 0;
    CHECK(waitpid((pid_t)pid, &status, 0) == (pid_t)pid && WIFEXITED(status) && WEXITSTATUS(status) == 7);
    CHECK(!platform_token_held(memory, &shared->family, RESERVED));
}

static int child_is_alone(void)
{
    uint64_t pid = platform_pid();
    if (pid != (uint64_t)getpid() || !platform_start_time(pid)) return 2;
    return platform_single_threaded() ? 7 : 3;
}

static int prepared, told;

static void prepare(void) { prepared++; }

static void tell(int unused)
{
    (void)unused;
    told++;
}

/* No child is left, and a handler of SIGCHLD hears of none, though it is still there. */
static int handlers_of_forks_run(void)
{
    signal(SIGCHLD, tell);
    if (pthread_atfork(prepare, NULL, NULL) != 0) return 2;
    platform_run_fork_handlers();
    if (prepared != 1 || told != 0) return 3;
    if (waitpid(-1, NULL, 0) >= 0 || errno != ECHILD) return 4;
    return raise(SIGCHLD) == 0 && told == 1 ? 7 : 5;
}

/* -- messages, memory, signals, limits -- */

static int no_signal_for_a_broken_channel(void)
{
    int ends[2];
    signal(SIGPIPE, SIG_DFL);
    if (!platform_channel_make(ends)) return 2;
    platform_close(ends[1]);
    const void *const parts[2] = {"x", "y"};
    const size_t sizes[2] = {1, 1};
    if (platform_stream_write(ends[0], parts, sizes) != -1 || errno != EPIPE) return 4;
    return platform_message_send(ends[0], "x", 1, NULL) == -1 && errno == EPIPE ? 7 : 3;
}

static bool arrives(int reading, int writing)
{
    const void *const parts[2] = {"one ", "other"};
    const size_t sizes[2] = {4, 5};
    char bytes[10] = {0};
    return platform_stream_write(writing, parts, sizes) == 9 && read(reading, bytes, 9) == 9
        && strcmp(bytes, "one other") == 0;
}

static void both_parts_are_written(void)
{
    int ends[2];
    CHECK(socketpair(AF_UNIX, SOCK_STREAM, 0, ends) == 0 && arrives(ends[0], ends[1]));
    platform_close(ends[0]), platform_close(ends[1]);
    CHECK(pipe(ends) == 0 && arrives(ends[0], ends[1]));
    platform_close(ends[0]), platform_close(ends[1]);
}

/* Another process must not pull the memory from under its users.  A shared memory object of POSIX can be shortened, but
 * only the family has it. */
#ifdef F_SEAL_SHRINK
static int shortening_fails(void)
{
    if (!(fcntl(memory, F_GET_SEALS) & F_SEAL_SHRINK)) return platform_life_shown ? 3 : 7;
    return ftruncate(memory, 4096) < 0 ? 7 : 2;
}
#else
static int shortening_fails(void) { return 7; }
#endif

static int masks_are_kept(void)
{
    uint64_t mask = 1ull << (SIGUSR1 - 1) | 1ull << (SIGTERM - 1) | 1ull << 39;
    if (platform_signal_mask_set(mask) != 0 || platform_signal_mask() != mask) return 2;
    platform_interrupts_block();
    if (platform_signal_mask() != (mask | 1ull << (SIGINT - 1))) return 3;
    return platform_signal_mask_set(0) == 0 && platform_signal_mask() == 0 ? 7 : 4;
}

static int interrupts_wait(void)
{
    uint64_t before = platform_signal_mask();
    signal(SIGINT, SIG_DFL);
    platform_interrupts_block();
    raise(SIGINT);                    /* it does not arrive */
    platform_signal_mask_set(before); /* now it does */
    return 2;
}

static int limits_are_taken_over(void)
{
    struct rlimit files;
    struct platform_limits before, lowered;
    if (!platform_limits_read(&before) || getrlimit(RLIMIT_NOFILE, &files) < 0) return 2;
    files.rlim_cur--;
    if (setrlimit(RLIMIT_NOFILE, &files) < 0 || !platform_limits_read(&lowered)) return 3;
    if (memcmp(&before, &lowered, sizeof before) == 0) return 4; /* they differ, and so the record does */
    if (!platform_limits_apply(&before) || !platform_limits_read(&lowered)) return 5;
    return memcmp(&before, &lowered, sizeof before) == 0 ? 7 : 6;
}

/* -- programs -- */

/* The program has the descriptor that it is given, not one that others would inherit; the broken pipe's signal acts. */
static int a_program_is_executed(void)
{
    int given[2], other[2], status = 0;
    char command[200], letter = 0;
    if (!platform_channel_make(given) || pipe(other) < 0) return 2;
    snprintf(command, sizeof command,
             "(printf x >&%d) 2>/dev/null && exit 3; printf y >&%d; trap - PIPE; kill -s PIPE $$", other[1], given[1]);
    char *argv[] = {"sh", "-c", command, NULL};
    signal(SIGPIPE, SIG_IGN);
    int64_t pid = platform_execute(argv, &given[1], 1);
    if (pid <= 0 || waitpid((pid_t)pid, &status, 0) != (pid_t)pid) return 4;
    platform_close(given[1]);
    if (read(given[0], &letter, 1) != 1 || letter != 'y') return 5;
    return WIFSIGNALED(status) && WTERMSIG(status) == SIGPIPE ? 7 : 6;
}

/* No process is left, and the signal mask is the same. */
static int no_program_is_executed(void)
{
    char *argv[] = {"/no/such/program", NULL};
    uint64_t mask = platform_signal_mask();
    if (platform_execute(argv, NULL, 0) != -1 || errno != ENOENT) return 2;
    return platform_signal_mask() == mask && waitpid(-1, NULL, 0) < 0 && errno == ECHILD ? 7 : 3;
}

void test_system(void)
{
    life_is_the_last_threads();
    token = platform_fork_token();
    CHECK(token != NULL);
    *token = 1;
    CHECK_UNLESS_EMULATED(forked(fork_is_seen) == 7 && *token == 1);
    CHECK_UNLESS_EMULATED(forked(fork_is_seen_again) == 7);
    CHECK(platform_life_hold(memory, PARENTS_SLOT));
    CHECK(!platform_life_shown || forked(life_is_not_inherited) == 7);
    CHECK(!platform_life_held(memory, PARENTS_SLOT + 10));
    a_forked_child_has_the_token();
    CHECK_UNLESS_EMULATED(forked(child_is_alone) == 7);
    CHECK(forked(handlers_of_forks_run) == 7);
    CHECK(forked(no_signal_for_a_broken_channel) == 7);
    both_parts_are_written();
    CHECK(forked(shortening_fails) == 7);
    CHECK(forked(masks_are_kept) == 7);
    CHECK(forked(interrupts_wait) == -SIGINT);
    CHECK(forked(limits_are_taken_over) == 7);
    CHECK(forked(a_program_is_executed) == 7);
    CHECK_UNLESS_EMULATED(forked(no_program_is_executed) == 7);
}
