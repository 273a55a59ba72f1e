/* Cells, the references to them, and their end. */
#ifndef PROCESSING_CELLS_H
#define PROCESSING_CELLS_H

#include "arena.h"

/* What a cell is.  A cell of another kind than FREE at count zero is *doomed*: it still owns something. */
enum cell_kind {
    CELL_FREE, CELL_LOCK, CELL_RLOCK, CELL_SEMAPHORE, CELL_BOUNDED, CELL_EVENT, CELL_CONDITION,
    CELL_VALUE, CELL_PARCEL, CELL_RING, CELL_CLAIMS, CELL_BLOCK, CELL_PILE, CELL_KINDS
};

/* generation (24) << 32 | index: what a handle holds and pickles. */
typedef uint64_t cell_id;
static inline uint32_t id_index(cell_id id) { return (uint32_t)id; }
static inline uint32_t id_generation(cell_id id) { return (uint32_t)(id >> 32) & 0xffffff; }

static inline uint32_t word_kind(uint64_t w) { return (uint32_t)(w >> 56); }
static inline uint32_t word_generation(uint64_t w) { return (uint32_t)(w >> 32) & 0xffffff; }
static inline uint32_t word_count(uint64_t w) { return (uint32_t)w; }

/* An entry of a member's reference table.  Only the member writes it while it lives, and only recovery when it is
 * dead.  `ref` is the cell it has counted, 0 if the entry is free.
 *
 * `transfer` makes the entry a transfer record: the reference passes between this member and a ring.  While it is
 * not 0, who owns the reference is decided by the ring's position against `position`:
 *     PUTTING: the ring owns it once tail > position, else the member does;
 *     GETTING: the member owns it once head > position, else the ring does.
 * Order: position and transfer are stored before ref when an entry becomes a record, ref is cleared before transfer
 * when it ends; the release store of the ring's tail or head comes between. */
struct reference {
    word64 ref;
    word64 transfer; /* TRANSFER_* << 32 | index of the ring's cell */
    word64 position;
    uint64_t spare;
};
enum { TRANSFER_NONE, TRANSFER_PUTTING, TRANSFER_GETTING };

#define CHUNK_ENTRIES 127
struct chunk {
    word64 next;
    uint64_t spare[3];
    struct reference entries[CHUNK_ENTRIES];
};
_Static_assert(sizeof(struct chunk) == PAGE_SIZE, "a chunk of references is a page");

/* -- this process's entries, by number (a fork's child finds its own copy under the same number); call with the GIL -- */
typedef uint32_t refno;
#define NO_REF UINT32_MAX
outcome reference_reserve(refno *n);
void reference_return(refno n); /* its ref must be 0 */
struct reference *reference_at(refno n);
bool reference_holds(refno n, cell_id id);
void references_adopt(void); /* take over the chunks that stand in this member's place */

/* -- cells; call with the GIL.  Each counts one reference of this member. -- */
outcome cell_create(enum cell_kind kind, uint64_t size, bool zeroed, cell_id *id, refno *ref);
outcome cell_attach(enum cell_kind kind, cell_id id, refno *ref);
void cell_detach(refno ref); /* and returns the entry */
/* The block's contents are complete: for rings and parcels, whose blocks own further things. */
static inline void cell_ready(cell_id id) { store_release(&arena_cell(id_index(id))->ready, 1); }
static inline void *cell_block(cell_id id) { return arena_at(load_relaxed(&arena_cell(id_index(id))->offset)); }

/* -- inside an arena section, part of its transaction -- */
outcome cell_count(cell_id id, int change); /* at zero the cell becomes doomed */
outcome cell_chain(uint32_t index, uint64_t bytes, uint64_t *offset); /* a further block, pushed on the chain */
void settle(bool has_gil); /* outside sections: end the doomed, whoever doomed them */

/* One bounded step of ending a doomed ring or parcel, inside a section; true when it owns nothing more. */
bool ring_end_step(struct cell *cell);
bool parcel_end_step(struct cell *cell);
bool pile_end_step(struct cell *cell);

/* -- recovery -- */
void references_recover(struct member *m, owner_id who, bool has_gil); /* drop all that a dead member counted */
outcome references_inherit(struct member *child); /* a copy of this member's references, each counted */

#endif
