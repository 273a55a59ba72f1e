/* Preloaded into processes that run under a valgrind that does not know the system calls of pidfds, such as 3.19.
 *
 * libc's `syscall` is replaced: for these calls it asks a helper process that runs outside of valgrind, by the socket
 * whose path is in BENCHMARKS_PIDFD; the helper opens the pidfd and sends it back.  Every other call goes through. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <unistd.h>

struct request { /* the answer is one int: 0 or an errno, with the pidfd that was asked for */
    int call, pid, signal;
};

/* Sends or receives *bytes* with at most one descriptor: *fd*, or -1. */
static int exchange(int socket, struct iovec bytes, int *fd, int receiving)
{
    union {
        struct cmsghdr header;
        char space[CMSG_SPACE(sizeof(int))];
    } control;
    struct msghdr message = {.msg_iov = &bytes, .msg_iovlen = 1};
    memset(&control, 0, sizeof control);
    if (receiving || *fd >= 0) {
        message.msg_control = &control;
        message.msg_controllen = sizeof control;
    }
    if (receiving) {
        if (recvmsg(socket, &message, MSG_CMSG_CLOEXEC) != (ssize_t)bytes.iov_len) return -1;
        struct cmsghdr *header = CMSG_FIRSTHDR(&message);
        if (header != NULL) memcpy(fd, CMSG_DATA(header), sizeof *fd);
        return 0;
    }
    if (*fd >= 0) {
        control.header = (struct cmsghdr){
            .cmsg_len = CMSG_LEN(sizeof(int)), .cmsg_level = SOL_SOCKET, .cmsg_type = SCM_RIGHTS};
        memcpy(CMSG_DATA(&control.header), fd, sizeof *fd);
    }
    return sendmsg(socket, &message, MSG_NOSIGNAL) < 0 ? -1 : 0;
}

/* Asks the helper; returns what the system call would: a descriptor or 0, or -1 with errno. */
static long ask(struct request request, int fd)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    const char *path = getenv("BENCHMARKS_PIDFD");
    int answer = ENOSYS, got = -1;
    if (path != NULL && strlen(path) < sizeof address.sun_path) {
        strcpy(address.sun_path, path);
        int connection = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
        if (connection < 0) return -1;
        if (connect(connection, (struct sockaddr *)&address, sizeof address) < 0
            || exchange(connection, (struct iovec){&request, sizeof request}, &fd, 0) < 0
            || exchange(connection, (struct iovec){&answer, sizeof answer}, &got, 1) < 0)
            answer = ENOSYS;
        close(connection);
    }
    errno = answer;
    return answer != 0 ? -1 : got >= 0 ? got : 0;
}

long syscall(long number, ...)
{
    static long (*next)(long, ...);
    va_list list;
    long a[6];
    va_start(list, number);
    for (int i = 0; i < 6; i++) a[i] = va_arg(list, long);
    va_end(list);
    if (number == SYS_pidfd_open) return ask((struct request){.call = SYS_pidfd_open, .pid = (int)a[0]}, -1);
    if (number == SYS_pidfd_send_signal)
        return ask((struct request){.call = SYS_pidfd_send_signal, .signal = (int)a[1]}, (int)a[0]);
    if (next == NULL) next = (long (*)(long, ...))dlsym(RTLD_NEXT, "syscall");
    return next(number, a[0], a[1], a[2], a[3], a[4], a[5]);
}
