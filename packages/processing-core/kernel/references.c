/* A member's reference table: chunks in the arena that outlive it, and this process's private index of them. */
#include "cells.h"
#include "heap.h"
#include "ring.h"

#include <stdlib.h>
#include <string.h>

/* Private, guarded by the GIL: where my chunks are, and which entries are free. */
static struct {
    struct chunk **chunks;
    uint32_t n_chunks;
    refno *free;
    uint32_t n_free, free_room;
} mine;

struct reference *reference_at(refno n)
{
    return &mine.chunks[n / CHUNK_ENTRIES]->entries[n % CHUNK_ENTRIES];
}

bool reference_holds(refno n, cell_id id)
{
    return n / CHUNK_ENTRIES < mine.n_chunks && load_relaxed(&reference_at(n)->ref) == id;
}

void reference_return(refno n)
{
    mine.free[mine.n_free++] = n; /* free_room counts every entry there is */
}

/* Make room in the private index for one more chunk. */
static bool index_grow(void)
{
    uint32_t n = mine.n_chunks + 1;
    struct chunk **chunks = realloc(mine.chunks, n * sizeof *chunks);
    if (!chunks) return false;
    mine.chunks = chunks;
    refno *list = realloc(mine.free, (size_t)n * CHUNK_ENTRIES * sizeof *list);
    if (!list) return false;
    mine.free = list;
    return true;
}

static void index_chunk(struct chunk *chunk)
{
    refno first = mine.n_chunks * CHUNK_ENTRIES;
    mine.chunks[mine.n_chunks++] = chunk;
    for (uint32_t i = CHUNK_ENTRIES; i-- > 0;)
        if (load_relaxed(&chunk->entries[i].ref) == 0) mine.free[mine.n_free++] = first + i;
}

/* Append an empty chunk to a place's list; call inside a section. */
static outcome chunk_append(word64 *last, struct chunk **chunk)
{
    uint64_t offset;
    bool cold;
    outcome o = heap_take(sizeof(struct chunk), &offset, &cold);
    if (o != OK) return o;
    if (offset + sizeof(struct chunk) > arena.mapped) return E_RANGE;
    *chunk = arena_at(offset);
    memset(*chunk, 0, sizeof **chunk); /* nobody sees it yet */
    tx_set(last, offset);
    return OK;
}

static word64 *last_link(struct member *m)
{
    word64 *link = &m->references;
    while (load_relaxed(link)) link = &((struct chunk *)arena_at(load_relaxed(link)))->next;
    return link;
}

outcome reference_reserve(refno *n)
{
    if (mine.n_free == 0) {
        struct section s;
        struct chunk *chunk = NULL;
        if (!index_grow()) return E_NOMEM;
        arena_enter(&s, true);
        outcome o = chunk_append(last_link(arena_member(owner_slot(arena.self))), &chunk);
        if (o != OK) tx_abort();
        arena_leave(&s);
        if (o != OK) return o;
        /* entering may have let another thread in, which indexed a chunk of its own: make room again */
        if (!index_grow()) return E_NOMEM;
        index_chunk(chunk);
    }
    *n = mine.free[--mine.n_free];
    return OK;
}

void references_adopt(void)
{
    uint64_t at = load_relaxed(&arena_member(owner_slot(arena.self))->references);
    mine.n_chunks = mine.n_free = 0;
    while (at) {
        struct chunk *chunk = arena_at(at);
        if (!index_grow()) Py_FatalError("processing: no memory for the index of references");
        index_chunk(chunk);
        at = load_relaxed(&chunk->next);
    }
}

/* -- recovery: every step is a transaction, and a second look finds only what is left -- */

/* Whether the dead member owns what the entry names; the ring's position decides on a transfer. */
static bool owned(struct reference *r)
{
    uint64_t transfer = load_acquire(&r->transfer);
    if (transfer == 0) return true;
    bool passed = ring_passed((uint32_t)transfer, transfer >> 32 == TRANSFER_PUTTING, load_relaxed(&r->position));
    return transfer >> 32 == TRANSFER_PUTTING ? !passed : passed;
}

static void drop(struct reference *r)
{
    cell_id id = load_acquire(&r->ref);
    if (id && owned(r)) cell_count(id, -1);
    tx_set(&r->ref, 0);
    tx_set(&r->transfer, TRANSFER_NONE);
    tx_commit();
}

/* Transfers first: as long as the plain references stand, the rings they name are alive. */
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
    if (load_relaxed(&m->owner) != who) { /* another buried it, and the place may have a new tenant */
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
    settle(has_gil);
}

/* -- a fork's child: the same entries at the same numbers, less the transfers of other threads -- */

static outcome copy_chunk(const struct chunk *from, struct chunk *to)
{
    for (uint32_t i = 0; i < CHUNK_ENTRIES; i++) {
        const struct reference *r = &from->entries[i];
        cell_id id = load_relaxed(&r->ref);
        if (!id || load_relaxed(&r->transfer)) continue;
        outcome o = cell_count(id, +1);
        if (o == E_STALE) continue; /* a thread without the GIL has passed it on since: a transfer that we missed */
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

/* Chunks at the end with nothing in them are left out: a spare of a forkserver, which has no handles, needs no memory
 * here.  What another thread puts there meanwhile, the child counts (`handles_adopt`). */
outcome references_inherit(struct member *child)
{
    struct section s;
    outcome o = OK;
    uint32_t n = mine.n_chunks;
    struct chunk **chunks = malloc((n + 1) * sizeof *chunks); /* entering may release the GIL, which guards the index */
    if (!chunks) return E_NOMEM;
    for (uint32_t i = 0; i < n; i++) chunks[i] = mine.chunks[i];
    while (n && empty(chunks[n - 1])) n--;
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
    free(chunks);
    return o;
}
