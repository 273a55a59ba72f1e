/* See parcel.h. */
#include "cells/parcel.h"
#include "arena/journal.h"

#define REFS_A_TRANSACTION 256

outcome parcel_count(struct parcel *p, const cell_id *ids, uint32_t n)
{
    struct section s;
    outcome o = OK;
    arena_enter(&s, true);
    for (uint32_t i = 0; i < n && o == OK; i++) {
        p->refs[i] = ids[i];
        o = cell_count(ids[i], +1);
        if (o == OK) tx_set(&p->n_refs, i + 1);
        if (o == OK && i % REFS_A_TRANSACTION == 0) tx_commit();
    }
    if (o != OK) tx_abort();
    arena_leave(&s);
    return o;
}

static struct parcel *parcel_in(struct cell *cell) { return arena_at(load_relaxed(&cell->offset)); }

/* One reference a step. */
static bool end_step(struct cell *cell)
{
    struct parcel *p = parcel_in(cell);
    uint64_t n = load_relaxed(&p->n_refs);
    if (n == 0) return true;
    tx_set(&p->n_refs, n - 1);
    cell_count(p->refs[n - 1], -1);
    return false;
}

static const char *verify(struct cell *cell, count_reference count, void *counts)
{
    struct parcel *p = parcel_in(cell);
    for (uint64_t i = 0; i < load_relaxed(&p->n_refs); i++)
        if (!count(counts, p->refs[i])) return "a parcel holds a stale reference";
    return NULL;
}

const struct cell_ops parcel_ops = {.end_step = end_step, .verify = verify};
