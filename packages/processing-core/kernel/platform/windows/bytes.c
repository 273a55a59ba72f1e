/* Windows: its C library has no memmem. */
#include "platform/windows/system.h"

#include <string.h>

const void *platform_find(const void *bytes, size_t size, const void *what, size_t n)
{
    const char *at = bytes, *end = at + size;
    if (n == 0) return bytes;
    while ((size_t)(end - at) >= n && (at = memchr(at, *(const char *)what, (size_t)(end - at) - n + 1))) {
        if (memcmp(at, what, n) == 0) return at;
        at++;
    }
    return NULL;
}
