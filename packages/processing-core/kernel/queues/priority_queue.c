/* See priority_queue.h. */
#include "queues/priority_queue.h"

#include "arena/heap.h"
#include "cells/parcel.h"
#include "arena/journal.h"

#define PAGE_BYTES 65536u

static void add(word64 *w, int64_t n) { tx_set(w, load_relaxed(w) + (uint64_t)n); }

/* -- slots. Pages and lists of pages are blocks on the cell's chain, whose first 64 bytes are the chain's; the chain
 * is a stack, so they are freed in the reverse order of their making -- */

static word64 *page_of(struct priority_queue *p, uint64_t page)
{
    word64 *list = arena_at(load_relaxed(&p->lists[page / PAGES_LISTED]));
    return list + 4 + page % PAGES_LISTED;
}

static struct slot *priority_queue_slot(struct priority_queue *p, uint64_t i)
{
    uint8_t *page = arena_at(load_relaxed(page_of(p, i / PAGE_SLOTS)));
    return (struct slot *)(page + 64) + i % PAGE_SLOTS;
}

/* Taking memory may commit what stands in the log so far: so this comes first in a section. */
static outcome page_append(struct priority_queue *p, uint32_t index)
{
    uint64_t page = load_relaxed(&p->pages), offset;
    if (page / PAGES_LISTED == LISTS) return E_NOMEM;
    if (page % PAGES_LISTED == 0) {
        outcome o = cell_chain(index, ARENA_PAGE, &offset);
        if (o != OK) return o;
        tx_set(&p->lists[page / PAGES_LISTED], offset);
    }
    outcome o = cell_chain(index, PAGE_BYTES, &offset);
    if (o != OK) return o;
    tx_set(page_of(p, page), offset);
    tx_set(&p->pages, page + 1);
    return OK;
}

static void chain_drop(struct cell *cell)
{
    uint64_t offset = load_relaxed(&cell->chain);
    tx_set(&cell->chain, load_relaxed((word64 *)arena_at(offset)));
    heap_give(offset);
}

/* Give back the last page while the one before it is empty too. */
static void page_drop(struct priority_queue *p, uint32_t index)
{
    uint64_t pages = load_relaxed(&p->pages);
    if (pages < 2 || load_relaxed(&p->n) > (pages - 2) * PAGE_SLOTS) return;
    chain_drop(arena_cell(index));
    if ((pages - 1) % PAGES_LISTED == 0) chain_drop(arena_cell(index));
    tx_set(&p->pages, pages - 1);
}

/* -- the order -- */

static int compare_long(cell_id a, cell_id b)
{
    struct parcel *x = cell_block(a), *y = cell_block(b);
    int sign = memcmp(parcel_data(x), parcel_data(y), x->key_size < y->key_size ? x->key_size : y->key_size);
    if (sign) return sign;
    return x->key_size < y->key_size ? -1 : x->key_size > y->key_size;
}

/* What a slot holds, read in a section. */
struct item {
    uint64_t id, number, bytes, key[2];
};

static struct item item_at(struct priority_queue *p, uint64_t i)
{
    struct slot *s = priority_queue_slot(p, i);
    return (struct item){load_relaxed(&s->id),
                         load_relaxed(&s->number),
                         load_relaxed(&s->bytes),
                         {load_relaxed(&s->key[0]), load_relaxed(&s->key[1])}};
}

static bool before(const struct item *a, const struct item *b)
{
    for (int i = 0; i < 2; i++)
        if (a->key[i] != b->key[i]) return a->key[i] < b->key[i];
    int sign = compare_long(a->id, b->id);
    return sign ? sign < 0 : a->number < b->number;
}

static void put_item(struct priority_queue *p, uint64_t i, const struct item *item)
{
    struct slot *to = priority_queue_slot(p, i);
    tx_set(&to->id, item->id);
    tx_set(&to->number, item->number);
    tx_set(&to->bytes, item->bytes);
    tx_set(&to->key[0], item->key[0]);
    tx_set(&to->key[1], item->key[1]);
}

/* Put an item into the hole at i, or higher. */
static void sift_up(struct priority_queue *p, uint64_t i, const struct item *item)
{
    while (p->ordered && i > 0) {
        struct item parent = item_at(p, (i - 1) / 2);
        if (!before(item, &parent)) break;
        put_item(p, i, &parent);
        i = (i - 1) / 2;
    }
    put_item(p, i, item);
}

