/* macOS has no signal of its own for an event at a descriptor: SIGIO can be blocked and handled. So a thread that takes
 * no signal and needs no GIL reads it. Every fork of this process afterwards has one thread more to leave behind. */
#include "platform/posix/system.h"

#include <pthread.h>
#include <poll.h>
#include <signal.h>

static void *die_with(void *reading)
{
    struct pollfd p = {.fd = (int)(intptr_t)reading, .events = POLLIN};
    while (poll(&p, 1, -1) < 0 && errno == EINTR) continue;
    platform_die();
}

bool platform_die_with(int reading)
{
    pthread_t thread;
    sigset_t all, before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    int error = pthread_create(&thread, NULL, die_with, (void *)(intptr_t)reading);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (error) errno = error;
    else pthread_detach(thread);
    return error == 0;
}
