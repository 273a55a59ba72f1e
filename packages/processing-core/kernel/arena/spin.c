/* See spin.h. */
#include "arena/spin.h"
#include "arena/liveness.h"
#include "arena/trace.h"
#include "platform/compiler.h"

static int usable_processors(void)
{
    static word32 known;
    int n = load_relaxed(&known);
    if (n == 0) store_relaxed(&known, n = platform_processors());
    return n;
}

/* A spin ends after a time, not after a count: a pause takes 10 ns on one processor and 140 on another. A sleeping
 * thread whose processor is idle is awake after 70 us. A process that spins longer than that gets the answer of a
 * process that slept. If it spun shorter, two processes that take turns would never begin to spin: each would stop
 * spinning just before the other is awake. (Measured on 2 processors: a call to a pool 17 us, and 120 us with 20 us of
 * spinning.)
 *
 * A spinning thread yields its processor again and again: Linux often puts a woken thread on the waker's processor,
 * even if another one is idle. If the waker then spins for the answer, it keeps the thread that must give the answer
 * from running. (Measured on 2 processors: a call to a pool 17 us, and 28 without.)  If no other thread wants the
 * processor, a yield costs 0.3 us.
 *
 * A thread that computes keeps the processor for a turn, usually 3 ms: a thread that lost it for more than TURN_NS does
 * not yield for a hundred times as long. */
#define SPIN_NS 120000
#define SPIN_YIELD_NS 2000
#define TURN_NS 1000000
#define SPIN_RETRY 8 /* after this number of waits without a spin try one again */
static word64 no_yield_until;

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
    platform_yield();
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

/* One sleep, with a test before it and one after it: the attempt's outcome. */
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
    store(spinner, 0);
    return o;
}

void park_look(word64 *spinner)
{
    uint64_t who = load(spinner);
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

outcome park_until_room(word32 *w, struct spin *spin, attempt_fn attempt, void *ctx, int64_t deadline,
                        struct room wanted)
{
    struct room before = wait_record_room(wanted);
    outcome o = park_until(w, spin, attempt, ctx, deadline);
    wait_record_room(before);
    return o;
}

static void trace_wait(int64_t begun, word32 *w, outcome o)
{
    int64_t now = monotonic_ns();
    if (now - begun >= TRACE_SHORTEST_WAIT) trace_add(TRACE_WAIT, begun, now, arena_offset(w), (uint64_t)o);
}

outcome park_until_alone(word32 *w, word64 *spinner, struct spin *spin, attempt_fn attempt, void *ctx, int64_t deadline)
{
    outcome o = BUSY;
    bool slice_over = true; /* the first look also tests the owner's life */
    struct wait_record *record = NULL;
    int64_t begun = tracing() ? monotonic_ns() : 0;
    PyThreadState *thread = PyEval_SaveThread();
    if (spin_pays(spin)) o = spinner ? spin_alone(spinner, spin, attempt, ctx) : spin_for(spin, attempt, ctx);
    while (o == BUSY) {
        o = sleep_once(w, attempt, ctx, deadline, &slice_over);
        if (o != BUSY || monotonic_ns() >= deadline) break;
        if (!slice_over) continue;
        PyEval_RestoreThread(thread);
        bool raised = PyErr_CheckSignals() < 0;
        if (!raised) record = wait_record_slice(record, w, SLICE_NS, deadline);
        thread = PyEval_SaveThread();
        if (raised) o = E_SIGNAL;
    }
    PyEval_RestoreThread(thread);
    if (record) wait_record_close(record);
    if (begun) trace_wait(begun, w, o);
    return o;
}
