/* A member's reference table: chunks in the arena that outlive it, and this process's private index of them. */
#include "cells/references.h"
#include "cells/cell_table.h"
#include "arena/heap.h"
#include "arena/journal.h"
#include "base/private_lock.h"
#include "platform/compiler.h"

#include <stdlib.h>
#include <string.h>

/* Private, guarded by the GIL, without one by `mine_lock`: where this process's chunks are, and which entries are free. */
static struct {
#ifdef Py_GIL_DISABLED
    struct chunk **parts[32]; /* part i has room for 2^i chunks */
#else
    struct chunk **chunks;
#endif
    uint32_t n_chunks;
    refno *free;
    uint32_t n_free;
    uint8_t *unused;      /* by chunk, how many of its entries are free */
    uint32_t superfluous; /* chunks at the end that are wholly free */
    uint32_t inheriting;  /* sections that read chunks which they looked up before: no chunk may be freed */
} mine;
static private_lock mine_lock;

#ifdef Py_GIL_DISABLED
/* Threads look up their entries while another indexes a new chunk, so a part never moves.  A thread that has an entry's
 * number got it under the lock, after the entry's chunk was indexed. */
static struct chunk **chunk_slot(uint32_t n)
{
    unsigned part = highest_bit(n + 1ull);
    return &mine.parts[part][n + 1 - (1u << part)];
}

/* Make room for chunk `n`, where there is room for all before it. */
static bool chunk_slot_make(uint32_t n)
{
    unsigned part = highest_bit(n + 1ull);
    if (!mine.parts[part]) mine.parts[part] = calloc((size_t)1 << part, sizeof *mine.parts[part]);
    return mine.parts[part];
}
#else
static inline struct chunk **chunk_slot(uint32_t n) { return &mine.chunks[n]; }

static inline bool chunk_slot_make(uint32_t n)
{
    struct chunk **chunks = realloc(mine.chunks, (n + 1) * sizeof *chunks);
    if (!chunks) return false;
    mine.chunks = chunks;
    return true;
}
#endif

static inline struct chunk *chunk_at(uint32_t n) { return *chunk_slot(n); }

/* How sections that change the index are entered.  Without a GIL their thread keeps its state while it waits, for it holds
 * `mine_lock` in them. */
#ifdef Py_GIL_DISABLED
#define HAS_GIL false
#else
#define HAS_GIL true
#endif

/* Chunks that are never freed, because the number of handles varies. */
#ifdef PROCESSING_CRASH_POINTS
#define LEAST_CHUNKS 1
#else
#define LEAST_CHUNKS 16
#endif

struct reference *reference_at(refno n) { return &chunk_at(n / CHUNK_ENTRIES)->entries[n % CHUNK_ENTRIES]; }

bool reference_holds(refno n, cell_id id)
{
    return n / CHUNK_ENTRIES < mine.n_chunks && load_relaxed(&reference_at(n)->ref) == id;
}

/* Freeing chunks takes time in proportion to the number of free entries, so it pays only for many chunks. */
static inline bool give_back(refno n)
{
    uint32_t chunk = n / CHUNK_ENTRIES;
    mine.free[mine.n_free++] = n; /* there is room for every entry */
    if (++mine.unused[chunk] < CHUNK_ENTRIES || chunk != mine.n_chunks - 1 - mine.superfluous) return false;
    while (mine.superfluous < mine.n_chunks && mine.unused[mine.n_chunks - 1 - mine.superfluous] == CHUNK_ENTRIES)
        mine.superfluous++;
    return mine.n_chunks > LEAST_CHUNKS && mine.superfluous * 4 >= mine.n_chunks;
}

bool reference_return(refno n)
{
    private_lock_take(&mine_lock);
    bool shrinks = give_back(n);
    private_lock_release(&mine_lock);
    return shrinks;
}

static refno take_free(void)
{
    refno n = mine.free[--mine.n_free];
    uint32_t chunk = n / CHUNK_ENTRIES, after = mine.n_chunks - 1 - chunk;
    mine.unused[chunk]--;
    if (mine.superfluous > after) mine.superfluous = after;
    return n;
}

/* Make room in the private index for one more chunk. */
static bool index_grow(void)
{
    uint32_t n = mine.n_chunks + 1;
    if (!chunk_slot_make(mine.n_chunks)) return false;
    refno *list = realloc(mine.free, (size_t)n * CHUNK_ENTRIES * sizeof *list);
    if (!list) return false;
    mine.free = list;
    uint8_t *unused = realloc(mine.unused, n);
    if (!unused) return false;
    mine.unused = unused;
    return true;
}

