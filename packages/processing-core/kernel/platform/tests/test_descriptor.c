/* Descriptors, messages, the environment, limits. */
#include "platform/tests/suite.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum { STARTED = 20, LIMITED }; /* words */

/* -- children -- */

/* Whatever the platform makes stands above the standard streams, though these are closed. */
int role_without_streams(void)
{
    int ends[2], observer;
    for (int fd = 0; fd < 3; fd++) platform_close(fd);
    if (platform_memory_create(4096) < 3) return 2;
    if (!platform_doorbell_make(ends) || ends[0] < 3 || ends[1] < 3) return 3;
    if ((observer = platform_observer_make(&shared->family, 0x900, 0)) < 3) return 4;
    if (messages_carry_any && (!platform_channel_make(ends) || ends[0] < 3 || ends[1] < 3)) return 5;
    if (platform_descriptor_duplicate(observer) < 3) return 6;
    if (platform_token_make(memory, &shared->family, 77) < 3) return 7;
    if (platform_sentinel(platform_pid()) < 3) return 8;
    return platform_descriptor_above_standard(observer) == observer ? 0 : 9;
}

/* Whatever makes a descriptor says that there are no more. */
int role_exhausted(void)
{
    int ends[2];
    char text[200];
    while (platform_descriptor_duplicate(memory) >= 0) continue;
    int error = errno;
    if (!platform_descriptors_scarce(error)) return 2;
    if (!platform_descriptor_scarcity(error, text, sizeof text) || !strlen(text)) return 3;
    if (platform_memory_create(4096) >= 0 || !platform_descriptors_scarce(errno)) return 4;
    if (platform_doorbell_make(ends) || !platform_descriptors_scarce(errno)) return 5;
    if (platform_observer_make(&shared->family, 0xa00, 0) >= 0 || !platform_descriptors_scarce(errno)) return 6;
    if (platform_channel_make(ends) || !platform_descriptors_scarce(errno)) return 7;
    if (platform_token_held(memory, &shared->family, 79)) return 10;
    if (platform_token_make(memory, &shared->family, 78) >= 0 || !platform_descriptors_scarce(errno)) return 8;
    if (platform_sentinel(platform_pid()) >= 0 || !platform_descriptors_scarce(errno)) return 9;
    return 0;
}

/* Sends a message with two descriptors, and stays. */
int role_sender(void)
{
    struct descriptors with = {{memory, given[0]}, 2};
    if (platform_message_send(given[0], "words", 5, &with) != 5) return 2;
    store(&shared->words[STARTED], 1);
    stay();
}

/* Is bounded as the shared memory says, and says how it is bounded then. */
int role_limited(void)
{
    struct platform_limits limits;
    memcpy(&limits, shared->limits, sizeof limits);
    if (!platform_limits_apply(&limits)) return 2;
    if (!platform_limits_apply(&limits)) return 3; /* nothing differs */
    if (!platform_limits_read(&limits)) return 4;
    return memcmp(&limits, shared->limits, sizeof limits) == 0 ? 0 : 5;
}

/* -- checks -- */

void test_descriptor(void)
{
    struct file_identity mine = platform_descriptor_identify(memory);
    int copy = platform_descriptor_duplicate(memory), other = platform_memory_create(4096);
    CHECK(copy > 2 && copy != memory && other > 2);
    CHECK(platform_descriptor_is(copy, &mine));
    CHECK(!platform_descriptor_is(other, &mine));
    errno = ENOENT;
    platform_close(copy);
    CHECK(!platform_descriptor_is(copy, &mine) && !platform_descriptor_is(-1, &mine));
    struct file_identity nothing = platform_descriptor_identify(copy);
    CHECK(nothing.device == 0 && nothing.inode == 0 && !platform_descriptor_is(copy, &nothing));
    platform_close(copy); /* not open */
    CHECK(errno == ENOENT);
    CHECK(platform_descriptor_duplicate(copy) == -1 && errno == EBADF);
    CHECK(platform_descriptor_above_standard(-1) == -1 && platform_descriptor_above_standard(other) == other);
    platform_close(other);
    char text[200] = "";
    CHECK(!platform_descriptors_scarce(EBADF) && !platform_descriptor_scarcity(EBADF, text, sizeof text));
    struct child c = child_start("without_streams", 0, NULL);
    CHECK(child_ends(&c) && child_collect(&c) == 0);
    if (!descriptors_are_bounded) return;
    c = child_start("exhausted", 0, NULL);
    CHECK(child_ends(&c) && child_collect(&c) == 0);
}

