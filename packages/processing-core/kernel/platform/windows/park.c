/* Windows has no sleep on a word that processes share (WaitOnAddress is for one process). So a sleeper takes a place of
 * the table in the memory's room, near the hash of its word, and sleeps on an event of its own; the name of the event
 * tells the pid and the place, so that a waker needs no handle of the sleeper's, and finds none if the sleeper is dead.
 *
 *     sleeper: tenant 0 -> pid, serial by CAS; offset; tenant WAITING; fence; compare the word; sleep; tenant -> 0
 *     waker:   (has changed the word) fence; WAITING -> WOKEN by CAS where the offset is the word's; set the event
 *
 * A tenant has a serial, so that no other thread's stay in the place is taken for it: a waker that did would have woken
 * one sleeper for another. An event has none: it may still be set when its tenant has left, and then wakes the next for
 * nothing, which looks at its word as after every wake-up. That one loses none by it: it is woken once for both.
 *
 * The fences pair: either the sleeper sees the changed word, or the waker sees the place. There is no lock, so a death
 * leaves nothing to repair but the dead one's places: a waker frees those that it meets, and a sleeper that finds no
 * place nearby those nearby. */
#include "platform/windows/system.h"

#include <stdio.h>

#define NEARBY 16u
enum { WAITING = 1, WOKEN_UP = 2, COUNTED = 4, SERIAL = 8 }; /* in a tenant; COUNTED: it stands in `crowded` */

static word32 stays; /* of this process's threads, in places */

static void name_of(wchar_t name[96], uint64_t id, uint64_t pid, uint32_t place)
{
    swprintf(name, 96, L"Local\\processing-%016llx-park-%llx-%x", (unsigned long long)id, (unsigned long long)pid,
             place);
}

/* The sleeper's own, for as long as the memory is mapped; no other thread of this process has the place. */
static HANDLE own_event(const struct room *room, uint32_t place)
{
    word64 *kept = event_at(room, place);
    HANDLE event = (HANDLE)(uintptr_t)load(kept);
    if (event) return event;
    wchar_t name[96];
    name_of(name, room->id, platform_pid(), place);
    event = CreateEventW(NULL, FALSE, FALSE, name);
    if (event) store(kept, (uint64_t)(uintptr_t)event);
    return event;
}

static HANDLE sleepers_event(const struct room *room, uint64_t tenant, uint32_t place)
{
    wchar_t name[96];
    name_of(name, room->id, tenant >> 32, place);
    return OpenEventW(EVENT_MODIFY_STATE, FALSE, name);
}

static uint32_t first_place(uint64_t offset)
{
    return (uint32_t)((offset / 4 * 0x9e3779b97f4a7c15ull) >> 40) % PARKING_PLACES;
}

static bool vacate(struct room *room, struct parking_place *p, uint64_t tenant)
{
    if (!cas64(&p->tenant, tenant, 0)) return false;
    if (tenant & COUNTED) fetch_add(&room->crowded, (uint32_t)-1);
    return true;
}

static void vacate_dead(struct room *room, uint32_t first)
{
    for (uint32_t n = 0; n < NEARBY; n++) {
        uint32_t place = (first + n) % PARKING_PLACES;
        uint64_t tenant = load(&room->places[place].tenant);
        if (!(tenant & (WAITING | WOKEN_UP))) continue; /* it is about to sleep, and may have no event yet */
        HANDLE event = sleepers_event(room, tenant, place);
        if (event) CloseHandle(event);
        else if (GetLastError() == ERROR_FILE_NOT_FOUND) vacate(room, &room->places[place], tenant);
    }
}

/* A place for this thread, and whether it is counted; PARKING_PLACES if all are taken. */
static uint32_t take_place(struct room *room, uint64_t offset, uint64_t *tenant)
{
    uint32_t first = first_place(offset), serial = fetch_add(&stays, 1) * SERIAL;
    for (uint32_t n = 0; n < PARKING_PLACES; n++) {
        uint32_t place = (first + n) % PARKING_PLACES;
        if (n == NEARBY) vacate_dead(room, first); /* for those that come later */
        *tenant = platform_pid() << 32 | serial | (n < NEARBY ? 0 : COUNTED);
        if (load(&room->places[place].tenant) == 0 && cas64(&room->places[place].tenant, 0, *tenant)) {
            if (n >= NEARBY) fetch_add(&room->crowded, 1);
            return place;
        }
    }
    return PARKING_PLACES;
}

static int sleep_in(struct room *room, uint32_t place, HANDLE event, word32 *word, uint32_t expected,
                    int64_t deadline_ns)
{
    (void)room, (void)place;
    if (load(word) != expected) return WOKEN;
    DWORD result = wait_until(event, deadline_ns);
    return result == WAIT_OBJECT_0 ? WOKEN : result == WAIT_TIMEOUT ? TIMED_OUT : INTERRUPTED;
}

int platform_park(word32 *word, uint32_t expected, int64_t deadline_ns)
{
    uint64_t offset, tenant;
    struct room *room = room_at(word, &offset);
    uint32_t place = room ? take_place(room, offset, &tenant) : PARKING_PLACES;
    HANDLE event = place < PARKING_PLACES ? own_event(room, place) : NULL;
    if (!event) { /* more sleepers than places: look again soon */
        if (place < PARKING_PLACES) vacate(room, &room->places[place], tenant);
        Sleep(1);
        return monotonic_ns() < deadline_ns ? WOKEN : TIMED_OUT;
    }
    struct parking_place *p = &room->places[place];
    store(&p->offset, offset);
    store(&p->tenant, tenant | WAITING);
    fence_full(); /* pairs with the waker's */
    int result = sleep_in(room, place, event, word, expected, deadline_ns);
    uint64_t last = exchange(&p->tenant, 0);
    if (last & COUNTED) fetch_add(&room->crowded, (uint32_t)-1);
    return last & WOKEN_UP ? WOKEN : result;
}

/* Whether a living sleeper was woken. */
static bool wake_place(struct room *room, uint32_t place, uint64_t tenant)
{
    struct parking_place *p = &room->places[place];
    HANDLE event = sleepers_event(room, tenant, place);
    if (!event) {
        if (GetLastError() == ERROR_FILE_NOT_FOUND) vacate(room, p, tenant);
        return false;
    }
    bool mine = cas64(&p->tenant, tenant, (tenant & ~(uint64_t)WAITING) | WOKEN_UP);
    if (mine) SetEvent(event);
    CloseHandle(event);
    return mine;
}

int platform_wake(word32 *word, int n)
{
    uint64_t offset;
    struct room *room = room_at(word, &offset);
    if (!room) return 0;
    fence_full(); /* pairs with the sleeper's */
    uint32_t first = first_place(offset), most = load(&room->crowded) ? PARKING_PLACES : NEARBY;
    int woken = 0;
    for (uint32_t i = 0; i < most && woken < n; i++) {
        uint32_t place = (first + i) % PARKING_PLACES;
        uint64_t tenant = load(&room->places[place].tenant);
        if (!(tenant & WAITING) || load(&room->places[place].offset) != offset) continue;
        woken += wake_place(room, place, tenant);
    }
    return woken;
}