static void index_chunk(struct chunk *chunk)
{
    refno first = mine.n_chunks * CHUNK_ENTRIES;
    *chunk_slot(mine.n_chunks++) = chunk;
    uint32_t before = mine.n_free;
    for (uint32_t i = CHUNK_ENTRIES; i-- > 0;)
        if (load_relaxed(&chunk->entries[i].ref) == 0) mine.free[mine.n_free++] = first + i;
    mine.unused[mine.n_chunks - 1] = (uint8_t)(mine.n_free - before);
    mine.superfluous = mine.n_free - before == CHUNK_ENTRIES ? mine.superfluous + 1 : 0;
}

/* Index what this process's list has and the index has not, in the list's order: a chunk's place is the same in both.
 * With a GIL the thread that appended a chunk may wait for the GIL, and others index it with their own. */
static bool index_list(void)
{
    word64 *link =
        mine.n_chunks ? &chunk_at(mine.n_chunks - 1)->next : &arena_member(owner_slot(arena.self))->references;
    uint64_t at;
    while ((at = load_acquire(link))) { /* pairs with the release of `tx_set`, by which a chunk is appended */
        struct chunk *chunk = arena_at(at);
        if (!index_grow()) return false;
        index_chunk(chunk);
        link = &chunk->next;
    }
    return true;
}

/* -- freeing chunks: empty ones at the end, because the numbers of the other entries must not change -- */

/* Each chunk is freed in a transaction of its own, the last first. */
static void give_last_chunk(void)
{
    uint32_t last = --mine.n_chunks;
    tx_set(&chunk_at(last - 1)->next, 0);
    heap_give(arena_offset(chunk_at(last)));
    tx_commit();
}

void references_shrink(void)
{
    struct section s;
    arena_enter(&s, HAS_GIL);
    private_lock_take(&mine_lock);
    /* With `thread`, the GIL, which guards the index, was released to enter.  A chunk that is not indexed yet is last. */
    bool whole = mine.n_chunks && load_relaxed(&chunk_at(mine.n_chunks - 1)->next) == 0;
    if (!s.thread && !mine.inheriting && whole) {
        uint32_t keep = mine.n_chunks - mine.superfluous, n = 0;
        if (keep < LEAST_CHUNKS) keep = LEAST_CHUNKS;
        while (mine.n_chunks > keep) give_last_chunk();
        for (uint32_t i = 0; i < mine.n_free; i++)
            if (mine.free[i] / CHUNK_ENTRIES < keep) mine.free[n++] = mine.free[i];
        mine.n_free = n;
        mine.superfluous = 0; /* or few, if LEAST_CHUNKS remain: counted again when one becomes free */
    }
    private_lock_release(&mine_lock);
    arena_leave(&s);
}

/* Append an empty chunk to a slot's list; call inside a section. */
static outcome chunk_append(word64 *last, struct chunk **chunk)
{
    uint64_t offset;
    bool cold;
    outcome o = heap_take(sizeof(struct chunk), &offset, &cold);
    if (o != OK) return o;
    if (offset + sizeof(struct chunk) > arena.mapped) return E_RANGE;
    *chunk = arena_at(offset);
    memset(*chunk, 0, sizeof **chunk); /* no other process sees it yet */
    tx_set(last, offset);
    return OK;
}

static word64 *last_link(struct member *m)
{
    word64 *link = &m->references;
    while (load_relaxed(link)) link = &((struct chunk *)arena_at(load_relaxed(link)))->next;
    return link;
}

#ifdef Py_GIL_DISABLED
/* One more chunk, whose place in the index is that in the list: so it is indexed in the section. */
static outcome chunk_add(void)
{
    struct section s;
    struct chunk *chunk = NULL;
    arena_enter(&s, HAS_GIL);
    private_lock_take(&mine_lock);
    outcome o = index_grow() ? chunk_append(last_link(arena_member(owner_slot(arena.self))), &chunk) : E_NOMEM;
    if (o == OK) index_chunk(chunk);
    else tx_abort();
    private_lock_release(&mine_lock);
    arena_leave(&s);
    return o;
}

outcome reference_reserve(refno *n)
{
    for (;;) {
        private_lock_take(&mine_lock);
        bool there = mine.n_free > 0;
        if (there) *n = take_free();
        private_lock_release(&mine_lock);
        if (there) return OK;
        outcome o = chunk_add();
        if (o != OK) return o;
    }
}
#else
outcome reference_reserve(refno *n)
{
    while (mine.n_free == 0) { /* another thread may take what this one has made */
        struct section s;
        struct chunk *chunk = NULL;
        if (!index_grow()) return E_NOMEM;
        arena_enter(&s, true);
        outcome o = chunk_append(last_link(arena_member(owner_slot(arena.self))), &chunk);
        if (o != OK) tx_abort();
        arena_leave(&s);
        if (o != OK) return o;
        if (!index_list()) return E_NOMEM;
    }
    *n = take_free();
    return OK;
}
#endif

