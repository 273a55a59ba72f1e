/* Sections, in which one process at a time changes tables and heap, and the transactions in them (journal.c). */
#ifndef PROCESSING_JOURNAL_H
#define PROCESSING_JOURNAL_H

#include "arena/arena.h"

/* A section remembers whether the GIL had to be released to enter it. `has_gil` is false in code without the GIL. */
struct section {
    PyThreadState *thread;
    bool has_gil;
};
void arena_enter(struct section *s, bool has_gil);
void arena_leave(struct section *s); /* commits */
void tx_set(word64 *word, uint64_t value);
void tx_commit(void); /* keeps the lock: what follows is a transaction of its own */
void tx_abort(void);  /* undo all since the last commit */

/* A word that is read outside a section may be one that a dead holder's transaction has written, and which is undone
 * before the next section begins.  If the reader's decision depends only on the words that it will change, comparing
 * them again in the section is enough.  If the decision depends on other words, too (for instance, that an entry is the
 * oldest, or that there is none), the reader must also load this before it reads them, and compare it in the
 * section. */
static inline uint64_t arena_undone(void) { return load(&arena.header->journal.undone); }

#endif
