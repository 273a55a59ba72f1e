/* The longest items of each worker, with a description, for introspection.
 *
 * A worker measures each item that it runs, and compares the time with the claim's `floor`: that of the shortest of the
 * five that it keeps.  What took longer is listed here, in the process; the worker describes it while it still has the
 * arguments, and writes it into shared memory.  So the tasks that are not among the longest cost a comparison. */
#ifndef PROCESSING_LONGEST_H
#define PROCESSING_LONGEST_H

#include "queues/claim.h"

#define LONGEST_ITEMS 5
#define LONGEST_TEXT 112

/* One of a worker's longest items: written by the worker; a reader reads `count` first and last, odd while it is
 * written. */
struct longest {
    word64 count;
    word64 ns; /* 0: none */
    char text[LONGEST_TEXT];
};
_Static_assert(sizeof(struct longest) == 128, "two cache lines");

/* The names of the functions that a worker took last, by the cell of their parcel; the worker writes them. */
#define FUNCTION_NAMES 4
struct function_name {
    word64 cell; /* 0: none, or being written */
    char text[56];
};

void function_note(struct function_name table[FUNCTION_NAMES], uint64_t cell, const char *text);

void longest_list(struct claim *c, uint64_t item, int64_t ns);
/* The item with this number in its message has ended: was it a long one? */
static inline void longest_consider(struct claim *c, uint64_t item, int64_t now)
{
    int64_t ns = now - (int64_t)load_relaxed(&c->began);
    if (ns > (int64_t)load_relaxed(&c->floor)) longest_list(c, item, ns);
}
bool longest_listed(void);
PyObject *longest_take(void); /* [(number in the message, ns), ...], which are listed no longer */
bool longest_write(struct claim *c, struct longest table[LONGEST_ITEMS], uint64_t ns, const char *text);
PyObject *longest_rows(struct longest table[LONGEST_ITEMS]); /* [(ns, text), ...] */

#endif
