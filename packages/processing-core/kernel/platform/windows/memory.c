/* Windows: a section of the paging file without a name, reserved whole and committed by any process that maps it.
 *
 * A page that is touched before it was committed is committed by the handler of its access violation: the contract lets
 * a process read what is not committed yet. */
#include "platform/windows/system.h"

#include <string.h>

#define MOST_MAPPINGS 32

/* What this process has mapped. A slot is taken by the CAS of `state`, and read while `state` is USED. */
enum { FREE, CHANGING, USED };
static struct mapping {
    word32 state, memory; /* the descriptor by which it was mapped; 0 once that is closed */
    uint8_t *base;
    uint64_t size;
    word64 events[PARKING_PLACES]; /* on which threads of this process have slept there; 0: none yet */
} mappings[MOST_MAPPINGS];

static struct mapping *mapping_at(const void *address)
{
    for (int i = 0; i < MOST_MAPPINGS; i++) {
        struct mapping *m = &mappings[i];
        if (load_acquire(&m->state) == USED && (const uint8_t *)address - m->base < (int64_t)m->size
            && (const uint8_t *)address >= m->base)
            return m;
    }
    return NULL;
}

static struct mapping *mapping_of(int memory)
{
    for (int i = 0; i < MOST_MAPPINGS; i++)
        if (load_acquire(&mappings[i].state) == USED && load_acquire(&mappings[i].memory) == (uint32_t)memory)
            return &mappings[i];
    return NULL;
}

struct room *room_at(const void *address, uint64_t *offset)
{
    struct mapping *m = mapping_at(address);
    if (!m) return NULL;
    *offset = (uint64_t)((const uint8_t *)address - m->base);
    return (struct room *)m->base;
}

word64 *event_at(const struct room *room, uint32_t place) { return &mapping_at(room)->events[place]; }

static bool commit(void *at, uint64_t n)
{
    if (VirtualAlloc(at, (SIZE_T)n, MEM_COMMIT, PAGE_READWRITE)) return true;
    failed();
    return false;
}

/* 64 KiB at once: a page table or a cell table is read in many places. */
static LONG CALLBACK commit_touched(EXCEPTION_POINTERS *e)
{
    if (e->ExceptionRecord->ExceptionCode != EXCEPTION_ACCESS_VIOLATION || e->ExceptionRecord->NumberParameters < 2)
        return EXCEPTION_CONTINUE_SEARCH;
    uint8_t *address = (uint8_t *)e->ExceptionRecord->ExceptionInformation[1];
    struct mapping *m = mapping_at(address);
    if (!m) return EXCEPTION_CONTINUE_SEARCH;
    uint64_t begin = (uint64_t)(address - m->base) / ROOM_SIZE * ROOM_SIZE;
    uint64_t n = m->size - begin < ROOM_SIZE ? m->size - begin : ROOM_SIZE;
    int saved = errno;
    bool there = commit(m->base + begin, n);
    errno = saved;
    return there ? EXCEPTION_CONTINUE_EXECUTION : EXCEPTION_CONTINUE_SEARCH;
}

static void handle_touches(void)
{
    static word32 handled;
    if (exchange(&handled, 1) == 0) AddVectoredExceptionHandler(TRUE, commit_touched);
}

static void *map_room(int memory) { return MapViewOfFile(handle_of(memory), FILE_MAP_ALL_ACCESS, 0, 0, ROOM_SIZE); }

int platform_memory_create(uint64_t size)
{
    uint64_t whole = size + ROOM_SIZE;
    if (whole > 1ull << 47) {
        errno = EFBIG;
        return -1;
    }
    HANDLE h = CreateFileMappingW(INVALID_HANDLE_VALUE, NULL, PAGE_READWRITE | SEC_RESERVE, (DWORD)(whole >> 32),
                                  (DWORD)whole, NULL);
    if (!h) return failed();
    struct room *room = map_room(descriptor_of(h));
    if (room && commit(room, ROOM_SIZE)) {
        room->id = platform_random();
        UnmapViewOfFile(room);
        return descriptor_of(h);
    }
    failed();
    if (room) UnmapViewOfFile(room);
    CloseHandle(h);
    return -1;
}

