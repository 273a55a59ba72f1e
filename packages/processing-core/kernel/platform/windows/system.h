/* What the files of this folder share.
 *
 * A descriptor is a handle of the system: it fits in an int, because only its lower 32 bits count, and it is a multiple
 * of 4 above 0. No process inherits one, unless the process is started with a list of those that it shall have. */
#ifndef PROCESSING_PLATFORM_WINDOWS_SYSTEM_H
#define PROCESSING_PLATFORM_WINDOWS_SYSTEM_H

#ifndef _WIN32_WINNT
#define _WIN32_WINNT 0x0A00
#endif
#ifndef WIN32_LEAN_AND_MEAN
#define WIN32_LEAN_AND_MEAN
#endif
#include "platform/platform.h"

#include <errno.h>
#include <windows.h>

#define KILLED_CODE 0x10009u /* the exit code of a process that was killed: 0x10000 + the number of SIGKILL elsewhere */

static inline HANDLE handle_of(int fd) { return (HANDLE)(intptr_t)fd; }
static inline int descriptor_of(HANDLE h) { return h && h != INVALID_HANDLE_VALUE ? (int)(intptr_t)h : -1; }

/* -- memory.c: a memory begins with a room of the platform's own, which the mapping that others see does not show -- */

#define PARKING_PLACES 1024u
/* Where one thread sleeps; see park.c. */
struct parking_place {
    word64 tenant; /* 0: free; else pid << 32 | bits */
    word64 offset; /* of the word in the memory, while it is taken */
};
struct room {
    uint64_t id;    /* in the names of what belongs to the memory */
    word32 crowded; /* threads that sleep beyond the places nearest to their words */
    uint32_t spare[13];
    struct parking_place places[PARKING_PLACES];
};
#define ROOM_SIZE 65536u /* the granularity of the system's mappings */
_Static_assert(sizeof(struct room) <= ROOM_SIZE, "the room is large enough");

/* The room of the mapping that contains an address; NULL if no memory is mapped there. */
struct room *room_at(const void *address, uint64_t *offset);
/* The mapping's own event at a place; park.c makes it, and its end closes it. */
word64 *event_at(const struct room *room, uint32_t place);
/* The id of a memory, 0 with errno if the descriptor is none of a memory. */
uint64_t memory_id(int memory);
/* The descriptor is about to be closed. */
void memory_forget(int fd);

/* -- descriptor.c -- */

enum { NO_PIPE = 0, PIPE_CLOSING = 4 };
/* The state of a pipe, as NtQueryInformationFile tells; NO_PIPE if it is none, such as a socket. */
ULONG pipe_state(int fd);

/* -- error.c -- */

/* The errno of the system's last error. */
int error_number(DWORD error);
/* Set it, and return -1. */
int failed(void);

/* -- interrupt.c -- */

/* Wait for a handle: WAIT_OBJECT_0, WAIT_TIMEOUT, or WAIT_OBJECT_0 + 1 if the keyboard interrupted the main thread; its
 * handlers have run then. Never returns WAIT_TIMEOUT before the deadline. */
DWORD wait_until(HANDLE h, int64_t deadline_ns);
/* A handler of the console's events was added: stand before it again. */
void interrupts_first(void);

#endif
