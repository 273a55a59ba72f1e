/* See coalescing.h. */
#include "queues/coalescing.h"
#include "platform/compiler.h"
#include "platform/platform.h"

#define PAUSE_NS 5000
#define MOST_CREDIT 8
#define FIRST_TRIAL 512
#define MOST_FAILED 5 /* doublings: the rarest trials are 16,384 short waits apart */

/* The processor is not given away: the other side runs on another one, and is soon done. */
void coalescing_spin(void)
{
    for (int64_t now = monotonic_ns(), end = now + PAUSE_NS; now < end; now = monotonic_ns()) cpu_relax();
}

/* Without a short wait to count, there is a trial, or pauses go on.  A trial that ends without credit has failed. */
void coalescing_judge(struct coalescing *c, bool paid)
{
    uint16_t credit = load_relaxed(&c->pauses), failed = load_relaxed(&c->failed_trials);
    if (credit == 0) credit = 2;
    else if (!paid) credit--;
    else if (credit < MOST_CREDIT) credit++;
    store_relaxed(&c->pauses, credit);
    if (paid) store_relaxed(&c->failed_trials, 0);
    if (credit) return;
    store_relaxed(&c->short_waits, FIRST_TRIAL << failed);
    if (failed < MOST_FAILED) store_relaxed(&c->failed_trials, failed + 1);
}
