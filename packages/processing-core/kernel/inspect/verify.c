/* The arena's figures, and the invariants that hold whenever no process is inside a section. */
#include "cells/cell_table.h"
#include "arena/heap.h"
#include "cells/references.h"
#include "arena/errors.h"
#include "arena/journal.h"

#include <stdlib.h>
#include <string.h>

/* -- figures -- */

static bool put_figure(PyObject *dict, const char *name, uint64_t value)
{
    PyObject *number = PyLong_FromUnsignedLongLong(value);
    bool ok = number && PyDict_SetItemString(dict, name, number) == 0;
    Py_XDECREF(number);
    return ok;
}

static PyObject *py_stats(PyObject *Py_UNUSED(module), PyObject *Py_UNUSED(none))
{
    outcome o = arena_usable();
    if (o != OK) return raise_outcome(o);
    struct arena_header *h = arena.header;
    PyObject *dict = PyDict_New();
    bool ok = dict && put_figure(dict, "cap", h->cap) && put_figure(dict, "mapped", arena.mapped)
           && put_figure(dict, "cells", load_relaxed(&h->cells_used))
           && put_figure(dict, "used", load_relaxed(&h->pages_used) * ARENA_PAGE)
           && put_figure(dict, "warm", load_relaxed(&h->pages_warm) * ARENA_PAGE);
    if (!ok) Py_CLEAR(dict);
    return dict;
}

/* -- invariants: returns what is wrong, or NULL.  Inside a section. -- */

struct reference_counts {
    uint32_t *counts; /* references found, by cell index */
    uint64_t cells;
};

static bool count_one(struct reference_counts *c, cell_id id)
{
    uint32_t index = id_index(id);
    if (index == 0 || index >= c->cells) return false;
    if (word_generation(load_relaxed(&arena_cell(index)->word)) != id_generation(id)) return false;
    c->counts[index]++;
    return true;
}

static const char *count_members(struct reference_counts *c)
{
    for (uint32_t slot = 0; slot < MEMBER_SLOTS; slot++) {
        struct member *m = arena_member(slot);
        if (!load_relaxed(&m->owner)) continue;
        uint64_t parcel = load_relaxed(&m->startup_data);
        if (parcel && !count_one(c, parcel)) return "a slot inherits a stale parcel";
        for (uint64_t at = load_relaxed(&m->references); at;) {
            struct chunk *chunk = arena_at(at);
            for (int i = 0; i < CHUNK_ENTRIES; i++) {
                struct reference *r = &chunk->entries[i];
                if (load_relaxed(&r->transfer)) continue; /* on its way: the ring's position decides */
                uint64_t id = load_relaxed(&r->ref);
                if (id && !count_one(c, id)) return "a member refers to a stale cell";
            }
            at = load_relaxed(&chunk->next);
        }
    }
    return NULL;
}

static bool count_found(void *counts, cell_id id) { return count_one(counts, id); }

static const char *count_contents(struct reference_counts *c)
{
    const char *wrong = NULL;
    for (uint32_t i = 1; i < c->cells && !wrong; i++) {
        struct cell *cell = arena_cell(i);
        const struct cell_ops *ops = cell_ops[word_kind(load_relaxed(&cell->word))];
        if (ops && ops->verify && load_relaxed(&cell->ready)) wrong = ops->verify(cell, count_found, c);
    }
    return wrong;
}

static const char *compare_counts(struct reference_counts *c)
{
    uint64_t used = 0;
    for (uint32_t i = 1; i < c->cells; i++) {
        uint64_t w = load_relaxed(&arena_cell(i)->word);
        used += word_kind(w) != CELL_FREE;
        if (word_kind(w) == CELL_FREE ? c->counts[i] != 0 : c->counts[i] != word_count(w))
            return "a cell's count differs from the references to it";
    }
    return used == load_relaxed(&arena.header->cells_used) ? NULL : "the number of used cells is off";
}

static const char *verify_cells(void)
{
    struct reference_counts c = {.cells = load_relaxed(&arena.header->fresh_cell)};
    c.counts = calloc(c.cells, sizeof *c.counts);
    if (!c.counts) return "no memory to check with";
    const char *wrong = load_relaxed(&arena.header->pending_free) ? "cells without references were not freed" : NULL;
    if (!wrong) wrong = count_members(&c);
    if (!wrong) wrong = count_contents(&c);
    if (!wrong) wrong = compare_counts(&c);
    free(c.counts);
    return wrong;
}

/* Every block that a cell, chain or chunk names is marked; what the heap calls used must be just these pages. */
struct blocks {
    uint64_t *objects; /* slab objects found, by page: bits; for runs: all ones */
    uint64_t pages;
};

