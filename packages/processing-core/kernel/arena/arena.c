/* Making a family's arena, and mapping it. */
#include "arena/arena.h"

#include <errno.h>

struct arena arena;

static uint64_t round_up(uint64_t n, uint64_t to) { return (n + to - 1) / to * to; }

#define MAX_CELLS (1ull << 23)
#define MIN_CAP (1ull << 20)
#define MAX_CAP (1ull << 46)

static void lay_out(struct arena_header *h, uint64_t cap)
{
    cap = cap < MIN_CAP ? MIN_CAP : cap > MAX_CAP ? MAX_CAP : cap;
    h->pages = round_up(cap, ARENA_PAGE) / ARENA_PAGE + 1; /* page 0 is never given out */
    h->cap = (h->pages - 1) * ARENA_PAGE;
    h->cells = h->cap / 64 < MAX_CELLS ? h->cap / 64 : MAX_CELLS;
    h->mailboxes_at = MEMBERS_AT + MEMBERS_SIZE;
    h->records_at = h->mailboxes_at + OBSERVERS * MAILBOX_SIZE;
    h->cells_at = h->records_at + (uint64_t)MEMBER_SLOTS * MEMBER_RECORDS * RECORD_SIZE;
    h->pages_at = round_up(h->cells_at + h->cells * sizeof(struct cell), ARENA_PAGE);
    h->heap_at = round_up(h->pages_at + h->pages * sizeof(struct page), ARENA_PAGE);
    h->total = h->heap_at + h->pages * ARENA_PAGE;
}

/* The wipe-on-fork word, once per process. */
void arena_tokenize(void)
{
    if (!arena.token) arena.token = platform_fork_token();
    if (arena.token) *arena.token = 1;
}

static void *map_halving(int fd, uint64_t *size, uint64_t least)
{
    for (;; *size = round_up(*size / 2, ARENA_PAGE)) {
        void *base = platform_memory_map(fd, *size);
        if (base) return base;
        if (*size / 2 < least) return NULL;
    }
}

static void keep_descriptor(int fd)
{
    store(&arena.opened, (uint32_t)fd);
    arena.file = platform_descriptor_identify(fd);
}

/* The descriptor; -1 with errno. */
static int reopen(void)
{
    int fd = platform_memory_reopen_mapped(arena.base);
    for (uint32_t slot = 0; fd < 0 && !platform_descriptors_scarce(errno) && slot < MEMBER_SLOTS; slot++) {
        struct member *m = arena_member(slot);
        uint64_t pid = load_relaxed(&m->pid);
        if (load_relaxed(&m->owner) && pid && pid != platform_pid()) fd = platform_memory_reopen_of(pid, &arena.file);
    }
    fd = platform_descriptor_above_standard(fd);
    if (fd < 0 || platform_descriptor_is(fd, &arena.file)) return fd;
    platform_close(fd);
    errno = EBADF;
    return -1;
}

/* The number may stand for a file of the program's by now, which is left alone. */
static int known(uint64_t opened)
{
    int fd = (int)(uint32_t)opened;
    return platform_descriptor_is(fd, &arena.file) ? fd : -1;
}

int arena_descriptor_known(void) { return known(load(&arena.opened)); }

/* Threads in sections have no GIL: of two that open it at once, one keeps its own. If the other's has the number of the
 * one that is kept, the program has closed that, and the other's takes its place: it must not be closed. */
static bool keep_opened(uint64_t before, int fd)
{
    do
        if (cas64(&arena.opened, before, ((before >> 32) + 1) << 32 | (uint32_t)fd)) return true;
    while ((uint32_t)(before = load(&arena.opened)) == (uint32_t)fd);
    return false;
}

int arena_descriptor(void)
{
    bool opened = false;
    for (;;) {
        uint64_t before = load(&arena.opened);
        int fd = known(before);
        bool kept = fd >= 0;
        if (!kept) {
            fd = reopen();
            if (fd < 0) return -1;
            opened = true;
            kept = keep_opened(before, fd);
        }
        /* The lock went with the one that was closed, by this thread or by the program. */
        if (kept && opened && arena.self) platform_life_hold(fd, owner_slot(arena.self));
        if (kept) return fd;
        platform_close(fd);
    }
}

/* By the descriptor: then the system reports that memory is exhausted, whereas a write to the mapping could have the
 * process killed. */
outcome arena_commit(uint64_t offset, uint64_t n)
{
    int fd = arena_descriptor_known();
    if (fd >= 0) return platform_memory_commit(fd, offset, n) ? OK : E_NOMEM;
    if (offset + n > arena.mapped) return E_RANGE;
    return platform_memory_commit_mapped(arena_at(offset), n) ? OK : E_NOMEM;
}

#define STEP (1ull << 20)
#define STEPS 65536u /* the first 64 GiB of the heap; what is beyond is mapped by page faults */

