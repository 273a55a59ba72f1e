/* POSIX: the signal mask of a thread, pthread_sigmask(3). */
#include "platform/posix/system.h"

#include <pthread.h>
#include <signal.h>

#define MOST_SIGNALS 64

uint64_t platform_signal_mask(void)
{
    sigset_t blocked;
    pthread_sigmask(SIG_BLOCK, NULL, &blocked);
    uint64_t mask = 0;
    for (int i = 0; i < MOST_SIGNALS; i++) mask |= (uint64_t)(sigismember(&blocked, i + 1) == 1) << i;
    return mask;
}

int platform_signal_mask_set(uint64_t mask)
{
    sigset_t blocked;
    sigemptyset(&blocked);
    for (int i = 0; i < MOST_SIGNALS; i++)
        if (mask >> i & 1) sigaddset(&blocked, i + 1);
    return pthread_sigmask(SIG_SETMASK, &blocked, NULL);
}

void platform_interrupts_block(void)
{
    sigset_t interrupt;
    sigemptyset(&interrupt);
    sigaddset(&interrupt, SIGINT);
    pthread_sigmask(SIG_BLOCK, &interrupt, NULL);
}