static const char *mark(struct blocks *b, uint64_t offset)
{
    struct arena_header *h = arena.header;
    uint64_t page = (offset - h->heap_at) / ARENA_PAGE;
    if (offset < h->heap_at || page >= b->pages) return "a block lies outside the heap";
    uint64_t state = load_relaxed(&arena_page(page)->state), kind = state >> 56, class = (state >> 48) & 0xff;
    uint64_t bit = kind == 3 ? 1ull << ((offset % ARENA_PAGE) >> (6 + class)) : ~0ull;
    if (kind != 2 && kind != 3) return "a block in use lies on a free page";
    if (b->objects[page] & bit) return "a block is handed out twice";
    if (kind == 3 && load_relaxed(&arena_page(page)->free) & bit) return "a block in use is marked free";
    b->objects[page] |= bit;
    return NULL;
}

static const char *mark_chain(struct blocks *b, uint64_t at)
{
    const char *wrong = NULL;
    for (; at && !wrong; at = load_relaxed((word64 *)arena_at(at))) wrong = mark(b, at);
    return wrong;
}

static const char *mark_all(struct blocks *b)
{
    const char *wrong = NULL;
    for (uint32_t slot = 0; slot < MEMBER_SLOTS && !wrong; slot++)
        if (load_relaxed(&arena_member(slot)->owner))
            wrong = mark_chain(b, load_relaxed(&arena_member(slot)->references));
    for (uint32_t i = 1; i < load_relaxed(&arena.header->fresh_cell) && !wrong; i++) {
        struct cell *c = arena_cell(i);
        uint64_t kind = word_kind(load_relaxed(&c->word));
        if (kind == CELL_FREE) continue;
        wrong = mark(b, load_relaxed(&c->offset));
        if (!wrong) wrong = mark_chain(b, load_relaxed(&c->chain));
        const struct cell_ops *ops = cell_ops[kind];
        if (!wrong && ops && ops->blocks && load_relaxed(&c->ready)) wrong = mark_chain(b, ops->blocks(c));
    }
    return wrong;
}

/* Walk the pages: blocks follow one another without gaps, and what is used was marked. */
static const char *verify_pages(struct blocks *b)
{
    uint64_t used = 0, warm = 0;
    for (uint64_t page = 1; page < b->pages;) {
        uint64_t state = load_relaxed(&arena_page(page)->state), kind = state >> 56, n = state & 0xffffffffffffull;
        uint64_t detail = (state >> 48) & 0xff, marked = b->objects[page];
        if (n == 0 || page + n > b->pages) return "a page belongs to no block";
        bool kept = kind == 4;
        if (kept || (kind == 1 && detail & 1)) warm += n;
        if (kind != 1 && !kept) used += n;
        if (kind == 2 && !marked) return "a block of pages leaked";
        uint64_t all = kind == 3 && detail ? (1ull << (64 >> detail)) - 1 : ~0ull; /* the detail is a slab's class */
        if (kind == 3 && (marked | load_relaxed(&arena_page(page)->free)) != all) return "a small block leaked";
        page += n;
    }
    if (used != load_relaxed(&arena.header->pages_used)) return "the number of used pages is off";
    return warm == load_relaxed(&arena.header->pages_warm) ? NULL : "the number of warm pages is off";
}

static const char *verify_heap(void)
{
    struct blocks b = {.pages = arena.header->pages};
    b.objects = calloc(b.pages, sizeof *b.objects);
    if (!b.objects) return "no memory to check with";
    const char *wrong = mark_all(&b);
    if (!wrong) wrong = verify_pages(&b);
    free(b.objects);
    return wrong;
}

/* verify(): exact only while no message is on its way and every dead member was reaped. */
static PyObject *py_verify(PyObject *Py_UNUSED(module), PyObject *Py_UNUSED(none))
{
    struct section s;
    outcome o = arena_usable();
    if (o != OK) return raise_outcome(o);
    free_pending(true);
    arena_enter(&s, true);
    const char *wrong = verify_cells();
    if (!wrong) wrong = verify_heap();
    arena_leave(&s);
    if (!wrong) Py_RETURN_NONE;
    PyErr_SetString(PyExc_AssertionError, wrong);
    return NULL;
}

static PyMethodDef functions[] = {
    {"stats", py_stats, METH_NOARGS, NULL},
    {"verify", py_verify, METH_NOARGS, NULL},
    {NULL, NULL, 0, NULL},
};

bool verify_register(PyObject *module) { return PyModule_AddFunctions(module, functions) == 0; }
