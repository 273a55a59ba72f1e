/* What only Windows has: handlers of Ctrl-C in a thread of their own, a table of sleepers that can be full. */
#include "platform/tests/suite.h"
#include "platform/windows/system.h"

enum { SLEEPERS = 26, AWAKE, GO, SAME_PLACE, BOTH }; /* words */
#define MOST 40                                      /* more than the places near a word */

int role_of_the_system(void) { return platform_fork() == -1 && errno == ENOSYS ? 0 : 1; }

static DWORD WINAPI sleep_at_word(void *unused)
{
    (void)unused;
    fetch_add(&shared->words[SLEEPERS], 1);
    while (load(&shared->words[GO]) == 0) platform_park(&shared->words[GO], 0, SOON);
    fetch_add(&shared->words[AWAKE], 1);
    return 0;
}

static void many_sleep_at_one_word(void)
{
    HANDLE threads[MOST];
    for (int i = 0; i < MOST; i++) threads[i] = CreateThread(NULL, 0, sleep_at_word, NULL, 0, NULL);
    CHECK(becomes(&shared->words[SLEEPERS], MOST));
    pause_ms(200);
    store(&shared->words[GO], 1);
    CHECK(platform_wake(&shared->words[GO], MOST) <= MOST);
    CHECK(becomes(&shared->words[AWAKE], MOST));
    for (int i = 0; i < MOST; i++) CloseHandle(threads[i]);
    uint64_t offset;
    CHECK(load(&room_at(shared, &offset)->crowded) == 0);
}

static DWORD WINAPI sleep_once(void *word)
{
    CHECK(platform_park(word, 0, SOON) == WOKEN);
    fetch_add(&shared->words[BOTH], 1);
    return 0;
}

/* Words of two memories whose sleepers have the same place of their tables. */
static void memories_have_places_of_their_own(void)
{
    int second = platform_memory_create(1 << 20);
    struct shared *other = platform_memory_map(second, 1 << 20);
    CHECK(second > 0 && other);
    word32 *words[2] = {&shared->words[SAME_PLACE], &other->words[SAME_PLACE]};
    HANDLE threads[2];
    for (int i = 0; i < 2; i++) {
        threads[i] = CreateThread(NULL, 0, sleep_once, words[i], 0, NULL);
        pause_ms(200);
    }
    for (int i = 0; i < 2; i++) {
        store(words[i], 1);
        CHECK(platform_wake(words[i], 1) == 1);
        CHECK(becomes(&shared->words[BOTH], (uint32_t)i + 1));
    }
    for (int i = 0; i < 2; i++) {
        WaitForSingleObject(threads[i], INFINITE);
        CloseHandle(threads[i]);
    }
    platform_memory_unmap(other, 1 << 20);
    platform_close(second);
}

/* Memory that was not committed reads as zeros. */
static void memory_is_committed_when_touched(void)
{
    CHECK(load((word64 *)at(100ull << 20)) == 0);
    store((word64 *)at(101ull << 20), 5);
    CHECK(load((word64 *)at(101ull << 20)) == 5);
}

void test_system(void)
{
    struct child c = child_start("of_the_system", 0, NULL);
    CHECK(child_ends(&c) && child_collect(&c) == 0);
    many_sleep_at_one_word();
    memories_have_places_of_their_own();
    memory_is_committed_when_touched();
}