void references_take_over(void)
{
    mine.n_chunks = mine.n_free = mine.superfluous = mine.inheriting = 0;
    if (!index_list()) Py_FatalError("processing: no memory for the index of references");
}

/* -- recovery: every step is a transaction, so a second process handles only what is left -- */

/* Whether the dead member owns the reference of an entry; during a transfer, the ring's cell decides. */
static bool owned(struct reference *r)
{
    uint64_t transfer = load_acquire(&r->transfer);
    if (transfer == 0) return true;
    struct cell *cell = arena_cell((uint32_t)transfer);
    bool putting = transfer >> 32 == TRANSFER_PUTTING;
    bool done =
        cell_ops[word_kind(load_relaxed(&cell->word))]->transfer_done(cell, putting, load_relaxed(&r->position));
    return putting ? !done : done;
}

static void drop(struct reference *r)
{
    cell_id id = load_acquire(&r->ref);
    if (id && owned(r)) cell_count(id, -1);
    tx_set(&r->ref, 0);
    tx_set(&r->transfer, TRANSFER_NONE);
    tx_commit();
}

/* Transfers first: as long as the plain references are counted, the rings that the transfers name exist. */
static void drop_all(struct member *m, bool transfers)
{
    for (uint64_t at = load_relaxed(&m->references); at; at = load_relaxed(&((struct chunk *)arena_at(at))->next)) {
        struct chunk *chunk = arena_at(at);
        for (uint32_t i = 0; i < CHUNK_ENTRIES; i++) {
            struct reference *r = &chunk->entries[i];
            if ((load_relaxed(&r->ref) || load_relaxed(&r->transfer)) && (!transfers || load_relaxed(&r->transfer)))
                drop(r);
        }
    }
}

void references_recover(struct member *m, owner_id who, bool has_gil)
{
    struct section s;
    arena_enter(&s, has_gil);
    if (load_relaxed(&m->owner) != who) { /* another process has reaped it, and the slot may have a new member */
        arena_leave(&s);
        return;
    }
    drop_all(m, true);
    drop_all(m, false);
    for (uint64_t at; (at = load_relaxed(&m->references));) {
        tx_set(&m->references, load_relaxed(&((struct chunk *)arena_at(at))->next));
        heap_give(at);
        tx_commit();
    }
    arena_leave(&s);
    free_pending(has_gil);
}

/* -- a fork's child: the same entries at the same numbers, less the transfers of other threads -- */

static outcome copy_chunk(const struct chunk *from, struct chunk *to)
{
    for (uint32_t i = 0; i < CHUNK_ENTRIES; i++) {
        const struct reference *r = &from->entries[i];
        cell_id id = load_relaxed(&r->ref);
        if (!id || load_relaxed(&r->transfer)) continue;
        outcome o = cell_count(id, +1);
        if (o == E_STALE) continue; /* a thread without the GIL has passed it on since we read it */
        if (o != OK) return o;
        store_relaxed(&to->entries[i].ref, id);
    }
    return OK;
}

static bool empty(const struct chunk *chunk)
{
    for (uint32_t i = 0; i < CHUNK_ENTRIES; i++)
        if (load_relaxed(&chunk->entries[i].ref)) return false;
    return true;
}

/* Empty chunks at the end are left out: a forkserver's spare, which has no handles, needs no memory here.  Entries that
 * another thread makes there meanwhile are counted by the child (`handles_take_over`). */
outcome references_inherit(struct member *child)
{
    struct section s;
    outcome o = OK;
    private_lock_take(&mine_lock);
    uint32_t n = mine.n_chunks;
    struct chunk **chunks = malloc((n + 1) * sizeof *chunks); /* entering may release the GIL, which guards the index */
    if (!chunks) {
        private_lock_release(&mine_lock);
        return E_NOMEM;
    }
    for (uint32_t i = 0; i < n; i++) chunks[i] = chunk_at(i);
    while (n && empty(chunks[n - 1])) n--;
    mine.inheriting++;
    private_lock_release(&mine_lock);
    arena_enter(&s, true);
    word64 *link = &child->references;
    for (uint32_t i = 0; i < n && o == OK; i++) {
        struct chunk *copy;
        o = chunk_append(link, &copy);
        if (o == OK) o = copy_chunk(chunks[i], copy);
        if (o == OK) {
            tx_commit();
            link = &copy->next;
        }
    }
    if (o != OK) tx_abort();
    arena_leave(&s);
    private_lock_take(&mine_lock);
    mine.inheriting--;
    private_lock_release(&mine_lock);
    free(chunks);
    return o;
}
