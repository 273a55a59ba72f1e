/* The name of a member: text that others read while the member may change it. */
#ifndef PROCESSING_MEMBER_NAME_H
#define PROCESSING_MEMBER_NAME_H

#include "arena/arena.h"

/* At most NAME_SIZE - 1 bytes are kept.  Called by the member itself, or by the one that reserves its slot. */
void member_name_write(struct member *m, const char *name);
/* Copy the name out, ended by a zero byte. */
void member_name_read(struct member *m, char name[NAME_SIZE]);
/* Pid and name of a member, if it still has its slot; false: another member has the slot, or none. */
bool member_identify(owner_id who, uint64_t *pid, char name[NAME_SIZE]);
/* The name as a string; what is no UTF-8, such as a character that was cut off at the end, is replaced. */
PyObject *member_name_decode(const char name[NAME_SIZE]);

#endif
