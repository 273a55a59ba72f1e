/* See coalescing.h. */
#include "queues/coalescing.h"
#include "platform/platform.h"

#define PAUSE_NS 5000

enum phase { UNTIMED, WITHOUT_PAUSES, WITH_PAUSES, PAUSING };
/* The number of waits of each phase.  UNTIMED: before the first trial; each trial that fails doubles it, at most to 16,384.
 * Of processes that take turns in half a microsecond, trials then take a quarter of a percent of the time. */
static const uint16_t lengths[] = {[UNTIMED] = 512, [WITHOUT_PAUSES] = 64, [WITH_PAUSES] = 4, [PAUSING] = 256};
#define MOST_FAILED 5

/* The processor is not given away: the other side runs on another one, and is soon done. */
void coalescing_spin(void)
{
    for (int64_t now = monotonic_ns(), end = now + PAUSE_NS; now < end; now = monotonic_ns()) cpu_relax();
}

static void begin(struct coalescing *c, enum phase phase, uint64_t number)
{
    uint16_t failed = phase == UNTIMED ? load_relaxed(&c->failed_trials) : 0;
    store_relaxed(&c->phase, (uint16_t)phase);
    store_relaxed(&c->waits, lengths[phase] << failed);
    store_relaxed(&c->pauses, phase == WITH_PAUSES || phase == PAUSING);
    store_relaxed(&c->number, number);
    store_relaxed(&c->since, (uint64_t)monotonic_ns());
}

/* How many ns a message took in the phase that ends; where none is known to have passed, as if one had. */
static uint64_t taken(const struct coalescing *c, uint64_t number)
{
    uint64_t passed = number - load_relaxed(&c->number), ns = (uint64_t)monotonic_ns() - load_relaxed(&c->since);
    return passed ? ns / passed : ns;
}

/* A gain of less than a tenth is no reason to delay messages. */
static bool trial_succeeds(struct coalescing *c, uint64_t number)
{
    bool success = 10 * taken(c, number) < 9 * load_relaxed(&c->without_pauses);
    uint16_t failed = load_relaxed(&c->failed_trials);
    store_relaxed(&c->failed_trials, success ? 0 : failed < MOST_FAILED ? failed + 1 : failed);
    return success;
}

void coalescing_next_phase(struct coalescing *c, uint64_t number)
{
    switch ((enum phase)load_relaxed(&c->phase)) {
    case UNTIMED:
        begin(c, load_relaxed(&c->waits) ? WITHOUT_PAUSES : UNTIMED, number); /* no waits: the object is new */
        break;
    case WITHOUT_PAUSES:
        store_relaxed(&c->without_pauses, taken(c, number));
        begin(c, WITH_PAUSES, number);
        break;
    case WITH_PAUSES: begin(c, trial_succeeds(c, number) ? PAUSING : UNTIMED, number); break;
    case PAUSING: begin(c, WITHOUT_PAUSES, number); break;
    }
}
