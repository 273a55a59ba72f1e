/* Windows: GetEnvironmentStringsW, as UTF-8; without the entries that begin with "=", of the drives' directories. */
#include "platform/windows/system.h"

#include <stdlib.h>
#include <wchar.h>

static char *utf8(const wchar_t *text)
{
    int size = WideCharToMultiByte(CP_UTF8, 0, text, -1, NULL, 0, NULL, NULL);
    char *bytes = malloc((size_t)size);
    if (bytes) WideCharToMultiByte(CP_UTF8, 0, text, -1, bytes, size, NULL, NULL);
    return bytes;
}

static char **copied(const wchar_t *block)
{
    size_t most = 1, n = 0;
    for (const wchar_t *at = block; *at; at += wcslen(at) + 1) most++;
    char **entries = calloc(most, sizeof *entries);
    for (const wchar_t *at = block; entries && *at; at += wcslen(at) + 1)
        if (*at != L'=' && (entries[n] = utf8(at))) n++;
    return entries;
}

/* The list of the call before is freed: the caller has the GIL, and copies. */
char **platform_environment(void)
{
    static char **entries;
    for (char **e = entries; e && *e; e++) free(*e);
    free(entries);
    wchar_t *block = GetEnvironmentStringsW();
    entries = block ? copied(block) : NULL;
    if (block) FreeEnvironmentStringsW(block);
    return entries;
}
