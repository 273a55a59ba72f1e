/* A buddy allocator of pages, and slabs for what is smaller than a page.
 *
 * Invariants (checked by verify.c): every page belongs to exactly one free block, used block or slab; the first page
 * of a free block of order k has an index divisible by 2^k; a slab is listed if and only if it has a free object;
 * no free block's buddy is free at the same order and temperature.
 *
 * Free blocks are *warm* (they have memory) or *cold*.  Warm blocks are taken first, whatever their size, because
 * the first access to a page costs 3-16 us; a block below STEP_ORDER is cut from a step that is committed as a whole; a
 * larger block is committed by the process that takes it, outside the arena lock.  Freed blocks remain warm up to
 * WARM_PAGES; beyond that their memory is returned to the system. */
#include "arena/heap.h"
#include "arena/journal.h"
#include "platform/compiler.h"

enum { PAGE_NONE, PAGE_FREE, PAGE_USED, PAGE_SLAB, PAGE_KEPT };
enum { COLD, WARM };
#define STEP_ORDER 8u     /* commit 1 MiB at a time */
#define WARM_PAGES 65536u /* keep at most 256 MiB of free memory */
#define RELEASE_ORDER 6u  /* do not punch holes smaller than 256 KiB */
#define KEPT_LOOKS 16     /* kept runs that are looked at for one that fits */

static uint64_t pack_state(uint64_t kind, uint64_t detail, uint64_t pages) { return kind << 56 | detail << 48 | pages; }
static unsigned state_kind(uint64_t s) { return (unsigned)(s >> 56); }
static unsigned state_detail(uint64_t s) { return (unsigned)(s >> 48) & 0xff; }
static uint64_t state_pages(uint64_t s) { return s & 0xffffffffffffull; }
/* A free block's detail is order * 2 + temperature. */
static uint64_t free_state(unsigned order, int warm)
{
    return pack_state(PAGE_FREE, order * 2 + (unsigned)warm, 1ull << order);
}

static uint64_t page_address(uint64_t page) { return arena.header->heap_at + page * ARENA_PAGE; }
static uint64_t page_of(uint64_t offset) { return (offset - arena.header->heap_at) / ARENA_PAGE; }

static void add(word64 *w, int64_t n) { tx_set(w, load_relaxed(w) + (uint64_t)n); }

/* -- doubly linked lists of pages: links = next << 32 | previous -- */

static void list_push(word64 *head, uint64_t page)
{
    uint64_t first = load_relaxed(head);
    tx_set(&arena_page(page)->links, first << 32);
    if (first) {
        word64 *links = &arena_page(first)->links;
        tx_set(links, (load_relaxed(links) & ~0xffffffffull) | page);
    }
    tx_set(head, page);
}

static void list_remove(word64 *head, uint64_t page)
{
    uint64_t links = load_relaxed(&arena_page(page)->links);
    uint64_t next = links >> 32, previous = links & 0xffffffffull;
    if (previous) {
        word64 *w = &arena_page(previous)->links;
        tx_set(w, next << 32 | (load_relaxed(w) & 0xffffffffull));
    } else {
        tx_set(head, next);
    }
    if (next) {
        word64 *w = &arena_page(next)->links;
        tx_set(w, (load_relaxed(w) & ~0xffffffffull) | previous);
    }
}

/* -- buddies -- */

static void block_remove(uint64_t page, unsigned order, int warm)
{
    list_remove(&arena.header->free_pages[warm][order], page);
    tx_set(&arena_page(page)->state, 0);
}

/* Free one aligned block, merging it with its buddies. */
static void block_add(uint64_t page, unsigned order, int warm)
{
    struct arena_header *h = arena.header;
    for (; order + 1 < ORDERS; order++) {
        uint64_t buddy = page ^ (1ull << order);
        if (buddy + (1ull << order) > h->pages) break;
        if (load_relaxed(&arena_page(buddy)->state) != free_state(order, warm)) break;
        block_remove(buddy, order, warm);
        page &= ~(1ull << order);
    }
    tx_set(&arena_page(page)->state, free_state(order, warm));
    list_push(&h->free_pages[warm][order], page);
}

/* Free any run of pages, as the aligned blocks it consists of. */
static void run_add(uint64_t page, uint64_t n, int warm)
{
    while (n) {
        unsigned order = page ? lowest_bit(page) : ORDERS - 1;
        while (1ull << order > n || order >= ORDERS) order--;
        block_add(page, order, warm);
        page += 1ull << order;
        n -= 1ull << order;
    }
}

