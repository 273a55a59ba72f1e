/* Linux: datagrams to an abstract address, unix(7), which needs no file and no permission. A classic BPF program on
 * the socket (socket(7), SO_ATTACH_FILTER), which needs no privilege, drops datagrams that do not begin with the token,
 * in the sender's system call. */
#include "platform/posix/system.h"

#include <linux/filter.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>

#define MOST_AT_ONCE 16
#define TOKEN 8 /* bytes */

static socklen_t address_of(struct sockaddr_un *a, const struct platform_family *family, uint64_t owner, uint32_t place)
{
    memset(a, 0, sizeof *a);
    a->sun_family = AF_UNIX;
    int n = snprintf(a->sun_path + 1, sizeof a->sun_path - 1, "processing-observer-%016llx-%llx-%x",
                     (unsigned long long)family->id, (unsigned long long)owner, place);
    return (socklen_t)(offsetof(struct sockaddr_un, sun_path) + 1 + (size_t)n);
}

int platform_observer_make(const struct platform_family *family, uint64_t owner, uint32_t place)
{
    struct sockaddr_un a;
    socklen_t size = address_of(&a, family, owner, place);
    int fd = platform_descriptor_above_standard(socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
    if (fd < 0 || bind(fd, (struct sockaddr *)&a, size) == 0) return fd;
    platform_close(fd);
    return -1;
}

/* Whether it arrives does not matter: if not, there is no observer, or its queue is full and the observer is awake. */
void platform_observer_notify(const struct platform_family *family, uint64_t owner, uint32_t place)
{
    struct sockaddr_un a;
    socklen_t size = address_of(&a, family, owner, place);
    uint8_t bytes[TOKEN];
    for (int i = 0; i < TOKEN; i++) bytes[i] = (uint8_t)(family->token >> (56 - 8 * i));
    int saved = errno, fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd >= 0) {
        sendto(fd, bytes, sizeof bytes, MSG_DONTWAIT | MSG_NOSIGNAL, (struct sockaddr *)&a, size);
        close(fd);
    }
    errno = saved;
}

/* Bounded: others may send as fast as this receives. One system call, because each wake-up of an event loop does it. */
void platform_observer_drain(int fd)
{
    struct mmsghdr messages[MOST_AT_ONCE];
    int saved = errno;
    char byte; /* what is longer is dropped; without any room qemu-user takes no datagram */
    struct iovec room = {&byte, 1};
    memset(messages, 0, sizeof messages);
    for (int i = 0; i < MOST_AT_ONCE; i++) messages[i].msg_hdr.msg_iov = &room, messages[i].msg_hdr.msg_iovlen = 1;
    recvmmsg(fd, messages, MOST_AT_ONCE, MSG_DONTWAIT, NULL);
    errno = saved;
}

bool platform_datagrams_require(int fd, uint64_t token)
{
    struct sock_filter code[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, 0), /* a shorter datagram is dropped */
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (uint32_t)(token >> 32), 0, 3),
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, 4),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (uint32_t)token, 0, 1),
        BPF_STMT(BPF_RET | BPF_K, UINT32_MAX), /* all of it */
        BPF_STMT(BPF_RET | BPF_K, 0),
    };
    struct sock_fprog program = {.len = sizeof code / sizeof *code, .filter = code};
    int saved = errno;
    bool done = setsockopt(fd, SOL_SOCKET, SO_ATTACH_FILTER, &program, sizeof program) == 0;
    errno = saved;
    return done;
}
