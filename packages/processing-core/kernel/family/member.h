/* Members: who belongs to the family, who is alive, and what becomes of the dead. */
#ifndef PROCESSING_MEMBER_H
#define PROCESSING_MEMBER_H

#include "arena/arena.h"

/* -- slots -- */
outcome member_create(const char *name);
outcome member_reserve(const char *name, owner_id *who, int *token);
outcome member_join(owner_id who);
/* Close the token of a slot that was taken, or given up; -1: there is none. */
void member_close_token(int fd);
void member_leave_with(uint64_t exitcode); /* a normal exit */
void member_rename(const char *name);

/* Release what a dead member left: OK, or BUSY if it is alive or was reaped before. */
outcome member_reap(owner_id who, uint64_t exitcode);
int member_sweep(void);
void member_leave(void);

#define UNKNOWN_EXIT 0ull
/* (pid, name) of a member, living or remembered; (None, None) of a forgotten one. */
PyObject *member_identity(owner_id who);
/* What is remembered of a dead member. */
struct death {
    uint64_t pid, exitcode; /* exitcode + 2^32, UNKNOWN_EXIT if unknown */
    char name[NAME_SIZE];
};
bool member_death(uint64_t serial, struct death *out); /* false: it is forgotten */

#endif
