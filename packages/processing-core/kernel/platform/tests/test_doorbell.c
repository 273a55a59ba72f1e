/* Doorbells and observers. */
#include "platform/tests/suite.h"

#include <errno.h>
#include <signal.h>

enum { RANG = 16, SLEEPS, NOTIFIED, BOUND }; /* words */

static int look(int reading) { return platform_doorbell_sleep(reading, monotonic_ns() + 20 * MS); }

/* -- children -- */

int role_ringer(void)
{
    platform_doorbell_ring(given[0]);
    store(&shared->words[RANG], 1);
    stay();
}

static void nothing(int number) { (void)number; }

int role_sleeper_at_doorbell(void)
{
    signal(SIGINT, nothing);
    store(&shared->words[SLEEPS], 1);
    return platform_doorbell_sleep(given[0], SOON) == DOORBELL_INTERRUPTED ? 5 : 6;
}

/* Busy, so that no code of its own could end it. */
int role_bound(void)
{
    if (!platform_die_with(given[0])) return 2;
    store(&shared->words[BOUND], 1);
    for (int64_t end = SOON; monotonic_ns() < end;) continue;
    return 3;
}

int role_notifier(void)
{
    struct platform_family other = {.id = shared->family.id + 1, .token = shared->family.token};
    platform_observer_notify(&shared->family, 0x300, 4); /* another place */
    platform_observer_notify(&shared->family, 0x400, 3); /* another owner */
    platform_observer_notify(&other, 0x300, 3);
    store(&shared->words[NOTIFIED], 1);
    if (!becomes(&shared->words[NOTIFIED], 2)) return 2;
    platform_observer_notify(&shared->family, 0x300, 3);
    return 0;
}

/* -- checks -- */

static void it_rings_and_is_silent(void)
{
    int ends[2];
    CHECK(platform_doorbell_make(ends));
    CHECK(ends[0] > 2 && ends[1] > 2);
    CHECK(look(ends[0]) == 0);
    int64_t begin = monotonic_ns();
    CHECK(platform_doorbell_sleep(ends[0], begin + 100 * MS) == 0 && monotonic_ns() - begin >= 100 * MS);
    errno = 0;
    for (int i = 0; i < 100000; i++) platform_doorbell_ring(ends[1]); /* it never blocks */
    CHECK(errno == 0);
    CHECK(look(ends[0]) == DOORBELL_READABLE);
    platform_doorbell_drain(ends[0]);
    CHECK(errno == 0);
    CHECK(look(ends[0]) == 0);
    platform_doorbell_drain(ends[0]); /* nor does this */
    bool own = platform_doorbell_rings_own(ends[0]);
    CHECK(platform_doorbell_ring_own(ends[0]) == own);
    errno = 0;
    if (!own) platform_doorbell_ring(ends[1]);
    CHECK(look(ends[0]) == DOORBELL_READABLE); /* and not hung up */
    platform_doorbell_drain(ends[0]);
    CHECK(!platform_doorbell_no_readers(ends[1], -1));
    platform_close(ends[0]);
    CHECK(platform_doorbell_no_readers(ends[1], -1));
    platform_doorbell_ring(ends[1]); /* there is no reader, and no signal kills this process */
    CHECK(errno == 0);
    platform_close(ends[1]);
    CHECK(look(ends[0]) & DOORBELL_CLOSED);
}

static void it_hangs_up_with_the_last_writer(void)
{
    int ends[2], other[2];
    CHECK(platform_doorbell_make(ends) && platform_doorbell_make(other));
    struct child c = child_start("ringer", 1, &ends[1]);
    platform_close(ends[1]);
    CHECK(platform_doorbell_sleep(ends[0], SOON) == DOORBELL_READABLE);
    platform_doorbell_drain(ends[0]);
    CHECK(becomes(&shared->words[RANG], 1));
    CHECK(look(ends[0]) == 0);
    CHECK(!platform_doorbell_no_readers(other[1], ends[0]));
    CHECK(child_killed(&c) == KILLED);
    CHECK(platform_doorbell_sleep(ends[0], SOON) == DOORBELL_HUNG_UP);
    CHECK(platform_doorbell_no_readers(other[1], ends[0]));
    platform_close(ends[0]);
    platform_close(other[0]);
    platform_close(other[1]);
}

