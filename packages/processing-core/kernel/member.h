/* Members: who belongs to the family, who is alive, and what becomes of the dead. */
#ifndef PROCESSING_MEMBER_H
#define PROCESSING_MEMBER_H

#include "arena.h"

/* -- the platform (liveness_<platform>.c) -- */
bool platform_life_hold(int fd, uint32_t slot); /* from now until this process ends, its slot shows life */
/* A descriptor that shows life for a slot until its last copy is closed, in whatever process; -1 with errno. */
int platform_token_make(int fd, uint32_t slot);
bool platform_token_held(int fd, uint32_t slot);
bool platform_life_held(int fd, uint32_t slot);
/* Whether that process runs still.  A zombie does not; nor does another process with the same pid. */
bool platform_process_runs(uint64_t pid, uint64_t start_time);
uint64_t platform_start_time(uint64_t pid); /* 0 if unknown */

/* -- liveness -- */

/* Whether that member can still act on the arena.  Takes 0.5 us for the living, tens for the dead. */
bool member_alive(owner_id who);

/* -- places -- */
outcome member_found(const char *name);
outcome member_reserve(const char *name, owner_id *who, int *token);
outcome member_adopt(owner_id who);
void member_rename(const char *name);

/* Release what a dead member left: OK, or BUSY if it is alive or was buried before. */
outcome member_bury(owner_id who, uint64_t exitcode);
int member_sweep(void);
void member_leave(void);

#define UNKNOWN_EXIT 0ull
/* (pid, name) of a member, living or remembered; (None, None) of a forgotten one. */
PyObject *member_person(owner_id who);
bool member_obituary(uint64_t serial, struct obituary *out);

#endif
