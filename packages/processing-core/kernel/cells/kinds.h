/* The kinds of cells, and the table of what each kind can do. */
#ifndef PROCESSING_KINDS_H
#define PROCESSING_KINDS_H

#include "arena/arena.h"

/* A cell's kind.  A cell with count zero whose kind is not FREE is *pending*: it still owns memory or references. */
enum cell_kind {
    CELL_FREE,
    CELL_LOCK,
    CELL_RLOCK,
    CELL_SEMAPHORE,
    CELL_BOUNDED,
    CELL_EVENT,
    CELL_CONDITION,
    CELL_VALUE,
    CELL_PARCEL,
    CELL_RING,
    CELL_CLAIMS,
    CELL_BLOCK,
    CELL_PRIORITY_QUEUE,
    CELL_KINDS
};

/* generation (24) << 32 | index: what a handle holds and pickles. */
typedef uint64_t cell_id;
static inline uint32_t id_index(cell_id id) { return (uint32_t)id; }
static inline uint32_t id_generation(cell_id id) { return (uint32_t)(id >> 32) & 0xffffff; }

static inline uint32_t word_kind(uint64_t w) { return (uint32_t)(w >> 56); }
static inline uint32_t word_generation(uint64_t w) { return (uint32_t)(w >> 32) & 0xffffff; }
static inline uint32_t word_count(uint64_t w) { return (uint32_t)w; }

/* Count a reference to a cell: false if there is no such cell. */
typedef bool (*count_reference)(void *counts, cell_id id);

/* A word of a cell's block: its name and offset. */
struct cell_field {
    const char *name;
    size_t offset;
};

/* What a kind of cells can do, like the slots of a Python type.  NULL: nothing needs to be done. */
struct cell_ops {
    const char *name; /* of the Python type, for introspection; NULL: it is not shown */
    /* One bounded step of ending a cell without references, inside a section; true when it owns nothing more. */
    bool (*end_step)(struct cell *cell);
    /* Whether a reference has passed into the cell (`putting`) or out of it at a position; inside a section. */
    bool (*transfer_done)(struct cell *cell, bool putting, uint64_t position);
    /* Offset of the first of the blocks that it owns beside its own, each of which begins with the next one's
     * offset. */
    uint64_t (*blocks)(struct cell *cell);
    /* Count the references that it owns: a description of what is wrong, or NULL. */
    const char *(*verify)(struct cell *cell, count_reference count, void *counts);
    /* Its holders: [((pid, name), alive, permits, None, False), ...]. */
    PyObject *(*holders)(void *block, uint64_t size);
    const struct cell_field *fields; /* what a reader outside of the family finds in its block; ends with name NULL */
};
/* By kind; NULL: the kind has no table.  Filled in when the module is made. */
extern const struct cell_ops *cell_ops[CELL_KINDS];

#endif
