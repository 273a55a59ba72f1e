/* See pile.h. */
#include "pile.h"
#include "ears.h"

#include "heap.h"
#include "parcel.h"

#define PAGE_BYTES 65536u

static void add(word64 *w, int64_t n) { tx_set(w, load_relaxed(w) + (uint64_t)n); }

/* -- slots.  Pages and lists of pages are blocks on the cell's chain, whose first 64 bytes are the chain's; the chain is a
 * stack, so they are freed in the reverse order of their making -- */

static word64 *page_of(struct pile *p, uint64_t page)
{
    word64 *list = arena_at(load_relaxed(&p->lists[page / PAGES_LISTED]));
    return list + 4 + page % PAGES_LISTED;
}

struct slot *pile_slot(struct pile *p, uint64_t i)
{
    uint8_t *page = arena_at(load_relaxed(page_of(p, i / PAGE_SLOTS)));
    return (struct slot *)(page + 64) + i % PAGE_SLOTS;
}

/* Taking memory may commit what stands in the log so far: so this comes first in a section. */
static outcome page_append(struct pile *p, uint32_t index)
{
    uint64_t page = load_relaxed(&p->pages), offset;
    if (page / PAGES_LISTED == LISTS) return E_NOMEM;
    if (page % PAGES_LISTED == 0) {
        outcome o = cell_chain(index, PAGE_SIZE, &offset);
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
static void page_drop(struct pile *p, uint32_t index)
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
    int sign = memcmp(parcel_data(x), parcel_data(y), x->rank_size < y->rank_size ? x->rank_size : y->rank_size);
    if (sign) return sign;
    return x->rank_size < y->rank_size ? -1 : x->rank_size > y->rank_size;
}

static bool before(const struct slot *a, const struct slot *b)
{
    for (int i = 0; i < 2; i++)
        if (a->rank[i] != b->rank[i]) return a->rank[i] < b->rank[i];
    int sign = compare_long(a->id, b->id);
    return sign ? sign < 0 : a->number < b->number;
}

static void put_slot(struct slot *to, const struct slot *from)
{
    tx_set(&to->id, from->id);
    tx_set(&to->number, from->number);
    tx_set(&to->bytes, from->bytes);
    tx_set(&to->rank[0], from->rank[0]);
    tx_set(&to->rank[1], from->rank[1]);
}

/* Put an item into the hole at i, or higher. */
static void sift_up(struct pile *p, uint64_t i, const struct slot *item)
{
    while (p->ordered && i > 0 && before(item, pile_slot(p, (i - 1) / 2))) {
        put_slot(pile_slot(p, i), pile_slot(p, (i - 1) / 2));
        i = (i - 1) / 2;
    }
    put_slot(pile_slot(p, i), item);
}

/* Put an item into the hole at i, or lower; there are n slots. */
static void sift_down(struct pile *p, uint64_t i, uint64_t n, const struct slot *item)
{
    for (uint64_t child; (child = 2 * i + 1) < n; i = child) {
        if (child + 1 < n && before(pile_slot(p, child + 1), pile_slot(p, child))) child++;
        if (!before(pile_slot(p, child), item)) break;
        put_slot(pile_slot(p, i), pile_slot(p, child));
    }
    put_slot(pile_slot(p, i), item);
}

/* The first 16 bytes of a rank, most significant first. */
static void read_rank(struct slot *s)
{
    struct parcel *p = cell_block(s->id);
    uint64_t words[2] = {0, 0};
    for (uint64_t i = 0; i < 16 && i < p->rank_size; i++) words[i / 8] |= (uint64_t)parcel_data(p)[i] << (56 - 8 * (i % 8));
    s->rank[0] = words[0];
    s->rank[1] = words[1];
}

/* -- operations -- */

static outcome room_for(struct pile *p, uint64_t bytes)
{
    uint64_t n = load_relaxed(&p->n), used = load_relaxed(&p->bytes);
    if (load_relaxed(&p->state) & PILE_SHUT) return E_CLOSED;
    if (n == 0) return OK; /* whatever its size */
    if (n >= p->max_items) return BUSY;
    return p->max_bytes == UINT64_MAX || (used < p->max_bytes && bytes <= p->max_bytes - used) ? OK : BUSY;
}

static outcome put_inside(struct pile *p, uint32_t index, struct reference *entry, uint64_t bytes)
{
    outcome o = room_for(p, bytes);
    uint64_t n = load_relaxed(&p->n);
    if (o == OK && n == load_relaxed(&p->pages) * PAGE_SLOTS) o = page_append(p, index);
    if (o != OK) return o;
    struct slot item = {.id = load_relaxed(&entry->ref), .number = load_relaxed(&p->number), .bytes = bytes};
    read_rank(&item);
    tx_set(&entry->ref, 0);
    sift_up(p, n, &item);
    tx_set(&p->n, n + 1);
    add(&p->bytes, (int64_t)bytes);
    add(&p->number, 1);
    add(&p->tasks, 1);
    return OK;
}

outcome pile_put(struct pile *p, uint32_t index, struct reference *entry, uint64_t bytes, bool has_gil)
{
    struct section s;
    arena_enter(&s, has_gil);
    outcome o = put_inside(p, index, entry, bytes);
    if (o != OK && o != BUSY) tx_abort();
    arena_leave(&s);
    if (o == OK) park_wake(&p->not_empty, 1);
    if (o == OK) ears_call(&p->heeded);
    return o;
}

/* Take the first item out: its count is the caller's. */
static cell_id take_first(struct pile *p, uint32_t index)
{
    uint64_t n = load_relaxed(&p->n) - 1, at = p->ordered ? 0 : n;
    cell_id id = load_relaxed(&pile_slot(p, at)->id);
    struct slot last = *pile_slot(p, n);
    tx_set(&p->n, n);
    add(&p->bytes, -(int64_t)load_relaxed(&pile_slot(p, at)->bytes));
    if (p->ordered && n > 0) sift_down(p, 0, n, &last);
    page_drop(p, index);
    return id;
}

outcome pile_get(struct pile *p, uint32_t index, struct reference *entry, bool has_gil)
{
    struct section s;
    arena_enter(&s, has_gil);
    uint64_t state = load_relaxed(&p->state);
    outcome o = state & PILE_CUT ? E_CLOSED : load_relaxed(&p->n) ? OK : state & PILE_SHUT ? E_CLOSED : BUSY;
    if (o == OK) {
        cell_id id = take_first(p, index);
        tx_set(&entry->ref, id);
    }
    arena_leave(&s);
    if (o == OK) park_wake(&p->not_full, p->max_bytes == UINT64_MAX ? 1 : ALL_WAITERS);
    return o;
}

outcome pile_finish(struct pile *p)
{
    struct section s;
    arena_enter(&s, true);
    uint64_t finished = load_relaxed(&p->finished) + 1, tasks = load_relaxed(&p->tasks);
    if (finished <= tasks) tx_set(&p->finished, finished);
    arena_leave(&s);
    if (finished == tasks) park_wake(&p->all_finished, ALL_WAITERS);
    return finished <= tasks ? OK : BUSY;
}

bool pile_finished(struct pile *p)
{
    struct section s;
    arena_enter(&s, false);
    bool finished = load_relaxed(&p->finished) >= load_relaxed(&p->tasks);
    arena_leave(&s);
    return finished;
}

void pile_shut(struct pile *p, bool cut)
{
    struct section s;
    arena_enter(&s, false);
    uint64_t state = load_relaxed(&p->state);
    if (cut && !(state & PILE_CUT)) add(&p->tasks, -(int64_t)load_relaxed(&p->n));
    tx_set(&p->state, state | PILE_SHUT | (cut ? PILE_CUT : 0));
    arena_leave(&s);
    park_wake(&p->not_empty, ALL_WAITERS);
    park_wake(&p->not_full, ALL_WAITERS);
    park_wake(&p->all_finished, ALL_WAITERS);
    ears_call(&p->heeded);
}

outcome pile_discard(struct pile *p, uint32_t index)
{
    struct section s;
    arena_enter(&s, false);
    bool some = load_relaxed(&p->state) & PILE_CUT && load_relaxed(&p->n);
    if (some) cell_count(take_first(p, index), -1);
    arena_leave(&s);
    return some ? OK : BUSY;
}

/* -- the end: one item a step; the pages go with the cell's chain -- */

bool pile_end_step(struct cell *cell)
{
    struct pile *p = arena_at(load_relaxed(&cell->offset));
    uint64_t n = load_relaxed(&p->n);
    if (n == 0) return true;
    tx_set(&p->n, n - 1);
    cell_count(load_relaxed(&pile_slot(p, n - 1)->id), -1);
    return false;
}
