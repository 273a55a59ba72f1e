/* Linux: POSIX record locks on bytes of the arena's file.
 *
 * A member write-locks byte LIFE + slot. The kernel drops the lock when the last thread of the process has left its
 * memory, so a lock that is held proves life, even while the first thread is a zombie and others still run. The
 * converse does not hold: a process that closes any descriptor of the file loses its locks. So a lock that is not
 * held proves nothing, and (pid, start time) decides. Source: fcntl(2).
 *
 * A token is a lock on byte TOKEN + slot, or, where /proc is missing, a socket with the slot's address. */
#include "platform/posix/system.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>

#define SLOTS 4096
#define LIFE (1ll << 61)
#define TOKEN (LIFE + SLOTS)

static struct flock byte_lock(short type, off_t at)
{
    return (struct flock){.l_type = type, .l_whence = SEEK_SET, .l_start = at, .l_len = 1};
}

static bool held(int fd, off_t at)
{
    struct flock lock = byte_lock(F_WRLCK, at);
    return fcntl(fd, F_GETLK, &lock) == 0 && lock.l_type != F_UNLCK;
}

const bool platform_life_shown = true;

bool platform_life_hold(int memory, uint32_t slot)
{
    struct flock lock = byte_lock(F_WRLCK, LIFE + slot);
    return fcntl(memory, F_SETLK, &lock) == 0;
}

bool platform_life_held(int memory, uint32_t slot) { return held(memory, LIFE + slot); }

/* -- tokens -- */

static socklen_t token_address(struct sockaddr_un *a, const struct platform_family *family, uint32_t slot)
{
    memset(a, 0, sizeof *a);
    a->sun_family = AF_UNIX;
    int n = snprintf(a->sun_path + 1, sizeof a->sun_path - 1, "processing-token-%016llx-%x",
                     (unsigned long long)family->id, slot);
    return (socklen_t)(offsetof(struct sockaddr_un, sun_path) + 1 + (size_t)n);
}

/* Without /proc the arena's file cannot be opened a second time. Then the token is a socket: its abstract address,
 * unix(7), is in use until the last copy of the descriptor is closed. Datagrams that other programs send there are
 * never read. */
static int token_make_bound(struct platform_family *family, uint32_t slot)
{
    struct sockaddr_un a;
    socklen_t size = token_address(&a, family, slot);
    int token = platform_descriptor_above_standard(socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0));
    if (token < 0) return -1;
    platform_datagrams_require(token, family->token);
    if (bind(token, (struct sockaddr *)&a, size) == 0) {
        store_release(&family->bound_tokens, 1); /* pairs with the look in `platform_token_held` */
        return token;
    }
    platform_close(token);
    return -1;
}

/* Held unless the system says that the address is free: only that proves that no copy is left. */
static bool token_bound(const struct platform_family *family, uint32_t slot)
{
    struct sockaddr_un a;
    socklen_t size = token_address(&a, family, slot);
    int saved = errno, fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    bool free = fd >= 0 && connect(fd, (struct sockaddr *)&a, size) < 0 && errno == ECONNREFUSED;
    if (fd >= 0) close(fd);
    errno = saved;
    return !free;
}

bool platform_token_held(int memory, const struct platform_family *family, uint32_t slot)
{
    return held(memory, TOKEN + slot) || (load_acquire(&family->bound_tokens) && token_bound(family, slot));
}

/* The lock belongs to an open file description of its own, which a fork or SCM_RIGHTS hands on. */
int platform_token_make(int memory, struct platform_family *family, uint32_t slot)
{
    char path[40];
    snprintf(path, sizeof path, "/proc/self/fd/%d", memory);
    int token = platform_descriptor_above_standard(open(path, O_RDWR | O_CLOEXEC));
    if (token < 0) return platform_descriptors_scarce(errno) ? -1 : token_make_bound(family, slot);
    struct flock lock = byte_lock(F_WRLCK, TOKEN + slot);
    if (fcntl(token, F_OFD_SETLK, &lock) == 0) return token;
    platform_close(token);
    return -1;
}
