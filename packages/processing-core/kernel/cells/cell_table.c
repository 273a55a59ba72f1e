/* The cell table: making cells, attaching to them, and ending them.
 *
 * Invariant: a cell's count is the number of entries in members' reference tables that own it, plus one for each
 * ring position, parcel or reserved slot that does.  Every change of a count is one transaction with the change of
 * the entry that explains it, so a count is never off, whichever process dies. */
#include "cells/cell_table.h"
#include "arena/heap.h"
#include "arena/journal.h"

#include <string.h>

#define CELL_STEP 1024u /* cells committed at a time */
#define LAST_GENERATION 0xffffffu
#define END_STEPS 8 /* steps of ending that a detach does in its own section */

static uint64_t make_word(uint32_t kind, uint32_t generation, uint32_t count)
{
    return (uint64_t)kind << 56 | (uint64_t)generation << 32 | count;
}

static void add(word64 *w, int64_t n) { tx_set(w, load_relaxed(w) + (uint64_t)n); }

/* -- inside a section -- */

static uint32_t fresh_index(void)
{
    struct arena_header *h = arena.header;
    uint64_t index = load_relaxed(&h->fresh_cell), committed = load_relaxed(&h->committed_cells);
    if (index >= h->cells) return 0;
    if (index >= committed) {
        uint64_t at = h->cells_at + committed * sizeof(struct cell);
        if (arena_commit(at, CELL_STEP * sizeof(struct cell)) != OK) return 0;
        tx_set(&h->committed_cells, committed + CELL_STEP);
    }
    tx_set(&h->fresh_cell, index + 1);
    return (uint32_t)index;
}

static uint32_t index_take(void)
{
    struct arena_header *h = arena.header;
    uint64_t index = load_relaxed(&h->free_cell);
    if (!index) return fresh_index();
    tx_set(&h->free_cell, load_relaxed(&arena_cell((uint32_t)index)->link));
    return (uint32_t)index;
}

/* Free the cell.  The next cell at this index has another generation; an index without further generations is not used
 * again. */
static void index_give(uint32_t index)
{
    struct arena_header *h = arena.header;
    struct cell *c = arena_cell(index);
    uint32_t generation = word_generation(load_relaxed(&c->word));
    tx_set(&c->word, make_word(CELL_FREE, generation, 0));
    add(&h->cells_used, -1);
    if (generation == LAST_GENERATION) return;
    tx_set(&c->link, load_relaxed(&h->free_cell));
    tx_set(&h->free_cell, index);
}

outcome cell_take(enum cell_kind kind, uint64_t size, cell_id *id, bool *cold)
{
    uint64_t offset = 0;
    outcome o = heap_take(size ? size : 1, &offset, cold);
    if (o != OK) return o;
    if (offset + size > arena.mapped) return E_RANGE;
    uint32_t index = index_take();
    if (!index) return E_NOMEM;
    struct cell *c = arena_cell(index);
    uint32_t generation = word_generation(load_relaxed(&c->word)) + 1;
    tx_set(&c->offset, offset);
    tx_set(&c->size, size);
    tx_set(&c->chain, 0);
    if (load_relaxed(&c->site)) tx_set(&c->site, 0);
    tx_set(&c->ready, 0);
    tx_set(&c->word, make_word(kind, generation, 1));
    add(&arena.header->cells_used, 1);
    *id = (uint64_t)generation << 32 | index;
    return OK;
}

bool cell_is_live(cell_id id)
{
    uint32_t index = id_index(id);
    if (index == 0 || index >= load_relaxed(&arena.header->fresh_cell)) return false;
    uint64_t w = load_relaxed(&arena_cell(index)->word);
    return word_kind(w) != CELL_FREE && word_generation(w) == id_generation(id) && word_count(w) != 0;
}

outcome cell_count(cell_id id, int change)
{
    if (!cell_is_live(id)) return E_STALE;
    struct cell *c = arena_cell(id_index(id));
    uint64_t w = load_relaxed(&c->word);
    if (change > 0 && word_count(w) > UINT32_MAX - (uint32_t)change) return E_NOMEM;
    tx_set(&c->word, w + (uint64_t)(int64_t)change);
    if (word_count(w) + (uint32_t)change == 0) {
        tx_set(&c->link, load_relaxed(&arena.header->pending_free));
        tx_set(&arena.header->pending_free, id_index(id));
    }
    return OK;
}

outcome cell_chain(uint32_t index, uint64_t bytes, uint64_t *offset)
{
    bool cold;
    outcome o = heap_take(bytes, offset, &cold);
    if (o != OK) return o;
    if (*offset + bytes > arena.mapped) return E_RANGE;
    if (cold && (o = heap_commit(*offset, bytes)) != OK) return o;
    struct cell *c = arena_cell(index);
    store_relaxed((word64 *)arena_at(*offset), load_relaxed(&c->chain)); /* no other process sees it yet */
    tx_set(&c->chain, *offset);
    return OK;
}

/* -- the end of a cell: bounded steps, each a transaction, that any process may continue -- */

static void end_step(uint32_t index)
{
    struct arena_header *h = arena.header;
    struct cell *c = arena_cell(index);
    uint32_t kind = word_kind(load_relaxed(&c->word));
    bool ready = load_acquire(&c->ready);
    const struct cell_ops *ops = cell_ops[kind];
    if (ready && ops && ops->end_step && !ops->end_step(c)) return;
    uint64_t further = load_relaxed(&c->chain);
    if (further) {
        tx_set(&c->chain, load_relaxed((word64 *)arena_at(further)));
        heap_give(further);
        return;
    }
    tx_set(&h->pending_free, load_relaxed(&c->link));
    if (load_relaxed(&c->offset)) heap_give(load_relaxed(&c->offset));
    index_give(index);
}

/* The list of pending cells is a stack, and a step may push another cell that has become pending.  So each step works
 * on the cell on top: a newly pushed cell is ended first, and the interrupted one later. */
void free_some_pending(void)
{
    for (int steps = END_STEPS; steps > 0; steps--) {
        uint32_t index = (uint32_t)load_relaxed(&arena.header->pending_free);
        if (!index) return;
        end_step(index);
        tx_commit();
    }
}

void free_pending(bool has_gil)
{
    while (arena.self && load_acquire(&arena.header->pending_free)) {
        struct section s;
        arena_enter(&s, has_gil);
        free_some_pending();
        arena_leave(&s);
    }
}
