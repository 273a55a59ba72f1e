/* Windows: an event with the observer and the family's secret in its name, which no other program can guess. */
#include "platform/windows/system.h"

#include <stdio.h>

static void name_of(wchar_t name[96], const struct platform_family *family, uint64_t owner, uint32_t place)
{
    swprintf(name, 96, L"Local\\processing-observer-%016llx%016llx-%llx-%x", (unsigned long long)family->id,
             (unsigned long long)family->token, (unsigned long long)owner, place);
}

int platform_observer_make(const struct platform_family *family, uint64_t owner, uint32_t place)
{
    wchar_t name[96];
    name_of(name, family, owner, place);
    HANDLE event = CreateEventW(NULL, TRUE, FALSE, name);
    DWORD error = GetLastError();
    if (event && error != ERROR_ALREADY_EXISTS) return descriptor_of(event);
    if (event) CloseHandle(event);
    errno = error_number(error);
    return -1;
}

void platform_observer_notify(const struct platform_family *family, uint64_t owner, uint32_t place)
{
    wchar_t name[96];
    int saved = errno;
    name_of(name, family, owner, place);
    HANDLE event = OpenEventW(EVENT_MODIFY_STATE, FALSE, name);
    if (event) {
        SetEvent(event);
        CloseHandle(event);
    }
    errno = saved;
}

void platform_observer_drain(int fd) { ResetEvent(handle_of(fd)); }

/* Strangers do not know the name. */
bool platform_datagrams_require(int fd, uint64_t token)
{
    (void)fd, (void)token;
    return false;
}
