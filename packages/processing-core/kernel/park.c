#include "park.h"
#include "member.h"

#include <sched.h>
#include <unistd.h>

uint32_t park_prepare(word32 *w)
{
    return atomic_fetch_or(w, 1) | 1;
}

/* Bit 0 stays set while somebody may be parked.  When the platform says that nobody was, it is cleared, and since
 * a waiter may have parked on the uncleared word meanwhile, the clearing is itself followed by a wake. */
void park_wake_slow(word32 *w, int n)
{
    uint32_t seen = atomic_load(w), next;
    do {
        if (!(seen & 1)) return;
        next = n == ALL_WAITERS ? (seen + 2) & ~1u : seen + 2;
    } while (!atomic_compare_exchange_weak(w, &seen, next));
    int woken = platform_wake(w, n);
    if (n != ALL_WAITERS && woken == 0 && cas32(w, next, (next + 2) & ~1u)) platform_wake(w, ALL_WAITERS);
}

static int usable_processors(void)
{
    static _Atomic int known;
    int n = load_relaxed(&known);
    if (n == 0) {
#ifdef __linux__
        cpu_set_t set;
        n = sched_getaffinity(0, sizeof set, &set) == 0 ? CPU_COUNT(&set) : 1;
#else
        n = (int)sysconf(_SC_NPROCESSORS_ONLN);
#endif
        store_relaxed(&known, n);
    }
    return n;
}

/* Spins end by time, not by count: a pause takes 10 ns on one processor and 140 on another.  A sleeper whose processor is
 * idle wakes after 70 us.  Who spins longer than that meets an answer from one that slept; shorter, and two that take turns
 * would never begin to spin: each would give up just before the other is awake.  (Measured on 2 processors: a call to a
 * pool 17 us, and 120 us with 20 us of spinning.)
 *
 * They are polite: Linux likes to put who is woken on the waker's processor, idle as the next one may be; a waker that
 * then spins for the answer keeps from running whoever is to give it.  So it offers its processor again and again.
 * (Measured on 2 processors: a call to a pool 17 us, and 28 without.)  If nobody else wants it that costs 0.3 us.
 *
 * Who computes takes it for a whole turn, 3 ms: who lost it for so long offers it to nobody for a hundred times as long. */
#define SPIN_NS 120000
#define SPIN_YIELD_NS 2000
#define TURN_NS 1000000
#define SPIN_RETRY 8 /* after so many waits without a spin try one again */
static _Atomic int64_t no_yield_until;

static bool spin_pays(struct spin *s)
{
    if (usable_processors() < 2) return false;
    if (load_relaxed(&s->credit) > 0) return true;
    uint16_t skipped = load_relaxed(&s->skipped) + 1;
    store_relaxed(&s->skipped, skipped < SPIN_RETRY ? skipped : 0);
    return skipped >= SPIN_RETRY;
}

static int64_t next_yield(int64_t now)
{
    int64_t earliest = load_relaxed(&no_yield_until), usual = now + SPIN_YIELD_NS;
    return usual > earliest ? usual : earliest;
}

static int64_t offer_processor(int64_t now)
{
    sched_yield();
    int64_t back = monotonic_ns(), lost = back - now;
    if (lost > TURN_NS) store_relaxed(&no_yield_until, back + 100 * lost);
    return back;
}

static outcome spin_for(struct spin *s, attempt_fn attempt, void *ctx)
{
    int64_t now = monotonic_ns(), end = now + SPIN_NS, yield = next_yield(now);
    do {
        if (now >= yield) {
            now = offer_processor(now);
            yield = next_yield(now);
        }
        for (int i = 0; i < 16; i++) {
            outcome o = attempt(ctx, false);
            if (o != BUSY) {
                int16_t credit = load_relaxed(&s->credit);
                if (credit < SPIN_CREDIT) store_relaxed(&s->credit, credit + 1);
                return o;
            }
            cpu_relax();
        }
        now = monotonic_ns();
    } while (now < end);
    int16_t credit = load_relaxed(&s->credit);
    store_relaxed(&s->credit, credit > 1 ? credit - 2 : 0);
    return BUSY;
}

/* One sleep, between two tests: what is done, or BUSY. */
static outcome sleep_once(word32 *w, attempt_fn attempt, void *ctx, int64_t deadline, bool *slice_over)
{
    uint32_t ticket = park_prepare(w);
    outcome o = attempt(ctx, *slice_over);
    if (o != BUSY) return o;
    int64_t now = monotonic_ns();
    int64_t end = deadline - now < SLICE_NS ? deadline : now + SLICE_NS;
    *slice_over = end > now && platform_park(w, ticket, end) == WOKEN ? false : true;
    return attempt(ctx, *slice_over);
}

static outcome spin_alone(word64 *spinner, struct spin *s, attempt_fn attempt, void *ctx)
{
    if (!cas64(spinner, 0, arena.self)) return BUSY;
    outcome o = spin_for(s, attempt, ctx);
    atomic_store(spinner, 0);
    return o;
}

void park_look(word64 *spinner)
{
    uint64_t who = atomic_load(spinner);
    if (who && !member_alive(who)) cas64(spinner, who, 0);
}

outcome park_briefly(word32 *w, attempt_fn attempt, void *ctx, int64_t until)
{
    outcome o;
    bool look = false;
    do o = sleep_once(w, attempt, ctx, until, &look);
    while (o == BUSY && monotonic_ns() < until);
    return o;
}

outcome park_spin(struct spin *spin, attempt_fn attempt, void *ctx)
{
    return spin_pays(spin) ? spin_for(spin, attempt, ctx) : BUSY;
}

outcome park_until(word32 *w, struct spin *spin, attempt_fn attempt, void *ctx, int64_t deadline)
{
    return park_until_alone(w, NULL, spin, attempt, ctx, deadline);
}

outcome park_until_alone(word32 *w, word64 *spinner, struct spin *spin, attempt_fn attempt, void *ctx, int64_t deadline)
{
    outcome o = BUSY;
    bool slice_over = true; /* the first look also tests the owner's life */
    PyThreadState *thread = PyEval_SaveThread();
    if (spin_pays(spin))
        o = spinner ? spin_alone(spinner, spin, attempt, ctx) : spin_for(spin, attempt, ctx);
    while (o == BUSY) {
        o = sleep_once(w, attempt, ctx, deadline, &slice_over);
        if (o != BUSY || monotonic_ns() >= deadline) break;
        if (!slice_over) continue;
        PyEval_RestoreThread(thread);
        bool raised = PyErr_CheckSignals() < 0;
        thread = PyEval_SaveThread();
        if (raised) o = E_SIGNAL;
    }
    PyEval_RestoreThread(thread);
    return o;
}