static void messages_carry_descriptors(void)
{
    int ends[2];
    char bytes[16];
    struct descriptors with = {{0}, 2}; /* whatever stood there before */
    struct file_identity mine = platform_descriptor_identify(memory);
    CHECK(platform_channel_make(ends) && ends[0] > 2 && ends[1] > 2);
    CHECK(platform_message_send(ends[0], "x", 1, NULL) == 1);
    CHECK(platform_message_receive(ends[1], bytes, sizeof bytes, &with) == 1 && bytes[0] == 'x' && with.n == 0);
    struct child c = child_start("sender", 1, &ends[1]);
    platform_close(ends[1]);
    CHECK(platform_message_receive(ends[0], bytes, sizeof bytes, &with) == 5 && memcmp(bytes, "words", 5) == 0);
    CHECK(with.n == 2 && with.fds[0] > 2 && platform_descriptor_is(with.fds[0], &mine));
    CHECK(becomes(&shared->words[STARTED], 1));
    while (with.n) platform_close(with.fds[--with.n]);
    CHECK(child_killed(&c) == KILLED);
    CHECK(platform_message_receive(ends[0], bytes, sizeof bytes, &with) == 0 && with.n == 0); /* the end */
    CHECK(platform_message_send(ends[0], "x", 1, NULL) == -1 && errno == EPIPE);              /* and no signal */
    platform_close(ends[0]);
}

static void the_dead_send_what_they_sent(void)
{
    int ends[2];
    char bytes[16];
    struct descriptors with = {{0}, 0};
    store(&shared->words[STARTED], 0);
    CHECK(platform_channel_make(ends));
    struct child c = child_start("sender", 1, &ends[1]);
    platform_close(ends[1]);
    CHECK(becomes(&shared->words[STARTED], 1));
    CHECK(child_killed(&c) == KILLED);
    CHECK(platform_message_receive(ends[0], bytes, sizeof bytes, &with) == 5 && with.n == 2);
    while (with.n) platform_close(with.fds[--with.n]);
    CHECK(platform_message_receive(ends[0], bytes, sizeof bytes, &with) == 0);
    platform_close(ends[0]);
}

void test_message(void)
{
    int ends[2];
    if (!messages_carry_any) {
        CHECK(!platform_channel_make(ends) && errno == ENOSYS);
        return;
    }
    messages_carry_descriptors();
    the_dead_send_what_they_sent();
}

void test_environment(void)
{
    char **entries = platform_environment(), *path = getenv("PATH");
    int n = 0, found = 0;
    for (; entries && entries[n]; n++) {
        CHECK(strchr(entries[n], '=') != NULL);
        found += path && strncmp(entries[n], "PATH=", 5) == 0 && strcmp(entries[n] + 5, path) == 0;
    }
    CHECK(found == (path != NULL));
}

void test_limits(void)
{
    struct platform_limits limits, again;
    memset(&limits, 0x55, sizeof limits);
    CHECK(platform_limits_read(&limits) && platform_limits_read(&again));
    CHECK(memcmp(&limits, &again, sizeof limits) == 0);
    CHECK(sizeof limits <= sizeof shared->limits);
    memcpy(shared->limits, &limits, sizeof limits);
    struct child c = child_start("limited", 0, NULL);
    CHECK(child_ends(&c) && child_collect(&c) == 0);
}
