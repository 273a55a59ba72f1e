/* The heap: blocks of a power of two bytes up to half a page, and runs of whole pages above.
 * Call everything here inside an arena section; each call is part of the caller's transaction. */
#ifndef PROCESSING_HEAP_H
#define PROCESSING_HEAP_H

#include "arena/arena.h"

void heap_create(void);

/* Take a block of at least `bytes`.  `*cold` says that its pages have no memory yet: the caller commits them with
 * `heap_commit` after it left the section, since that may take long. */
outcome heap_take(uint64_t bytes, uint64_t *offset, bool *cold);
void heap_give(uint64_t offset);
outcome heap_commit(uint64_t offset, uint64_t bytes);
uint64_t heap_room(uint64_t offset); /* bytes of the block at offset */

#endif
