/* The cell table: making cells, attaching to them, and ending them.
 *
 * Invariant: a cell's count is the number of entries in members' reference tables that own it, plus one for each
 * ring position, parcel or reserved place that does.  Every change of a count is one transaction with the change of
 * the entry that explains it, so a count is never off, whoever dies. */
#include "cells.h"
#include "heap.h"

#include <string.h>

#define CELL_STEP 1024u /* cells committed at a time */
#define LAST_GENERATION 0xffffffu
#define END_STEPS 8      /* steps of ending that a detach does in its own section */

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
        if (platform_memory_commit(arena.fd, at, CELL_STEP * sizeof(struct cell)) != OK) return 0;
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

/* Free the cell.  Its next tenant has another generation; an index whose generations are used up is retired. */
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

static outcome create_inside(enum cell_kind kind, uint64_t size, cell_id *id, struct reference *r, bool *cold)
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
    tx_set(&r->ref, *id);
    return OK;
}

static outcome check_id(cell_id id)
{
    uint32_t index = id_index(id);
    if (index == 0 || index >= load_relaxed(&arena.header->fresh_cell)) return E_STALE;
    uint64_t w = load_relaxed(&arena_cell(index)->word);
    bool live = word_kind(w) != CELL_FREE && word_generation(w) == id_generation(id) && word_count(w) != 0;
    return live ? OK : E_STALE;
}

outcome cell_count(cell_id id, int change)
{
    outcome o = check_id(id);
    if (o != OK) return o;
    struct cell *c = arena_cell(id_index(id));
    uint64_t w = load_relaxed(&c->word);
    if (change > 0 && word_count(w) > UINT32_MAX - (uint32_t)change) return E_NOMEM;
    tx_set(&c->word, w + (uint64_t)(int64_t)change);
    if (word_count(w) + (uint32_t)change == 0) {
        tx_set(&c->link, load_relaxed(&arena.header->doomed_cell));
        tx_set(&arena.header->doomed_cell, id_index(id));
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
    store_relaxed((word64 *)arena_at(*offset), load_relaxed(&c->chain)); /* nobody sees the block yet */
    tx_set(&c->chain, *offset);
    return OK;
}

/* -- the end of a cell: bounded steps, each a transaction, that anybody may go on with -- */

static void end_step(uint32_t index)
{
    struct arena_header *h = arena.header;
    struct cell *c = arena_cell(index);
    uint32_t kind = word_kind(load_relaxed(&c->word));
    bool ready = load_acquire(&c->ready);
    if (ready && kind == CELL_RING && !ring_end_step(c)) return;
    if (ready && kind == CELL_PARCEL && !parcel_end_step(c)) return;
    if (ready && kind == CELL_PILE && !pile_end_step(c)) return;
    uint64_t further = load_relaxed(&c->chain);
    if (further) {
        tx_set(&c->chain, load_relaxed((word64 *)arena_at(further)));
        heap_give(further);
        return;
    }
    tx_set(&h->doomed_cell, load_relaxed(&c->link));
    if (load_relaxed(&c->offset)) heap_give(load_relaxed(&c->offset));
    index_give(index);
}

/* The doomed list is a stack: a step that dooms another cell must find its own again, so it works on the one it
 * began with only if that is still on top; else on the newcomer, and comes back to it later. */
static void end_some(int steps)
{
    while (steps-- > 0) {
        uint32_t index = (uint32_t)load_relaxed(&arena.header->doomed_cell);
        if (!index) return;
        end_step(index);
        tx_commit();
    }
}

void settle(bool has_gil)
{
    while (arena.self && load_acquire(&arena.header->doomed_cell)) {
        struct section s;
        arena_enter(&s, has_gil);
        end_some(END_STEPS);
        arena_leave(&s);
    }
}

/* -- for members -- */

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
    o = create_inside(kind, size, id, r, &cold);
    if (o != OK) tx_abort();
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
    o = check_id(id);
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
    end_some(END_STEPS);
    arena_leave(&s);
    reference_return(ref);
    settle(true);
}
