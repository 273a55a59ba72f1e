/* Sleeping on a word. */
#include "platform/tests/suite.h"

#include <signal.h>

enum { READY = 4, WORD, WOKE, PING, PONG, LATE, SIGNALLED }; /* words */
#define ROUNDS 500

/* -- children -- */

int role_waiter(void)
{
    fetch_add(&shared->words[READY], 1);
    while (load(&shared->words[WORD]) == 0) platform_park(&shared->words[WORD], 0, SOON);
    fetch_add(&shared->words[WOKE], 1);
    return 0;
}

/* Wait for the other's word to leave `seen`. A wake that was lost would be noticed 20 s late. */
static void wait_for_change(word32 *word, uint32_t seen)
{
    while (load(word) == seen)
        if (platform_park(word, seen, SOON) == TIMED_OUT) fetch_add(&shared->words[LATE], 1);
}

int role_partner(void)
{
    for (uint32_t i = 0; i < ROUNDS; i++) {
        wait_for_change(&shared->words[PING], i);
        fetch_add(&shared->words[PONG], 1);
        platform_wake(&shared->words[PONG], 1);
    }
    return 0;
}

static void count_signal(int number)
{
    (void)number;
    fetch_add(&shared->words[SIGNALLED], 2);
}

int role_interrupted(void)
{
    signal(SIGINT, count_signal);
    store(&shared->words[SIGNALLED], 1);
    int result;
    do result = platform_park(&shared->words[62], 0, SOON);
    while (result == WOKEN);
    return result == INTERRUPTED && load(&shared->words[SIGNALLED]) >= 3 ? 5 : 6;
}

/* -- checks -- */

static void it_returns_at_once_or_at_the_deadline(void)
{
    int64_t begin = monotonic_ns();
    CHECK(platform_park(&shared->words[WORD], 9, begin + 10000 * MS) == WOKEN); /* the value is another */
    CHECK(monotonic_ns() - begin < 5000 * MS);
    begin = monotonic_ns();
    int result;
    do result = platform_park(&shared->words[WORD], 0, begin + 100 * MS);
    while (result == WOKEN);
    CHECK(result == TIMED_OUT);
    CHECK(monotonic_ns() - begin >= 100 * MS);
    CHECK(platform_park(&shared->words[WORD], 0, begin) != INTERRUPTED); /* long past */
    CHECK(platform_wake(&shared->words[WORD], 1) <= 0);                  /* no thread sleeps there */
}

static void the_living_are_woken(void)
{
    struct child c[3];
    for (int i = 0; i < 3; i++) c[i] = child_start("waiter", 0, NULL);
    CHECK(becomes(&shared->words[READY], 3));
    pause_ms(100);
    CHECK(child_killed(&c[0]) == KILLED);
    store(&shared->words[WORD], 1);
    int woken = platform_wake(&shared->words[WORD], 2); /* a dead sleeper takes none of the two */
    CHECK(woken == -1 || woken <= 2);
    CHECK(becomes(&shared->words[WOKE], 2));
    for (int i = 1; i < 3; i++) CHECK(child_ends(&c[i]) && child_collect(&c[i]) == 0);
}

static void no_wake_is_lost(void)
{
    struct child c = child_start("partner", 0, NULL);
    int64_t begin = 0;
    for (uint32_t i = 0; i < ROUNDS; i++) {
        if (i == 1) begin = monotonic_ns();
        fetch_add(&shared->words[PING], 1);
        platform_wake(&shared->words[PING], 1);
        wait_for_change(&shared->words[PONG], i);
    }
    printf("a round trip of two sleepers: %.1f us\n", (double)(monotonic_ns() - begin) / 1000 / (ROUNDS - 1));
    CHECK(load(&shared->words[LATE]) == 0);
    CHECK(child_ends(&c) && child_collect(&c) == 0);
}

static void a_signal_ends_it(void)
{
    struct child c = child_start("interrupted", 0, NULL);
    CHECK(becomes(&shared->words[SIGNALLED], 1));
    pause_ms(100);
    child_interrupt(&c);
    CHECK(child_ends(&c) && child_collect(&c) == 5);
}

void test_park(void)
{
    it_returns_at_once_or_at_the_deadline();
    the_living_are_woken();
    no_wake_is_lost();
    a_signal_ends_it();
}
