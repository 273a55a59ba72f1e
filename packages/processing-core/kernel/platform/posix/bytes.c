/* Not in POSIX, but in every C library of its systems: memmem(3). */
#include "platform/posix/system.h"

#include <string.h>

const void *platform_find(const void *bytes, size_t size, const void *what, size_t n)
{
    return memmem(bytes, size, what, n);
}