/* Put an item into the hole at i, or lower; there are n slots. */
static void sift_down(struct priority_queue *p, uint64_t i, uint64_t n, const struct item *item)
{
    for (uint64_t child; (child = 2 * i + 1) < n; i = child) {
        struct item least = item_at(p, child), other = child + 1 < n ? item_at(p, child + 1) : least;
        if (child + 1 < n && before(&other, &least)) least = other, child++;
        if (!before(&least, item)) break;
        put_item(p, i, &least);
    }
    put_item(p, i, item);
}

/* The first 16 bytes of a sort key, most significant first. */
static void read_key(struct item *item)
{
    struct parcel *p = cell_block(item->id);
    uint64_t words[2] = {0, 0};
    for (uint64_t i = 0; i < 16 && i < p->key_size; i++)
        words[i / 8] |= (uint64_t)parcel_data(p)[i] << (56 - 8 * (i % 8));
    item->key[0] = words[0];
    item->key[1] = words[1];
}

/* -- operations -- */

static outcome room_for(struct priority_queue *p, uint64_t bytes)
{
    uint64_t n = load_relaxed(&p->n), used = load_relaxed(&p->bytes);
    if (load_relaxed(&p->state) & PRIORITY_QUEUE_SHUT) return E_CLOSED;
    if (n == 0) return OK; /* whatever its size */
    if (n >= p->max_items) return BUSY;
    return p->max_bytes == UINT64_MAX || (used < p->max_bytes && bytes <= p->max_bytes - used) ? OK : BUSY;
}

bool priority_queue_may_put(struct priority_queue *p, uint64_t bytes) { return room_for(p, bytes) != BUSY; }
bool priority_queue_may_get(struct priority_queue *p) { return load_relaxed(&p->n) || load_relaxed(&p->state); }
bool priority_queue_may_join(struct priority_queue *p) { return load_relaxed(&p->finished) >= load_relaxed(&p->tasks); }

static outcome put_inside(struct priority_queue *p, uint32_t index, struct reference *entry, uint64_t bytes)
{
    outcome o = room_for(p, bytes);
    uint64_t n = load_relaxed(&p->n);
    if (o == OK && n == load_relaxed(&p->pages) * PAGE_SLOTS) o = page_append(p, index);
    if (o != OK) return o;
    struct item item = {.id = load_relaxed(&entry->ref), .number = load_relaxed(&p->number), .bytes = bytes};
    read_key(&item);
    tx_set(&entry->ref, 0);
    sift_up(p, n, &item);
    tx_set(&p->n, n + 1);
    add(&p->bytes, (int64_t)bytes);
    add(&p->number, 1);
    add(&p->tasks, 1);
    return OK;
}

outcome priority_queue_put(struct priority_queue *p, uint32_t index, struct reference *entry, uint64_t bytes,
                           bool has_gil)
{
    struct section s;
    arena_enter(&s, has_gil);
    outcome o = put_inside(p, index, entry, bytes);
    if (o != OK && o != BUSY) tx_abort();
    arena_leave(&s);
    if (o == OK) observable_wake(&p->not_empty, 1);
    return o;
}

/* Take the first item out: its count is the caller's. */
static cell_id take_first(struct priority_queue *p, uint32_t index)
{
    uint64_t n = load_relaxed(&p->n) - 1, at = p->ordered ? 0 : n;
    cell_id id = load_relaxed(&priority_queue_slot(p, at)->id);
    struct item last = item_at(p, n);
    tx_set(&p->n, n);
    add(&p->bytes, -(int64_t)load_relaxed(&priority_queue_slot(p, at)->bytes));
    if (p->ordered && n > 0) sift_down(p, 0, n, &last);
    page_drop(p, index);
    return id;
}

outcome priority_queue_get(struct priority_queue *p, uint32_t index, struct reference *entry, bool has_gil)
{
    struct section s;
    arena_enter(&s, has_gil);
    uint64_t state = load_relaxed(&p->state);
    outcome o = state & PRIORITY_QUEUE_CLOSED_NOW ? E_CLOSED
              : load_relaxed(&p->n)               ? OK
              : state & PRIORITY_QUEUE_SHUT       ? E_CLOSED
                                                  : BUSY;
    if (o == OK) {
        cell_id id = take_first(p, index);
        tx_set(&entry->ref, id);
    }
    arena_leave(&s);
    if (o == OK) observable_wake(&p->not_full, p->max_bytes == UINT64_MAX ? 1 : ALL_WAITERS);
    return o;
}

