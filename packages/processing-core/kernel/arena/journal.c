/* The arena lock and its undo log.
 *
 * Invariant: while no process holds the lock, count is 0 and tables and heap are consistent. The holder logs (offset,
 * old word) and advances count *before* it stores (release; pairs with the acquire of the process that undoes), so at
 * any instant undoing the first `count` entries, newest first, gives the state of the last commit. Undoing only
 * rewrites old words and clears count last: it is idempotent, and if the undoing process is killed, the next process
 * that takes the lock undoes the same entries again.
 *
 * `undone` advances after the old words are back and before the section goes on. So a process that read one of
 * the words that were undone later had loaded `undone` before it advanced, and finds another number in its own
 * section. */
#include "arena/journal.h"
#include "arena/robust_lock.h"

static void undo(struct journal *j)
{
    for (uint32_t n = load_acquire(&j->count); n-- > 0;) {
        crash_point();
        store((word64 *)arena_at(j->entries[n].offset), j->entries[n].old);
    }
    crash_point();
    store(&j->undone, load_relaxed(&j->undone) + 1);
    crash_point();
    store_release(&j->count, 0);
}

void arena_enter(struct section *s, bool has_gil)
{
    struct journal *j = &arena.header->journal;
    s->has_gil = has_gil;
    s->thread = NULL;
    if (!robust_lock_try(&j->lock, arena.self)) {
        if (has_gil) s->thread = PyEval_SaveThread();
        robust_lock_take(&j->lock, &j->parked);
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

void tx_abort(void) { undo(&arena.header->journal); }

void arena_leave(struct section *s)
{
    tx_commit();
    robust_lock_release(&arena.header->journal.lock, &arena.header->journal.parked);
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
    store_release(word, value);
    crash_point();
}
