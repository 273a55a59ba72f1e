/* Windows: a name exists as long as a process has it open, and the system closes what a process had open before it says
 * that the process has ended. So life is an event with the slot in its name, which its process never closes; a token is
 * one that a child inherits. */
#include "platform/windows/system.h"

#include <stdio.h>

static void name_of(wchar_t name[96], int memory, const wchar_t *what, uint32_t slot)
{
    swprintf(name, 96, L"Local\\processing-%016llx-%ls-%x", (unsigned long long)memory_id(memory), what, slot);
}

static bool exists(const wchar_t *name)
{
    HANDLE h = OpenEventW(SYNCHRONIZE, FALSE, name);
    if (h) CloseHandle(h);
    return h || GetLastError() != ERROR_FILE_NOT_FOUND;
}

/* A new event; NULL with errno if the name is taken. */
static HANDLE create(const wchar_t *name)
{
    HANDLE h = CreateEventW(NULL, TRUE, FALSE, name);
    DWORD error = GetLastError();
    if (h && error != ERROR_ALREADY_EXISTS) return h;
    if (h) CloseHandle(h);
    errno = error_number(error);
    return NULL;
}

/* What this process holds. */
#define MOST_LIVES 64
static struct {
    word64 id; /* 0: not used yet */
    uint32_t slot;
} lives[MOST_LIVES];
static word32 lives_used;

static bool holds(uint64_t id, uint32_t slot)
{
    uint32_t n = load_acquire(&lives_used);
    for (uint32_t i = 0; i < n && i < MOST_LIVES; i++)
        if (load_acquire(&lives[i].id) == id && lives[i].slot == slot) return true;
    return false;
}

const bool platform_life_shown = true;

bool platform_life_hold(int memory, uint32_t slot)
{
    wchar_t name[96];
    uint64_t id = memory_id(memory);
    if (!id) return false;
    if (holds(id, slot)) return true;
    name_of(name, memory, L"life", slot);
    if (!create(name)) return false;
    uint32_t at = fetch_add(&lives_used, 1);
    if (at < MOST_LIVES) {
        lives[at].slot = slot;
        store_release(&lives[at].id, id); /* pairs with the look in `holds` */
    }
    return true;
}

bool platform_life_held(int memory, uint32_t slot)
{
    wchar_t name[96];
    uint64_t id = memory_id(memory);
    if (!id || holds(id, slot)) return false;
    name_of(name, memory, L"life", slot);
    return exists(name);
}

int platform_token_make(int memory, struct platform_family *family, uint32_t slot)
{
    (void)family;
    wchar_t name[96];
    if (!memory_id(memory)) return -1;
    name_of(name, memory, L"token", slot);
    return descriptor_of(create(name));
}

bool platform_token_held(int memory, const struct platform_family *family, uint32_t slot)
{
    (void)family;
    wchar_t name[96];
    name_of(name, memory, L"token", slot);
    return exists(name);
}
