/* The arena: one anonymous shared-memory object per family, its layout, and the journal that guards it.
 *
 *     [ header | member table | cell table | page table | heap ]
 *
 * Every member maps the whole at some address of its own, so the arena refers to itself by offsets.
 */
#ifndef PROCESSING_ARENA_H
#define PROCESSING_ARENA_H

#include "kernel.h"

#define ARENA_MAGIC 0x70726f6365737331ull
#define LAYOUT_VERSION 1u
#define PAGE_SIZE 4096u
#define MEMBER_SLOTS 4096u
#define JOURNAL_ENTRIES 1920u
#define OBITUARIES 128u
#define SLAB_CLASSES 6u /* 64, 128, ... 2048 bytes */
#define ORDERS 28u
#define NAME_SIZE 64
#define EARS 64u /* calls in the family that may listen at once, before others look from time to time */
#define MEMBER_WAITS 8

/* Who: serial << 20 | slot << 8.  The low byte is free for the flags of a word that holds an owner. */
typedef uint64_t owner_id;
#define OWNER_FLAGS 0xffull
static inline owner_id make_owner(uint64_t serial, uint32_t slot) { return serial << 20 | (uint64_t)slot << 8; }
static inline uint32_t owner_slot(owner_id o) { return (uint32_t)(o >> 8) & 0xfff; }
static inline uint64_t owner_serial(owner_id o) { return o >> 20; }

/* The arena lock and its undo log.  Every change of more than one word in tables and heap is a transaction:
 * `arena_enter`, stores through `tx_set`, `arena_leave`.  The log belongs to the lock: only its holder writes
 * it, and whoever takes the lock and finds entries in it undoes them first (newest first, count cleared last,
 * so that the undoing may itself be killed and be begun again). */
struct journal {
    word64 guard;  /* owner_id of the holder, 0 if free */
    word32 parked; /* event count of those who wait for the guard */
    word32 count;  /* entries that must be undone if the holder dies; release store pairs with the undoer's acquire */
    word64 undone; /* how often something was undone; by the holder, read by who chose outside a section (below) */
    struct {
        uint64_t offset, old;
    } entries[JOURNAL_ENTRIES];
};

/* One member's place. `owner` is written under the arena lock and read by anybody: a serial that its slot no
 * longer holds is dead. */
enum { PLACE_FREE, PLACE_RESERVED, PLACE_ALIVE, PLACE_BURYING };
struct member {
    word64 owner;
    word64 state;
    word64 pid;
    word64 start_time; /* clock ticks since boot: tells a reused pid apart */
    word64 references; /* offset of the first chunk of its reference table, 0 if none */
    word64 inherits;   /* cell_id of the parcel that waits for a reserved member, 0 if none */
    uint64_t spare[2];
    char name[NAME_SIZE]; /* written by the member itself or the one that reserved its place */
    word64 waits[MEMBER_WAITS]; /* cell_ids that threads of the member wait for, 0: none; for introspection (waits.c) */
};
_Static_assert(sizeof(struct member) == 192, "layout of the member table");

/* What is remembered of the dead, at serial % OBITUARIES. */
struct obituary {
    word64 serial, pid, exitcode; /* exitcode + 2^32, 0 if unknown */
    char name[NAME_SIZE];
};

/* A cell.  `word` is kind (8) | generation (24) | count (32); a handle is (index, generation).  All fields are
 * written under the arena lock; `word`, `offset`, `size` may be read by whoever holds a reference. */
struct cell {
    word64 word;
    word64 offset; /* of its block, 0 if none */
    word64 size;   /* bytes asked for */
    word64 link;   /* next in the free or the doomed list: index, 0 ends */
    word64 chain;  /* offset of the first of further blocks it owns, each beginning with the next's offset */
    word64 ready;  /* 1 once the block's contents mean something to recovery (release; pairs with end_step) */
    word64 site;   /* offset of the text, on the chain, that says which line made it; 0: not recorded */
    uint64_t spare;
};
_Static_assert(sizeof(struct cell) == 64, "layout of the cell table");

/* A page of the heap.  Only the first page of a block is meaningful. */
struct page {
    word64 links; /* next << 32 | previous, in the list its state implies; page 0 is never given out and ends lists */
    word64 state; /* page_state << 56 | class or order << 48 | number of pages */
    word64 free;  /* slab: a bit for each free object */
    uint64_t spare;
};