outcome priority_queue_finish(struct priority_queue *p)
{
    struct section s;
    arena_enter(&s, true);
    uint64_t finished = load_relaxed(&p->finished) + 1, tasks = load_relaxed(&p->tasks);
    if (finished <= tasks) tx_set(&p->finished, finished);
    arena_leave(&s);
    if (finished == tasks) observable_wake(&p->all_finished, ALL_WAITERS);
    return finished <= tasks ? OK : BUSY;
}

bool priority_queue_finished(struct priority_queue *p)
{
    struct section s;
    arena_enter(&s, false);
    bool finished = load_relaxed(&p->finished) >= load_relaxed(&p->tasks);
    arena_leave(&s);
    return finished;
}

void priority_queue_shut(struct priority_queue *p, bool now)
{
    struct section s;
    arena_enter(&s, false);
    uint64_t state = load_relaxed(&p->state);
    if (now && !(state & PRIORITY_QUEUE_CLOSED_NOW)) add(&p->tasks, -(int64_t)load_relaxed(&p->n));
    tx_set(&p->state, state | PRIORITY_QUEUE_SHUT | (now ? PRIORITY_QUEUE_CLOSED_NOW : 0));
    arena_leave(&s);
    observable_wake(&p->not_empty, ALL_WAITERS);
    observable_wake(&p->not_full, ALL_WAITERS);
    observable_wake(&p->all_finished, ALL_WAITERS);
}

outcome priority_queue_discard(struct priority_queue *p, uint32_t index)
{
    struct section s;
    arena_enter(&s, false);
    bool some = load_relaxed(&p->state) & PRIORITY_QUEUE_CLOSED_NOW && load_relaxed(&p->n);
    if (some) cell_count(take_first(p, index), -1);
    arena_leave(&s);
    return some ? OK : BUSY;
}

/* -- the end: one item a step; the pages go with the cell's chain -- */

static struct priority_queue *priority_queue_in(struct cell *cell) { return arena_at(load_relaxed(&cell->offset)); }

static bool end_step(struct cell *cell)
{
    struct priority_queue *p = priority_queue_in(cell);
    uint64_t n = load_relaxed(&p->n);
    if (n == 0) return true;
    tx_set(&p->n, n - 1);
    cell_count(load_relaxed(&priority_queue_slot(p, n - 1)->id), -1);
    return false;
}

static const char *verify(struct cell *cell, count_reference count, void *counts)
{
    struct priority_queue *p = priority_queue_in(cell);
    uint64_t bytes = 0;
    for (uint64_t i = 0; i < load_relaxed(&p->n); i++) {
        struct slot *slot = priority_queue_slot(p, i);
        if (!count(counts, load_relaxed(&slot->id))) return "a priority queue holds a stale parcel";
        bytes += load_relaxed(&slot->bytes);
    }
    return bytes == load_relaxed(&p->bytes) ? NULL : "a priority queue's bytes are off";
}

static const struct cell_field fields[] = {{"max_items", offsetof(struct priority_queue, max_items)},
                                           {"max_bytes", offsetof(struct priority_queue, max_bytes)},
                                           {"ordered", offsetof(struct priority_queue, ordered)},
                                           {"state", offsetof(struct priority_queue, state)},
                                           {"n", offsetof(struct priority_queue, n)},
                                           {"bytes", offsetof(struct priority_queue, bytes)},
                                           {"number", offsetof(struct priority_queue, number)},
                                           {"tasks", offsetof(struct priority_queue, tasks)},
                                           {"finished", offsetof(struct priority_queue, finished)},
                                           {"not_empty", offsetof(struct priority_queue, not_empty.parked)},
                                           {"not_full", offsetof(struct priority_queue, not_full.parked)},
                                           {"all_finished", offsetof(struct priority_queue, all_finished.parked)},
                                           {NULL, 0}};
const struct cell_ops priority_queue_ops = {.end_step = end_step, .verify = verify, .fields = fields};