/* Take a free block and cut it down to `order`; 0 if there is none of that size. */
static uint64_t block_take(unsigned order, int warm)
{
    struct arena_header *h = arena.header;
    for (unsigned o = order; o < ORDERS; o++) {
        uint64_t page = load_relaxed(&h->free_pages[warm][o]);
        if (!page) continue;
        block_remove(page, o, warm);
        while (o > order) {
            o--;
            uint64_t upper = page + (1ull << o);
            tx_set(&arena_page(upper)->state, free_state(o, warm));
            list_push(&h->free_pages[warm][o], upper);
        }
        return page;
    }
    return 0;
}

static outcome commit_pages(uint64_t page, uint64_t n)
{
    struct arena_header *h = arena.header;
    uint64_t first = h->pages_at + page * sizeof(struct page), size = n * sizeof(struct page);
    uint64_t start = first / ARENA_PAGE * ARENA_PAGE;
    outcome o = arena_commit(start, first + size - start);
    return o == OK ? arena_commit(page_address(page), n * ARENA_PAGE) : o;
}

/* Free a run and give its memory back. */
static void run_release(uint64_t page, uint64_t n)
{
    /* Its memory is released before the block is free: else it could be released after another process has taken the
     * block. If the rest is undone, the run is as it was, except for its contents, which no process needs. */
    arena_release(page_address(page), n * ARENA_PAGE);
    run_add(page, n, COLD);
}

/* A kept run of n pages or an eighth more, whose size becomes *n; 0 if there is none. */
static uint64_t kept_take(uint64_t *n)
{
    word64 *head = &arena.header->kept_runs;
    uint64_t page = load_relaxed(head);
    for (int looks = 0; page && looks < KEPT_LOOKS; looks++) {
        uint64_t run = state_pages(load_relaxed(&arena_page(page)->state));
        if (run >= *n && run - *n <= *n / 8) {
            list_remove(head, page);
            tx_set(&arena_page(page)->state, 0);
            *n = run;
            return page;
        }
        page = load_relaxed(&arena_page(page)->links) >> 32;
    }
    return 0;
}

static void kept_release_all(void)
{
    uint64_t page;
    while ((page = load_relaxed(&arena.header->kept_runs))) {
        uint64_t n = state_pages(load_relaxed(&arena_page(page)->state));
        list_remove(&arena.header->kept_runs, page);
        tx_set(&arena_page(page)->state, 0);
        add(&arena.header->pages_warm, -(int64_t)n);
        run_release(page, n);
        tx_commit();
    }
}

/* Turn all warm blocks cold, so that they merge with their cold neighbours: for when only their union is large
 * enough. */
static void chill_all(void)
{
    kept_release_all();
    for (unsigned order = 0; order < ORDERS; order++) {
        uint64_t page;
        while ((page = load_relaxed(&arena.header->free_pages[WARM][order]))) {
            block_remove(page, order, WARM);
            block_add(page, order, COLD);
            add(&arena.header->pages_warm, -(int64_t)(1ull << order));
            tx_commit();
            if (order >= RELEASE_ORDER) arena_release(page_address(page), (1ull << order) * ARENA_PAGE);
        }
    }
}

/* A warm block of at most a step, from a cold step that is committed here. */
static uint64_t step_take(unsigned order)
{
    unsigned step = STEP_ORDER;
    uint64_t page = block_take(step, COLD);
    if (!page) {
        step = order;
        page = block_take(step, COLD);
    }
    if (!page) return 0;
    if (commit_pages(page, 1ull << step) != OK) {
        block_add(page, step, COLD);
        return 0;
    }
    add(&arena.header->pages_warm, (int64_t)(1ull << step));
    while (step > order) {
        step--;
        block_add(page + (1ull << step), step, WARM);
    }
    return page;
}

static uint64_t pages_find(unsigned order, int *warm)
{
    *warm = WARM;
    uint64_t page = block_take(order, WARM);
    if (page) return page;
    if (order <= STEP_ORDER) return step_take(order);
    *warm = COLD;
    return block_take(order, COLD);
}

/* A run of *n pages, which may become a few more; 0 if there is none. */
static uint64_t pages_take(uint64_t *n, int *warm)
{
    unsigned order = *n > 1 ? highest_bit(*n - 1) + 1 : 0;
    if (order >= ORDERS) return 0;
    uint64_t whole = 1ull << order, page = order > STEP_ORDER ? kept_take(n) : 0;
    *warm = WARM;
    if (page) {
        whole = *n;
    } else {
        page = pages_find(order, warm);
        if (!page && load_relaxed(&arena.header->pages_warm)) {
            tx_commit();
            chill_all();
            page = pages_find(order, warm);
        }
        if (!page) return 0;
    }
    if (*warm) add(&arena.header->pages_warm, -(int64_t)*n);
    run_add(page + *n, whole - *n, *warm);
    add(&arena.header->pages_used, (int64_t)*n);
    return page;
}