struct arena_header {
    uint64_t magic;
    uint32_t version, page_size;
    uint64_t family;             /* random, never 0 */
    uint64_t cap;                /* bytes of heap */
    uint64_t cells_at, cells;    /* offset and number of cells */
    uint64_t pages_at, pages;    /* offset and number of pages */
    uint64_t heap_at, total;     /* offset of page 0; bytes of the whole file */
    uint64_t spare[4];

    _Alignas(64) word64 next_serial;
    word64 fresh_cell;      /* cells from here on were never used */
    word64 committed_cells; /* cells from here on have no memory yet */
    word64 free_cell;       /* list */
    word64 doomed_cell;     /* list of cells at count zero that still own something */
    word64 cells_used;
    word64 pages_used;      /* given out */
    word64 pages_warm;      /* free and committed */
    word64 slabs[SLAB_CLASSES];        /* lists of slab pages with a free object */
    word64 free_pages[2][ORDERS];      /* lists of free blocks: [0] cold (no memory), [1] warm */
    word64 kept_runs;                  /* list of free runs larger than a step, warm, kept whole */
    _Alignas(64) struct journal journal;
    struct obituary obituaries[OBITUARIES];
    word64 ears[EARS]; /* who listens at which address; 0: nobody.  CAS by anybody: see ears.h */
};

#define HEADER_SIZE 65536u
_Static_assert(sizeof(struct arena_header) <= HEADER_SIZE, "the header has its room");
#define MEMBERS_AT HEADER_SIZE
#define MEMBERS_SIZE (MEMBER_SLOTS * (uint32_t)sizeof(struct member))

/* This process's view. `self` is 0 outside a family. */
struct arena {
    uint8_t *base;
    uint64_t mapped; /* bytes of address space */
    int fd;
    owner_id self;
    struct arena_header *header;
    uint32_t *token; /* wiped by a fork: 0 means that no hook ran since */
};
extern struct arena arena;

static inline void *arena_at(uint64_t offset) { return arena.base + offset; }
static inline uint64_t arena_offset(const void *p) { return (uint64_t)((const uint8_t *)p - arena.base); }
static inline struct member *arena_member(uint32_t slot)
{
    return (struct member *)(arena.base + MEMBERS_AT) + slot;
}
static inline struct cell *arena_cell(uint32_t index)
{
    return (struct cell *)(arena.base + arena.header->cells_at) + index;
}
static inline struct page *arena_page(uint64_t index)
{
    return (struct page *)(arena.base + arena.header->pages_at) + index;
}

/* OK if this process may touch the arena. */
static inline outcome arena_usable(void)
{
    if (arena.self == 0) return E_NOFAMILY;
    return *arena.token ? OK : E_FORKED;
}

/* -- transactions (journal.c) -- */

/* A section remembers whether the GIL had to be released to enter. `owned` is false inside code without GIL. */
struct section {
    PyThreadState *thread;
    bool has_gil;
};
void arena_enter(struct section *s, bool has_gil);
void arena_leave(struct section *s); /* commits */
void tx_set(word64 *word, uint64_t value);
void tx_commit(void); /* keeps the lock: what follows is a transaction of its own */
void tx_abort(void);  /* undo all since the last commit */

/* Words read outside a section may be those of a dead holder's transaction, which is undone before the next section
 * begins.  Comparing the words that one acts on is enough where they decide alone.  Where the choice rests on other
 * words too (the oldest, none), compare this as well: taken before they are read, and again in the section. */
static inline uint64_t arena_undone(void) { return atomic_load(&arena.header->journal.undone); }

/* -- making and mapping (arena.c) -- */
outcome arena_found(uint64_t cap);
outcome arena_join(int fd);
void arena_tokenize(void);

/* -- the platform (arena_<platform>.c) -- */
int platform_memory_create(uint64_t size);                           /* a descriptor, or -1 */
void *platform_memory_map(int fd, uint64_t size);                    /* NULL if there is no such room */
outcome platform_memory_commit(int fd, uint64_t offset, uint64_t n); /* give it memory now, or E_NOMEM */
void platform_memory_release(int fd, uint64_t offset, uint64_t n);   /* give memory back; contents are lost */
uint32_t *platform_fork_token(void);                                 /* a word that a fork zeroes in the child */
uint64_t platform_random(void);

#endif
