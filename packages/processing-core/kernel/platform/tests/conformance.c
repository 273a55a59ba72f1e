/* The suite's main program: see suite.h. */
#include "platform/tests/suite.h"

#include <stdlib.h>
#include <string.h>

struct shared *shared;
int memory = -1, given[4];
uint64_t memory_size;

static int good, bad, unproved;

void check(bool ok, const char *what, const char *file, int line)
{
    if (ok) {
        good++;
        return;
    }
    bad++;
    printf("FAILED %s:%d: %s\n", file, line, what);
    fflush(stdout);
}

void check_unless_emulated(bool ok, const char *what, const char *file, int line)
{
    if (ok || !getenv("CONFORMANCE_RUN")) {
        check(ok, what, file, line);
        return;
    }
    unproved++;
    printf("not proved under this emulator: %s:%d: %s\n", file, line, what);
}

void pause_ms(int ms)
{
    word32 *nobody_wakes = &shared->words[63];
    int64_t end = monotonic_ns() + ms * MS;
    while (monotonic_ns() < end) platform_park(nobody_wakes, load(nobody_wakes), end);
}

bool becomes(word32 *word, uint32_t value)
{
    for (int64_t end = SOON; load(word) != value && monotonic_ns() < end;) pause_ms(2);
    return load(word) == value;
}

_Noreturn void stay(void)
{
    for (;;) pause_ms(1000);
}

#define GROUPS(G)                                                                                                      \
    G(bytes)                                                                                                           \
    G(clock)                                                                                                           \
    G(random)                                                                                                          \
    G(processors)                                                                                                      \
    G(memory)                                                                                                          \
    G(park) G(liveness) G(process) G(doorbell) G(observer) G(descriptor) G(message) G(environment) G(limits) G(system)
/* clang-format off */
#define ROLES(R) \
    R(writer) R(holder_of_memory) R(waiter) R(partner) R(interrupted) R(living) R(renewing) R(with_token) R(dying) \
    R(staying) R(ringer) R(sleeper_at_doorbell) R(bound) R(notifier) R(without_streams) R(exhausted) R(sender) R(limited) \
    R(of_the_system)
/* clang-format on */

#define DECLARE_GROUP(name) void test_##name(void);
#define DECLARE_ROLE(name) int role_##name(void);
GROUPS(DECLARE_GROUP)
ROLES(DECLARE_ROLE)

#define GROUP(name) {#name, test_##name},
#define ROLE(name) {#name, role_##name},
static const struct {
    const char *name;
    void (*run)(void);
} groups[] = {GROUPS(GROUP)};
static const struct {
    const char *name;
    int (*play)(void);
} roles[] = {ROLES(ROLE)};

/* As much as the platform lets us reserve, or as the environment says (an emulator pays for address space). */
static void make_memory(void)
{
    const char *reserve = getenv("CONFORMANCE_RESERVE");
    memory_size = reserve ? strtoull(reserve, NULL, 10) : 1ull << 40;
    for (; !shared && memory_size >= 1 << 28; memory_size /= 2) {
        memory = platform_memory_create(memory_size);
        if (memory >= 0 && (shared = platform_memory_map(memory, memory_size))) break;
        if (memory >= 0) platform_close(memory);
    }
    if (shared && platform_memory_commit(memory, 0, 65536)) {
        shared->family = (struct platform_family){.id = platform_random(), .token = platform_random()};
        return;
    }
    printf("FAILED: no memory to begin with\n");
    exit(1);
}

/* role, memory, its size, further descriptors */
static int play(int argc, char **argv)
{
    memory = atoi(argv[2]);
    memory_size = strtoull(argv[3], NULL, 10);
    shared = platform_memory_map(memory, memory_size);
    if (!shared) return 98;
    for (int i = 4; i < argc; i++) given[i - 4] = atoi(argv[i]);
    for (size_t i = 0; i < sizeof roles / sizeof *roles; i++)
        if (strcmp(argv[1], roles[i].name) == 0) return roles[i].play();
    return 99;
}

int main(int argc, char **argv)
{
    prepare_process();
    if (argc > 1) return play(argc, argv);
    make_memory();
    for (size_t i = 0; i < sizeof groups / sizeof *groups; i++) {
        int before = good + bad + unproved;
        int64_t begin = monotonic_ns();
        groups[i].run();
        printf("%-12s %3d checks, %6.1f ms\n", groups[i].name, good + bad + unproved - before,
               (double)(monotonic_ns() - begin) / MS);
        fflush(stdout);
    }
    printf("%d checks, %d failed, %d not proved\n", good + bad + unproved, bad, unproved);
    return bad != 0;
}
