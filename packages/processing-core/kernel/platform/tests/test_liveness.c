/* Life, tokens, processes. */
#include "platform/tests/suite.h"

enum { ALIVE = 12, RENEWED, HAS_TOKEN, STAYS, ALONE }; /* words */
enum { SLOT = 5, RENEWED_SLOT = 6, RESERVED = 9, LAST_SLOT = 4095 };

/* -- children -- */

int role_living(void)
{
    bool held =
        platform_life_hold(memory, SLOT) && platform_life_hold(memory, SLOT) && platform_life_hold(memory, LAST_SLOT);
    store(&shared->words[ALIVE], held ? 1 : 2);
    stay();
}

/* Closes another descriptor of the memory, and shows its life again. */
int role_renewing(void)
{
    if (!platform_life_hold(memory, RENEWED_SLOT)) return 2;
    platform_close(platform_descriptor_duplicate(memory));
    if (!platform_life_hold(memory, RENEWED_SLOT)) return 3;
    store(&shared->words[RENEWED], 1);
    stay();
}

int role_with_token(void)
{
    store(&shared->words[HAS_TOKEN], 1);
    if (!becomes(&shared->words[HAS_TOKEN], 2)) return 2;
    platform_close(given[0]);
    store(&shared->words[HAS_TOKEN], 3);
    stay();
}

int role_dying(void) { platform_die(); }

int role_staying(void)
{
    store(&shared->words[STAYS], (uint32_t)platform_pid());
    store(&shared->times[0], platform_start_time(platform_pid()));
    store(&shared->times[1], (uint64_t)monotonic_ns());
    store(&shared->words[ALONE], platform_single_threaded() ? 1 : 2);
    stay();
}

/* -- checks -- */

static void life_ends_with_the_process(void)
{
    CHECK(!platform_life_held(memory, SLOT));
    struct child c = child_start("living", 0, NULL);
    CHECK(becomes(&shared->words[ALIVE], 1));
    CHECK(platform_life_held(memory, SLOT) && platform_life_held(memory, LAST_SLOT));
    CHECK(!platform_life_held(memory, SLOT + 1) && !platform_life_held(memory, LAST_SLOT - 1));
    CHECK(!platform_life_hold(memory, SLOT)); /* another process's */
    int64_t begin = monotonic_ns();
    for (int i = 0; i < 1000; i++)
        if (!platform_life_held(memory, SLOT)) CHECK(!"a living process looked dead");
    printf("platform_life_held: %.2f us\n", (double)(monotonic_ns() - begin) / 1e6);
    platform_kill(c.pid);
    CHECK(child_ends(&c));
    CHECK(!platform_life_held(memory, SLOT)); /* a zombie */
    CHECK(child_collect(&c) == KILLED);
}

static void life_is_renewed(void)
{
    struct child c = child_start("renewing", 0, NULL);
    CHECK(becomes(&shared->words[RENEWED], 1));
    CHECK(platform_life_held(memory, RENEWED_SLOT));
    CHECK(child_killed(&c) == KILLED);
    CHECK(!platform_life_held(memory, RENEWED_SLOT));
}

static struct child start_with_token(uint32_t slot)
{
    store(&shared->words[HAS_TOKEN], 0);
    int token = platform_token_make(memory, &shared->family, slot);
    CHECK(token > 2);
    CHECK(platform_token_held(memory, &shared->family, slot)); /* by this process */
    CHECK(!platform_life_held(memory, slot));
    struct child c = child_start("with_token", 1, &token);
    platform_close(token);
    CHECK(platform_token_held(memory, &shared->family, slot)); /* by the child, even before it runs */
    CHECK(becomes(&shared->words[HAS_TOKEN], 1));
    CHECK(platform_token_held(memory, &shared->family, slot));
    CHECK(platform_token_make(memory, &shared->family, slot) == -1);
    return c;
}

static void a_token_lives_in_its_copies(void)
{
    CHECK(!platform_token_held(memory, &shared->family, RESERVED));
    struct child c = start_with_token(RESERVED);
    CHECK(child_killed(&c) == KILLED);
    CHECK(!platform_token_held(memory, &shared->family, RESERVED));
    c = start_with_token(RESERVED);
    store(&shared->words[HAS_TOKEN], 2);
    CHECK(becomes(&shared->words[HAS_TOKEN], 3)); /* it has closed it */
    CHECK(!platform_token_held(memory, &shared->family, RESERVED));
    CHECK(child_killed(&c) == KILLED);
}

void test_liveness(void)
{
    if (platform_life_shown) {
        life_ends_with_the_process();
        life_is_renewed();
    } else {
        CHECK(platform_life_hold(memory, SLOT) && !platform_life_held(memory, SLOT));
    }
    a_token_lives_in_its_copies();
}

static void a_process_is_known(void)
{
    struct child c = child_start("staying", 0, NULL);
    CHECK(becomes(&shared->words[STAYS], (uint32_t)c.pid));
    for (int64_t end = SOON; !load(&shared->times[1]) && monotonic_ns() < end;) pause_ms(2);
    CHECK((int64_t)load(&shared->times[1]) <= monotonic_ns()); /* one clock */
    uint64_t born = platform_start_time(c.pid);
    CHECK(born != 0);
    CHECK_UNLESS_EMULATED(born == load(&shared->times[0])); /* it makes up the process's own */
    for (int64_t end = SOON; !load(&shared->words[ALONE]) && monotonic_ns() < end;) pause_ms(2);
    CHECK_UNLESS_EMULATED(load(&shared->words[ALONE]) == 1); /* it has a thread of its own */
    CHECK(platform_process_runs(c.pid, born));
    CHECK(platform_process_runs(c.pid, 0));
    CHECK(!platform_process_runs(c.pid, born + 1)); /* another had this pid */
    CHECK(platform_doorbell_sleep(c.sentinel, monotonic_ns() + 20 * MS) == 0);
    platform_kill(c.pid);
    CHECK(child_ends(&c));
    CHECK(!platform_process_runs(c.pid, born)); /* a zombie */
    CHECK(child_collect(&c) == KILLED);
    CHECK(!platform_process_runs(c.pid, born) && platform_start_time(c.pid) == 0);
}

void test_process(void)
{
    CHECK(platform_pid() != 0);
    CHECK(platform_process_runs(platform_pid(), platform_start_time(platform_pid())));
    a_process_is_known();
    struct child c = child_start("dying", 0, NULL);
    CHECK(child_ends(&c) && child_collect(&c) == KILLED);
    CHECK(platform_sentinel(c.pid) == -1);
}