static void it_rings_after_its_writer_is_dead(void)
{
    int ends[2];
    store(&shared->words[RANG], 0);
    CHECK(platform_doorbell_make(ends));
    struct child c = child_start("ringer", 1, &ends[1]);
    platform_close(ends[1]);
    CHECK(becomes(&shared->words[RANG], 1));
    CHECK(child_killed(&c) == KILLED);
    CHECK(platform_doorbell_sleep(ends[0], SOON) == (DOORBELL_READABLE | DOORBELL_HUNG_UP));
    platform_doorbell_drain(ends[0]);
    CHECK(platform_doorbell_sleep(ends[0], SOON) == DOORBELL_HUNG_UP);
    platform_close(ends[0]);
}

static void a_signal_ends_the_sleep(void)
{
    int ends[2];
    CHECK(platform_doorbell_make(ends));
    struct child c = child_start("sleeper_at_doorbell", 1, &ends[0]);
    CHECK(becomes(&shared->words[SLEEPS], 1));
    pause_ms(100);
    child_interrupt(&c);
    CHECK(child_ends(&c) && child_collect(&c) == 5);
    platform_close(ends[0]);
    platform_close(ends[1]);
}

static void a_process_dies_with_it(void)
{
    int ends[2];
    CHECK(platform_doorbell_make(ends));
    struct child c = child_start("bound", 1, &ends[0]);
    CHECK(becomes(&shared->words[BOUND], 1));
    CHECK(platform_doorbell_sleep(c.sentinel, monotonic_ns() + 100 * MS) == 0);
    platform_close(ends[1]);
    CHECK(child_ends(&c) && child_collect(&c) == KILLED);
    store(&shared->words[BOUND], 0);
    c = child_start("bound", 1, &ends[0]); /* it has hung up before */
    CHECK(child_ends(&c) && child_collect(&c) == KILLED);
    CHECK(load(&shared->words[BOUND]) == 0);
    platform_close(ends[0]);
}

void test_doorbell(void)
{
    a_process_dies_with_it();
    it_rings_and_is_silent();
    it_hangs_up_with_the_last_writer();
    it_rings_after_its_writer_is_dead();
    a_signal_ends_the_sleep();
}

static void it_answers_to_its_name_alone(void)
{
    int observer = platform_observer_make(&shared->family, 0x300, 3);
    CHECK(observer > 2);
    CHECK(platform_observer_make(&shared->family, 0x300, 3) == -1 && errno == EADDRINUSE);
    CHECK(look(observer) == 0);
    struct child c = child_start("notifier", 0, NULL);
    CHECK(becomes(&shared->words[NOTIFIED], 1));
    CHECK(look(observer) == 0);
    store(&shared->words[NOTIFIED], 2);
    CHECK(platform_doorbell_sleep(observer, SOON) == DOORBELL_READABLE);
    CHECK(child_ends(&c) && child_collect(&c) == 0);
    errno = 0;
    platform_observer_drain(observer);
    CHECK(look(observer) == 0);
    platform_observer_drain(observer);
    CHECK(errno == 0);
    platform_close(observer);
    platform_observer_notify(&shared->family, 0x300, 3); /* there is no observer */
    CHECK(errno == 0);
    observer = platform_observer_make(&shared->family, 0x300, 3); /* the name is free */
    CHECK(observer > 2);
    platform_close(observer);
}

static void strangers_are_dropped(void)
{
    int observer = platform_observer_make(&shared->family, 0x300, 3);
    CHECK(observer > 2);
    bool filtered = platform_datagrams_require(observer, shared->family.token);
    for (int bit = 0; bit < 64; bit += 21) {
        struct platform_family stranger = {.id = shared->family.id, .token = shared->family.token ^ 1ull << bit};
        platform_observer_notify(&stranger, 0x300, 3);
    }
    CHECK(look(observer) == 0 || !filtered);
    for (int i = 0; i < 10000; i++) platform_observer_notify(&shared->family, 0x300, 3); /* it never blocks */
    CHECK(look(observer) == DOORBELL_READABLE);
    for (int i = 0; i < 1000 && look(observer); i++) platform_observer_drain(observer);
    CHECK(look(observer) == 0);
    platform_close(observer);
}

void test_observer(void)
{
    it_answers_to_its_name_alone();
    strangers_are_dropped();
}
