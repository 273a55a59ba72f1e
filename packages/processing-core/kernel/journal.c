/* The arena lock and its undo log.
 *
 * Invariant: while nobody holds the guard, count is 0 and tables and heap are consistent.  The holder logs (offset,
 * old word) and advances count *before* it stores (release; pairs with the acquire of whoever undoes), so at any
 * instant undoing the first `count` entries, newest first, gives the state of the last commit.  Undoing only
 * rewrites old words and clears count last: it is idempotent, and a killed undoer leaves the same work again.
 *
 * `undone` advances after the old words are back and before the section goes on.  So whoever read one of the undone
 * words had loaded `undone` before it advanced, and finds another number once it is in a section itself. */
#include "arena.h"
#include "park.h"

static void undo(struct journal *j)
{
    for (uint32_t n = load_acquire(&j->count); n-- > 0;) {
        crash_point();
        atomic_store((word64 *)arena_at(j->entries[n].offset), j->entries[n].old);
    }
    crash_point();
    atomic_store(&j->undone, load_relaxed(&j->undone) + 1);
    crash_point();
    store_release(&j->count, 0);
}

void arena_enter(struct section *s, bool has_gil)
{
    struct journal *j = &arena.header->journal;
    s->has_gil = has_gil;
    s->thread = NULL;
    if (!guard_try(&j->guard, arena.self)) {
        if (has_gil) s->thread = PyEval_SaveThread();
        guard_lock(&j->guard, &j->parked);
    }
    crash_point();
    if (load_acquire(&j->count) != 0) undo(j);
}

void tx_commit(void)
{
    crash_point();
    store_release(&arena.header->journal.count, 0);
    crash_point();
}

void tx_abort(void)
{
    undo(&arena.header->journal);
}

void arena_leave(struct section *s)
{
    tx_commit();
    guard_unlock(&arena.header->journal.guard, &arena.header->journal.parked);
    crash_point();
    if (s->thread) PyEval_RestoreThread(s->thread);
}

void tx_set(word64 *word, uint64_t value)
{
    struct journal *j = &arena.header->journal;
    uint32_t n = load_relaxed(&j->count);
    if (n == JOURNAL_ENTRIES) Py_FatalError("processing: a transaction outgrew the arena's journal");
    j->entries[n].offset = arena_offset(word);
    j->entries[n].old = load_relaxed(word);
    crash_point();
    store_release(&j->count, n + 1);
    crash_point();
    atomic_store_explicit(word, value, memory_order_release);
    crash_point();
}
