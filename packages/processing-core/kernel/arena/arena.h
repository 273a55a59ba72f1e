/* This process's view of the arena: making it, mapping it, giving it memory. */
#ifndef PROCESSING_ARENA_H
#define PROCESSING_ARENA_H

#include "arena/layout.h"

/* This process's view. `self` is 0 outside a family. */
struct arena {
    uint8_t *base;
    uint64_t mapped; /* bytes of address space */
    word64 opened;   /* see arena_descriptor: its number, and above 32 bits how often one was opened again */
    struct file_identity file;
    owner_id self;
    struct arena_header *header;
    uint32_t *token; /* wiped by a fork: 0 means that no hook ran since, or that it failed */
    bool hook_failed;
#ifdef Py_GIL_DISABLED
    word32 open; /* all of the above is there; release, pairs with the acquire of the threads that did not make it */
#endif
};
extern struct arena arena;

static inline void *arena_at(uint64_t offset) { return arena.base + offset; }
static inline uint64_t arena_offset(const void *p) { return (uint64_t)((const uint8_t *)p - arena.base); }
static inline struct member *arena_member(uint32_t slot) { return (struct member *)(arena.base + MEMBERS_AT) + slot; }
static inline struct cell *arena_cell(uint32_t index)
{
    return (struct cell *)(arena.base + arena.header->cells_at) + index;
}
static inline struct page *arena_page(uint64_t index)
{
    return (struct page *)(arena.base + arena.header->pages_at) + index;
}

/* Whether there is an arena, and that this thread may know it. */
static inline bool arena_there(void)
{
#ifdef Py_GIL_DISABLED
    return load_acquire(&arena.open);
#else
    return arena.header;
#endif
}

/* It is made, or joined: with a GIL no thread has seen it half made. */
static inline void arena_open(void)
{
#ifdef Py_GIL_DISABLED
    store_release(&arena.open, 1);
#endif
}

/* OK if this process may touch the arena. */
static inline outcome arena_usable(void)
{
#ifdef Py_GIL_DISABLED
    if (!arena_there()) return E_NOFAMILY;
#endif
    if (arena.self == 0) return E_NOFAMILY;
    return *arena.token ? OK : E_FORKED;
}

/* -- making and mapping -- */
outcome arena_create(uint64_t cap);
void arena_discard(void); /* of a family that got no member */
outcome arena_join(int fd);
void arena_tokenize(void);
/* The descriptor of the arena's file. If the program has closed it, another one is opened, through this process's
 * mapping or through a living member's descriptor, as far as the system allows that; -1: it does not. */
int arena_descriptor(void);
int arena_descriptor_known(void); /* the same, or -1 if the program has closed it */
/* Give part of the arena memory now, or E_NOMEM; give memory back, and the contents are lost. */
outcome arena_commit(uint64_t offset, uint64_t n);
void arena_release(uint64_t offset, uint64_t n);
/* Map a part of the heap that has memory, and that is about to be written, unless this process has done so before. Needs
 * no GIL. */
void arena_populate(const void *at, uint64_t n);

#endif
