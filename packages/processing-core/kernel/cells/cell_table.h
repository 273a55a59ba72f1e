/* The cell table. */
#ifndef PROCESSING_CELL_TABLE_H
#define PROCESSING_CELL_TABLE_H

#include "cells/kinds.h"

/* The block's contents are complete: for rings and parcels, whose blocks own further things. */
static inline void cell_ready(cell_id id) { store_release(&arena_cell(id_index(id))->ready, 1); }
static inline void *cell_block(cell_id id) { return arena_at(load_relaxed(&arena_cell(id_index(id))->offset)); }

bool cell_is_live(cell_id id); /* outside a section it is a hint */

/* -- inside an arena section, part of its transaction -- */
outcome cell_count(cell_id id, int change);                           /* at zero the cell becomes pending */
outcome cell_chain(uint32_t index, uint64_t bytes, uint64_t *offset); /* a further block, pushed on the chain */
void free_pending(bool has_gil); /* outside sections: free what is pending, whichever process left it */
/* A new cell with a count of 1, at `*id`.  `*cold`: the caller commits its block's memory. */
outcome cell_take(enum cell_kind kind, uint64_t size, cell_id *id, bool *cold);
void free_some_pending(void); /* some steps of freeing what is pending; commits */

#endif
