/* Linux: a page that the system wipes in a child, MADV_WIPEONFORK (madvise(2)). */
#include "platform/posix/system.h"

#include <sys/mman.h>

#define SIZE 4096

uint32_t *platform_fork_token(void)
{
    void *page = mmap(NULL, SIZE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (page == MAP_FAILED) return NULL;
    if (madvise(page, SIZE, MADV_WIPEONFORK) < 0) {
        munmap(page, SIZE);
        return NULL;
    }
    return page;
}
