/* The arena: one anonymous shared-memory object per family, its layout, and the journal that guards it.
 *
 *     [ header | member table | wait records | cell table | page table | heap ]
 *
 * Each member maps the whole arena at an address of its own, so pointers inside the arena are offsets.
 */
#ifndef PROCESSING_LAYOUT_H
#define PROCESSING_LAYOUT_H

#include "base/kernel.h"

#define ARENA_MAGIC 0x70726f6365737331ull
#define LAYOUT_VERSION 5u /* of all that stands here, and of the kinds of cells: another one is refused */
#define ARENA_PAGE 4096u
#define MEMBER_SLOTS 4096u
#define JOURNAL_ENTRIES 1920u
#define TOMBSTONES 128u
#define SLAB_CLASSES 6u /* 64, 128, ... 2048 bytes */
#define ORDERS 28u
#define NAME_SIZE 64
#define NAME_WORDS (NAME_SIZE / 8)
#define OBSERVERS 256u /* event loops, and calls of `wait`, of the family that may observe at once */
#define OBSERVER_KEYS 1024u
#define MEMBER_WAITS 8
#define MEMBER_RECORDS 8 /* of long waits: wait_record.h */
#define RECORD_SIZE 512u

/* A member's identity: serial << 20 | slot << 8.  The low byte is free for the flags of a word that holds an owner. */
typedef uint64_t owner_id;
#define OWNER_FLAGS 0xffull
static inline owner_id make_owner(uint64_t serial, uint32_t slot) { return serial << 20 | (uint64_t)slot << 8; }
static inline uint32_t owner_slot(owner_id o) { return (uint32_t)(o >> 8) & 0xfff; }
static inline uint64_t owner_serial(owner_id o) { return o >> 20; }

/* The arena lock and its undo log.  Every change of more than one word in tables and heap is a transaction:
 * `arena_enter`, stores through `tx_set`, `arena_leave`.  The log belongs to the lock: only its holder writes
 * it, and a process that takes the lock and finds entries in it undoes them first (newest first, count cleared last:
 * if it is killed meanwhile, the next process undoes them again). */
struct journal {
    word64 lock;   /* owner_id of the holder, 0 if free */
    word32 parked; /* event count of processes that wait for the lock */
    word32 count;  /* entries that must be undone if the holder dies; release store pairs with the undoer's acquire */
    /* How often entries were undone; written by the holder; read by processes that decide outside a section
     * (journal.h). */
    word64 undone;
    struct {
        uint64_t offset, old;
    } entries[JOURNAL_ENTRIES];
};

/* One member's slot. `owner` is written under the arena lock and read by all: a member whose serial is no longer in its
 * slot is dead. */
enum { SLOT_FREE, SLOT_RESERVED, SLOT_ALIVE, SLOT_REAPING };
struct member {
    word64 owner;
    word64 state;
    word64 pid;
    word64 start_time;   /* clock ticks since boot: tells a reused pid apart */
    word64 references;   /* offset of the first chunk of its reference table, 0 if none */
    word64 startup_data; /* cell_id of the startup data of a reserved member, 0 if none */
    word64 name_count;   /* odd while `name` is written: see member_name.c */
    uint64_t spare;
    word64 name[NAME_WORDS];
    word64 waits[MEMBER_WAITS]; /* cell_ids that threads of the member wait for, 0: none; for introspection (wait.c) */
};
_Static_assert(sizeof(struct member) == 192, "layout of the member table");

/* What is remembered of the dead, at serial % TOMBSTONES. */
struct tombstone {
    word64 serial, pid, exitcode; /* exitcode + 2^32, 0 if unknown */
    char name[NAME_SIZE];
};

/* A cell.  `word` is kind (8) | generation (24) | count (32); a handle is (index, generation).  All fields are
 * written under the arena lock; `word`, `offset`, `size` may be read by any process that holds a reference. */
struct cell {
    word64 word;
    word64 offset; /* of its block, 0 if none */
    word64 size;   /* bytes asked for */
    word64 link;   /* next in the list of free or of pending cells: index, 0 ends */
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

/* What an observer is told, between two of its looks: see observers.h for the protocol. */
struct mailbox {
    word64 told;                      /* the owner_id that was notified since its last look; any member exchanges it */
    word32 overflow;                  /* a key was not kept */
    word32 next;                      /* where a teller begins to look for room */
    word64 marks[OBSERVER_KEYS / 64]; /* a bit for each key: set after the key, cleared before the key is taken */
    word64 keys[OBSERVER_KEYS];       /* 0: free */
};

struct arena_header {
    uint64_t magic;
    uint32_t version, page_size;
    struct platform_family family;
    uint64_t cap;             /* bytes of heap */
    uint64_t cells_at, cells; /* offset and number of cells */
    uint64_t pages_at, pages; /* offset and number of pages */
    uint64_t heap_at, total;  /* offset of page 0; bytes of the whole file */
    uint64_t mailboxes_at;    /* offset of the observers' mailboxes; each has memory once its slot was used */
    uint64_t records_at;      /* offset of the members' wait records; pages that were never written have no memory */
    uint64_t spare;

    _Alignas(64) word64 next_serial;
    word64 fresh_cell;      /* cells from here on were never used */
    word64 committed_cells; /* cells from here on have no memory yet */
    word64 free_cell;       /* list */
    word64 pending_free;    /* list of the pending cells, at count zero, that still own something */
    word64 cells_used;
    word64 pages_used;            /* given out */
    word64 pages_warm;            /* free and committed */
    word64 slabs[SLAB_CLASSES];   /* lists of slab pages with a free object */
    word64 free_pages[2][ORDERS]; /* lists of free blocks: [0] cold (no memory), [1] warm */
    word64 kept_runs;             /* list of free runs larger than a step, warm, kept whole */
    _Alignas(64) struct journal journal;
    struct tombstone tombstones[TOMBSTONES];
    word64 observers[OBSERVERS]; /* which member observes at which address; 0: none.  Any member: see observers.h */
};

#define MAILBOX_SIZE 12288u /* whole pages */
_Static_assert(sizeof(struct mailbox) <= MAILBOX_SIZE && MAILBOX_SIZE % ARENA_PAGE == 0, "a mailbox has its pages");

#define HEADER_SIZE 65536u
_Static_assert(sizeof(struct arena_header) <= HEADER_SIZE, "the header has its room");
#define MEMBERS_AT HEADER_SIZE
#define MEMBERS_SIZE (MEMBER_SLOTS * (uint32_t)sizeof(struct member))

#endif