static bool remember(int memory, uint8_t *base, uint64_t size)
{
    for (int i = 0; i < MOST_MAPPINGS; i++) {
        struct mapping *m = &mappings[i];
        if (load_relaxed(&m->state) != FREE || !cas32(&m->state, FREE, CHANGING)) continue;
        m->base = base;
        m->size = size;
        store_relaxed(&m->memory, (uint32_t)memory);
        store_release(&m->state, USED); /* pairs with the look-ups */
        return true;
    }
    errno = ENOMEM;
    return false;
}

void *platform_memory_map(int memory, uint64_t size)
{
    handle_touches();
    uint8_t *base = MapViewOfFile(handle_of(memory), FILE_MAP_ALL_ACCESS, 0, 0, (SIZE_T)(size + ROOM_SIZE));
    if (!base) {
        failed();
        return NULL;
    }
    if (remember(memory, base, size + ROOM_SIZE)) return base + ROOM_SIZE;
    UnmapViewOfFile(base);
    return NULL;
}

void platform_memory_unmap(void *base, uint64_t size)
{
    (void)size;
    struct mapping *m = mapping_at(base);
    if (!m || !cas32(&m->state, USED, CHANGING)) return;
    UnmapViewOfFile(m->base);
    for (uint32_t place = 0; place < PARKING_PLACES; place++) {
        HANDLE event = (HANDLE)(uintptr_t)exchange(&m->events[place], 0);
        if (event) CloseHandle(event);
    }
    store_release(&m->state, FREE);
}

/* By the mapping, or by one made for it. */
bool platform_memory_commit(int memory, uint64_t offset, uint64_t n)
{
    struct mapping *m = mapping_of(memory);
    if (m && ROOM_SIZE + offset + n <= m->size) return commit(m->base + ROOM_SIZE + offset, n);
    uint64_t at = ROOM_SIZE + offset, begin = at / ROOM_SIZE * ROOM_SIZE;
    uint8_t *view = MapViewOfFile(handle_of(memory), FILE_MAP_ALL_ACCESS, (DWORD)(begin >> 32), (DWORD)begin,
                                  (SIZE_T)(at - begin + n));
    bool done = view && commit(view + (at - begin), n);
    if (!view) failed();
    if (view) UnmapViewOfFile(view);
    return done;
}

bool platform_memory_commit_mapped(void *at, uint64_t n) { return commit(at, n); }

void platform_memory_populate(void *at, uint64_t n) { (void)at, (void)n; }

/* The pages may be dropped; that they are paid for does not change. */
bool platform_memory_release_mapped(void *at, uint64_t n)
{
    return VirtualAlloc(at, (SIZE_T)n, MEM_RESET, PAGE_READWRITE) != NULL;
}

void platform_memory_release(int memory, uint64_t offset, uint64_t n)
{
    struct mapping *m = mapping_of(memory);
    if (m && ROOM_SIZE + offset + n <= m->size) platform_memory_release_mapped(m->base + ROOM_SIZE + offset, n);
}

uint64_t memory_id(int memory)
{
    struct mapping *m = mapping_of(memory);
    if (m) return ((struct room *)m->base)->id;
    struct room *room = map_room(memory);
    if (!room) {
        failed();
        return 0;
    }
    uint64_t id = room->id;
    UnmapViewOfFile(room);
    return id;
}

void memory_forget(int fd)
{
    struct mapping *m = mapping_of(fd);
    if (m) store_release(&m->memory, 0);
}

/* The system gives no handle of what is only mapped, or of another process's memory. */
int platform_memory_reopen_mapped(const void *at)
{
    (void)at;
    errno = ENOSYS;
    return -1;
}

int platform_memory_reopen_of(uint64_t pid, const struct file_identity *memory)
{
    (void)pid, (void)memory;
    errno = ENOSYS;
    return -1;
}