static void pages_give(uint64_t page, uint64_t n)
{
    struct arena_header *h = arena.header;
    add(&h->pages_used, -(int64_t)n);
    tx_set(&arena_page(page)->state, 0);
    if (n >= (1ull << RELEASE_ORDER) && load_relaxed(&h->pages_warm) + n > WARM_PAGES) {
        run_release(page, n);
        return;
    }
    add(&h->pages_warm, (int64_t)n);
    if (n <= (1ull << STEP_ORDER)) {
        run_add(page, n, WARM);
    } else {
        tx_set(&arena_page(page)->state, pack_state(PAGE_KEPT, 0, n));
        list_push(&h->kept_runs, page);
    }
}

/* -- slabs -- */

static unsigned slab_class(uint64_t bytes) { return bytes <= 64 ? 0 : highest_bit(bytes - 1) - 5; }

static uint64_t slab_full_mask(unsigned class) { return class == 0 ? ~0ull : (1ull << (64 >> class)) - 1; }

static uint64_t slab_make(unsigned class)
{
    int warm;
    uint64_t one = 1, page = pages_take(&one, &warm);
    if (!page) return 0;
    tx_set(&arena_page(page)->state, pack_state(PAGE_SLAB, class, 1));
    tx_set(&arena_page(page)->free, slab_full_mask(class));
    list_push(&arena.header->slabs[class], page);
    return page;
}

static uint64_t object_take(unsigned class)
{
    word64 *head = &arena.header->slabs[class];
    uint64_t page = load_relaxed(head);
    if (!page && !(page = slab_make(class))) return 0;
    word64 *bits = &arena_page(page)->free;
    uint64_t free = load_relaxed(bits), rest = free & (free - 1);
    tx_set(bits, rest);
    if (!rest) list_remove(head, page);
    return page_address(page) + ((uint64_t)lowest_bit(free) << (6 + class));
}

static void object_give(uint64_t offset)
{
    uint64_t page = page_of(offset);
    struct page *p = arena_page(page);
    unsigned class = state_detail(load_relaxed(&p->state));
    word64 *head = &arena.header->slabs[class];
    uint64_t before = load_relaxed(&p->free);
    uint64_t after = before | 1ull << ((offset - page_address(page)) >> (6 + class));
    tx_set(&p->free, after);
    if (!before) list_push(head, page);
    bool another = load_relaxed(head) != page || load_relaxed(&p->links) >> 32;
    if (after == slab_full_mask(class) && another) {
        list_remove(head, page);
        pages_give(page, 1);
    }
}

/* -- the heap -- */

void heap_create(void)
{
    run_add(1, arena.header->pages - 1, COLD);
    tx_commit();
}

outcome heap_take(uint64_t bytes, uint64_t *offset, bool *cold)
{
    *cold = false;
    if (bytes > arena.header->cap) return E_NOMEM;
    if (bytes <= ARENA_PAGE / 2) {
        *offset = object_take(slab_class(bytes));
        return *offset ? OK : E_NOMEM;
    }
    uint64_t n = (bytes + ARENA_PAGE - 1) / ARENA_PAGE;
    int warm;
    uint64_t page = pages_take(&n, &warm);
    if (!page) return E_NOMEM;
    tx_set(&arena_page(page)->state, pack_state(PAGE_USED, 0, n));
    *cold = !warm;
    *offset = page_address(page);
    return OK;
}

void heap_give(uint64_t offset)
{
    uint64_t state = load_relaxed(&arena_page(page_of(offset))->state);
    if (state_kind(state) == PAGE_SLAB) object_give(offset);
    else pages_give(page_of(offset), state_pages(state));
}

outcome heap_commit(uint64_t offset, uint64_t bytes)
{
    return commit_pages(page_of(offset), (bytes + ARENA_PAGE - 1) / ARENA_PAGE);
}

uint64_t heap_room(uint64_t offset)
{
    uint64_t state = load_relaxed(&arena_page(page_of(offset))->state);
    return state_kind(state) == PAGE_SLAB ? 64ull << state_detail(state) : state_pages(state) * ARENA_PAGE;
}
