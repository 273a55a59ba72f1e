/* Memory, clock, random numbers, processors. */
#include "platform/tests/suite.h"

#include <errno.h>

enum { WRITER = 0, HOLDER = 1 }; /* words */
#define FAR (64ull << 20)
#define PIECE (1ull << 20)

/* -- children -- */

/* Writes what the parent committed after it had mapped the memory, and ends. */
int role_writer(void)
{
    store(&shared->words[WRITER], 1);
    if (!becomes(&shared->words[WRITER], 2)) return 2;
    if (load((word64 *)at(FAR)) != 42) return 3;
    store((word64 *)at(FAR + PIECE - 8), 43);
    return 7;
}

int role_holder_of_memory(void)
{
    store(&shared->words[HOLDER], 1);
    stay();
}

/* -- checks -- */

static void it_reads_zeros(void)
{
    int other = platform_memory_create(1 << 20);
    CHECK(other > 2);
    uint8_t *base = platform_memory_map(other, 1 << 20);
    CHECK(base && platform_memory_commit(other, 0, 1 << 20));
    CHECK(base[0] == 0 && base[(1 << 20) - 1] == 0);
    base[5] = 6;
    platform_memory_unmap(base, 1 << 20);
    base = platform_memory_map(other, 1 << 20);
    CHECK(base && base[5] == 6); /* the descriptor keeps it */
    platform_close(other);
    CHECK(base[5] == 6); /* and so does the mapping */
    platform_memory_unmap(base, 1 << 20);
    CHECK(platform_memory_create(1ull << 63) == -1 && errno != 0);
}

static void others_see_it(void)
{
    struct child c = child_start("writer", 0, NULL);
    CHECK(becomes(&shared->words[WRITER], 1));
    CHECK(platform_memory_commit(memory, FAR, PIECE));
    CHECK(platform_memory_commit(memory, FAR, PIECE)); /* twice is harmless */
    store((word64 *)at(FAR), 42);
    CHECK(platform_memory_commit(memory, FAR, PIECE));
    CHECK(load((word64 *)at(FAR)) == 42);
    store(&shared->words[WRITER], 2);
    CHECK(child_ends(&c) && child_collect(&c) == 7);
    CHECK(load((word64 *)at(FAR + PIECE - 8)) == 43);
}

static void it_is_mapped_at_once(void)
{
    CHECK(platform_memory_commit(memory, FAR, PIECE));
    store((word64 *)at(FAR), 41);
    store((word64 *)at(FAR + PIECE - 8), 40);
    platform_memory_populate(at(FAR), PIECE);
    CHECK(load((word64 *)at(FAR)) == 41 && load((word64 *)at(FAR + PIECE - 8)) == 40);
    store((word64 *)at(FAR + PIECE - 8), 42);
    CHECK(load((word64 *)at(FAR + PIECE - 8)) == 42);
}

static void it_is_given_back(void)
{
    platform_memory_release(memory, FAR, PIECE);
    CHECK(platform_memory_commit(memory, FAR, PIECE));
    store((word64 *)at(FAR), 44);
    CHECK(load((word64 *)at(FAR)) == 44);
    (void)platform_memory_release_mapped(at(FAR), PIECE); /* it may fail */
    CHECK(platform_memory_commit_mapped(at(FAR), PIECE));
    store((word64 *)at(FAR), 45);
    CHECK(load((word64 *)at(FAR)) == 45);
    platform_memory_release(memory, FAR, PIECE);
}

/* Blocks of the arena begin at any 4 KiB, whatever the system's pages are: the neighbours of what is given back keep
 * their bytes, and what is committed can be written. */
static void neighbours_keep_theirs(void)
{
    enum { STEP = 4096, BLOCKS = 64 };
    CHECK(platform_memory_commit(memory, FAR, BLOCKS * STEP));
    for (int first = 0; first < 33; first += 11) {
        uint64_t begin = FAR + (uint64_t)first * STEP, n = 17 * STEP, end = begin + n;
        for (uint64_t i = FAR; i < FAR + BLOCKS * STEP; i += 512) *at(i) = (uint8_t)(i >> 9 | 1);
        for (int way = 0; way < 2; way++) {
            if (way) platform_memory_release(memory, begin, n);
            else (void)platform_memory_release_mapped(at(begin), n);
            for (uint64_t i = FAR; i < FAR + BLOCKS * STEP; i += 512)
                if ((i < begin || i >= end) && *at(i) != (uint8_t)(i >> 9 | 1))
                    CHECK(!"a neighbour has lost its bytes");
        }
        CHECK(platform_memory_commit_mapped(at(begin), n));
        for (uint64_t i = begin; i < end; i += 512) *at(i) = 7;
    }
    platform_memory_release(memory, FAR, BLOCKS * STEP);
}

/* The system need not give another descriptor, but if it does, then of the same memory. */
static void it_is_opened_again(void)
{
    struct file_identity mine = platform_descriptor_identify(memory);
    int again = platform_memory_reopen_mapped(shared);
    CHECK(again < 0 || platform_descriptor_is(again, &mine));
    if (again >= 0) platform_close(again);
    struct child c = child_start("holder_of_memory", 0, NULL);
    CHECK(becomes(&shared->words[HOLDER], 1));
    again = platform_memory_reopen_of(c.pid, &mine);
    CHECK(again < 0 || platform_descriptor_is(again, &mine));
    if (again >= 0) platform_close(again);
    CHECK(child_killed(&c) == KILLED);
    CHECK(platform_memory_reopen_of(c.pid, &mine) < 0);
}

void test_memory(void)
{
    it_reads_zeros();
    others_see_it();
    it_is_mapped_at_once();
    it_is_given_back();
    neighbours_keep_theirs();
    it_is_opened_again();
}

void test_clock(void)
{
    int64_t before = monotonic_ns(), coarse = coarse_ns();
    CHECK(before > 0);
    for (int i = 0; i < 1000; i++) {
        int64_t now = monotonic_ns();
        if (now < before) CHECK(!"the clock went back");
        before = now;
    }
    CHECK(coarse <= before && before - coarse < 1000 * MS);
}

void test_bytes(void)
{
    static const char bytes[] = "ab\0abc\0abcd";
    CHECK(platform_find(bytes, sizeof bytes, "abc", 3) == bytes + 3);
    CHECK(platform_find(bytes, sizeof bytes, "abcd", 5) == bytes + 7);
    CHECK(platform_find(bytes, 9, "abcd", 4) == NULL && platform_find(bytes, 0, "a", 1) == NULL);
}

void test_random(void)
{
    uint64_t seen[64];
    for (int i = 0; i < 64; i++) {
        seen[i] = platform_random();
        CHECK(seen[i] != 0);
        for (int j = 0; j < i; j++)
            if (seen[i] == seen[j]) CHECK(!"a number came twice");
    }
}

void test_processors(void)
{
    CHECK(platform_processors() >= 1);
    for (int i = 0; i < 100; i++) platform_yield();
}
