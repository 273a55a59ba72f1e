/* Making a family's arena, and mapping it. */
#include "arena.h"
#include "heap.h"

#include <errno.h>
#include <sys/mman.h>
#include <unistd.h>

struct arena arena = {.fd = -1};

static uint64_t round_up(uint64_t n, uint64_t to) { return (n + to - 1) / to * to; }

#define MAX_CELLS (1ull << 23)
#define MIN_CAP (1ull << 20)
#define MAX_CAP (1ull << 46)

static void lay_out(struct arena_header *h, uint64_t cap)
{
    cap = cap < MIN_CAP ? MIN_CAP : cap > MAX_CAP ? MAX_CAP : cap;
    h->pages = round_up(cap, PAGE_SIZE) / PAGE_SIZE + 1; /* page 0 is never given out */
    h->cap = (h->pages - 1) * PAGE_SIZE;
    h->cells = h->cap / 64 < MAX_CELLS ? h->cap / 64 : MAX_CELLS;
    h->cells_at = MEMBERS_AT + MEMBERS_SIZE;
    h->pages_at = round_up(h->cells_at + h->cells * sizeof(struct cell), PAGE_SIZE);
    h->heap_at = round_up(h->pages_at + h->pages * sizeof(struct page), PAGE_SIZE);
    h->total = h->heap_at + h->pages * PAGE_SIZE;
}

/* The wipe-on-fork word, once per process. */
void arena_tokenize(void)
{
    if (!arena.token) arena.token = platform_fork_token();
    if (arena.token) *arena.token = 1;
}

static void *map_halving(int fd, uint64_t *size, uint64_t least)
{
    for (;; *size = round_up(*size / 2, PAGE_SIZE)) {
        void *base = platform_memory_map(fd, *size);
        if (base) return base;
        if (*size / 2 < least) return NULL;
    }
}

/* Where RLIMIT_AS (or RLIMIT_FSIZE) grants less room than the cap wants, the cap is halved until it fits. */
outcome arena_found(uint64_t cap)
{
    struct arena_header plan = {0};
    void *base = NULL;
    int fd = -1;
    for (;; cap /= 2) {
        lay_out(&plan, cap);
        fd = platform_memory_create(plan.total);
        if (fd >= 0) base = platform_memory_map(fd, plan.total);
        if (base) break;
        if (fd >= 0) close(fd);
        if (cap / 2 < MIN_CAP) return E_NOMEM;
    }
    if (platform_memory_commit(fd, 0, HEADER_SIZE) != OK) {
        munmap(base, plan.total);
        close(fd);
        return E_NOMEM;
    }
    plan.magic = ARENA_MAGIC;
    plan.version = LAYOUT_VERSION;
    plan.page_size = PAGE_SIZE;
    plan.family = platform_random();
    plan.next_serial = 1;
    plan.fresh_cell = 1; /* index 0 ends lists */
    *(struct arena_header *)base = plan;
    arena.base = base;
    arena.header = base;
    arena.mapped = plan.total;
    arena.fd = fd;
    arena_tokenize();
    heap_found();
    return arena.token ? OK : E_SYSTEM;
}

/* A member with less room than the founder maps the beginning: blocks beyond it raise E_RANGE there. */
outcome arena_join(int fd)
{
    struct arena_header *h = platform_memory_map(fd, HEADER_SIZE);
    if (!h) return E_SYSTEM;
    bool ours = h->magic == ARENA_MAGIC && h->version == LAYOUT_VERSION && h->page_size == PAGE_SIZE;
    uint64_t total = h->total, least = h->heap_at + PAGE_SIZE;
    munmap(h, HEADER_SIZE);
    if (!ours) return E_KIND;
    void *base = map_halving(fd, &total, least);
    if (!base) return E_NOMEM;
    arena.base = base;
    arena.header = base;
    arena.mapped = total;
    arena.fd = fd;
    arena_tokenize();
    return arena.token ? OK : E_SYSTEM;
}
