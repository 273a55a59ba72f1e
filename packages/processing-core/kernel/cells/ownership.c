/* See ownership.h.  The change of a count is one transaction with that of the entry that explains it. */
#include "cells/ownership.h"
#include "arena/heap.h"
#include "arena/journal.h"

#include <string.h>

static outcome prepare_block(cell_id id, uint64_t size, bool cold, bool zeroed)
{
    PyThreadState *thread = size >= LARGE ? PyEval_SaveThread() : NULL;
    outcome o = cold ? heap_commit(load_relaxed(&arena_cell(id_index(id))->offset), size) : OK;
    if (o == OK && zeroed) memset(cell_block(id), 0, size);
    if (thread) PyEval_RestoreThread(thread);
    return o;
}

outcome cell_create(enum cell_kind kind, uint64_t size, bool zeroed, cell_id *id, refno *ref)
{
    struct section s;
    bool cold = false;
    outcome o = arena_usable();
    if (o != OK || (o = reference_reserve(ref)) != OK) return o;
    struct reference *r = reference_at(*ref); /* before entering, which may release the GIL */
    arena_enter(&s, true);
    o = cell_take(kind, size, id, &cold);
    if (o == OK) tx_set(&r->ref, *id);
    else tx_abort();
    arena_leave(&s);
    if (o != OK) {
        reference_return(*ref);
        return o;
    }
    o = prepare_block(*id, size, cold, zeroed);
    if (o != OK) cell_detach(*ref);
    return o;
}

outcome cell_attach(enum cell_kind kind, cell_id id, refno *ref)
{
    struct section s;
    outcome o = arena_usable();
    if (o != OK || (o = reference_reserve(ref)) != OK) return o;
    struct reference *r = reference_at(*ref); /* before entering, which may release the GIL */
    arena_enter(&s, true);
    o = cell_is_live(id) ? OK : E_STALE;
    struct cell *c = arena_cell(id_index(id));
    if (o == OK && word_kind(load_relaxed(&c->word)) != kind) o = E_KIND;
    if (o == OK && load_relaxed(&c->offset) + load_relaxed(&c->size) > arena.mapped) o = E_RANGE;
    if (o == OK) o = cell_count(id, +1);
    if (o == OK) tx_set(&r->ref, id);
    arena_leave(&s);
    if (o != OK) reference_return(*ref);
    return o;
}

void cell_detach(refno ref)
{
    struct section s;
    struct reference *r = reference_at(ref);
    arena_enter(&s, true);
    cell_id id = load_relaxed(&r->ref);
    tx_set(&r->ref, 0);
    cell_count(id, -1); /* our own count: it cannot be stale */
    tx_commit();
    free_some_pending();
    arena_leave(&s);
    bool shrinks = reference_return(ref);
    free_pending(true);
    if (shrinks) references_shrink();
}
