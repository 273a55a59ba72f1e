/* macOS: a page that a child gets as zeros, minherit(2). */
#include "platform/posix/system.h"

#include <mach/vm_inherit.h>
#include <sys/mman.h>

#ifndef VM_INHERIT_ZERO
#define VM_INHERIT_ZERO ((vm_inherit_t)3)
#endif

uint32_t *platform_fork_token(void)
{
    size_t size = (size_t)sysconf(_SC_PAGESIZE);
    void *page = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANON, -1, 0);
    if (page == MAP_FAILED) return NULL;
    if (minherit(page, size, VM_INHERIT_ZERO) < 0) {
        munmap(page, size);
        return NULL;
    }
    return page;
}