/* The steps of the heap that this process has mapped as a whole, a bit each; written and read by its threads without a
 * lock. A forked child inherits no page tables of shared memory, so it begins anew: `whose` is not its own. It is only a
 * hint: where another process has returned memory to the system meanwhile, page faults map it again. */
static struct {
    word64 whose, mapped[STEPS / 64];
} populated;

static void mark(uint64_t first, uint64_t end, bool mapped)
{
    for (uint64_t step = first; step < end && step < STEPS; step++) {
        word64 *w = &populated.mapped[step / 64];
        uint64_t bit = 1ull << step % 64, before;
        do before = load_relaxed(w);
        while (!cas64(w, before, mapped ? before | bit : before & ~bit));
    }
}

static bool is_mapped(uint64_t step) { return load_relaxed(&populated.mapped[step / 64]) >> step % 64 & 1; }

void arena_populate(const void *at, uint64_t n)
{
    if (load_relaxed(&populated.whose) != arena.self) {
        for (unsigned i = 0; i < STEPS / 64; i++) store_relaxed(&populated.mapped[i], 0);
        store_relaxed(&populated.whose, arena.self);
    }
    uint64_t from = arena_offset(at) - arena.header->heap_at, step = (from + STEP - 1) / STEP;
    uint64_t end = (from + n) / STEP < STEPS ? (from + n) / STEP : STEPS;
    while (step < end) {
        uint64_t first = step;
        while (step < end && !is_mapped(step)) step++;
        if (step == first) {
            step++;
            continue;
        }
        platform_memory_populate(arena_at(arena.header->heap_at + first * STEP), (step - first) * STEP);
        mark(first, step, true);
    }
}

static void forget_mapped(uint64_t offset, uint64_t n)
{
    uint64_t from = offset - arena.header->heap_at;
    mark(from / STEP, (from + n + STEP - 1) / STEP, false);
}

/* By the mapping, because a program may have put another file under the number of the descriptor; beyond this process's
 * mapping, by the descriptor. */
void arena_release(uint64_t offset, uint64_t n)
{
    forget_mapped(offset, n);
    if (offset + n <= arena.mapped && platform_memory_release_mapped(arena_at(offset), n)) return;
    int fd = arena_descriptor_known();
    if (fd >= 0) platform_memory_release(fd, offset, n);
}

/* If RLIMIT_AS (or RLIMIT_FSIZE) allows less than the cap, the cap is halved until it fits. */
outcome arena_create(uint64_t cap)
{
    struct arena_header plan = {0};
    void *base = NULL;
    int fd = -1;
    arena_tokenize();
    if (!arena.token) return E_SYSTEM;
    for (;; cap /= 2) {
        lay_out(&plan, cap);
        fd = platform_memory_create(plan.total);
        if (fd >= 0) base = platform_memory_map(fd, plan.total);
        if (base) break;
        if (fd >= 0) platform_close(fd);
        else if (platform_descriptors_scarce(errno)) return E_SYSTEM;
        if (cap / 2 < MIN_CAP) return E_NOMEM;
    }
    if (!platform_memory_commit(fd, 0, HEADER_SIZE)) {
        platform_memory_unmap(base, plan.total);
        platform_close(fd);
        return E_NOMEM;
    }
    plan.magic = ARENA_MAGIC;
    plan.version = LAYOUT_VERSION;
    plan.page_size = ARENA_PAGE;
    plan.family.id = platform_random();
    plan.family.token = platform_random();
    store_relaxed(&plan.next_serial, 1);
    store_relaxed(&plan.fresh_cell, 1); /* index 0 ends lists */
    *(struct arena_header *)base = plan;
    arena.base = base;
    arena.header = base;
    arena.mapped = plan.total;
    keep_descriptor(fd);
    return OK;
}

void arena_discard(void)
{
    int fd = arena_descriptor_known();
    if (fd >= 0) platform_close(fd);
    platform_memory_unmap(arena.base, arena.mapped);
    arena.self = 0;
    arena.header = NULL;
    arena.base = NULL;
    arena.mapped = 0;
}

/* A member with less room than the process that made it maps the beginning: blocks beyond it raise E_RANGE there. */
outcome arena_join(int fd)
{
    struct arena_header *h = platform_memory_map(fd, HEADER_SIZE);
    if (!h) return E_SYSTEM;
    bool ours = h->magic == ARENA_MAGIC && h->version == LAYOUT_VERSION && h->page_size == ARENA_PAGE;
    uint64_t total = h->total, least = h->heap_at + ARENA_PAGE;
    platform_memory_unmap(h, HEADER_SIZE);
    if (!ours) return E_KIND;
    void *base = map_halving(fd, &total, least);
    if (!base) return E_NOMEM;
    arena.base = base;
    arena.header = base;
    arena.mapped = total;
    keep_descriptor(fd);
    arena_tokenize();
    return arena.token ? OK : E_SYSTEM;
}
