/* The conformance suite of the platform: what platform.h promises, tried by processes that the suite starts and kills.
 *
 * One program. Without arguments it runs every group of checks; as a child it plays one role. Groups and roles stand
 * in the table of conformance.c. All processes share one memory, whose first page is `shared`. */
#ifndef PROCESSING_PLATFORM_TESTS_SUITE_H
#define PROCESSING_PLATFORM_TESTS_SUITE_H

#include "platform/platform.h"

#include <stdio.h>

#define MS 1000000ll
#define SOON (monotonic_ns() + 20000 * MS) /* when to give up on what must come */

void check(bool ok, const char *what, const char *file, int line);
#define CHECK(condition) check((condition), #condition, __FILE__, __LINE__)
/* What an emulator of processors does not give, though the system does: there a failure is reported as not proved. */
void check_unless_emulated(bool ok, const char *what, const char *file, int line);
#define CHECK_UNLESS_EMULATED(condition) check_unless_emulated((condition), #condition, __FILE__, __LINE__)

#define KILLED (-9)

/* What the processes of the suite share. Each group uses words of its own: see there. */
struct shared {
    struct platform_family family;
    word32 words[64];
    word64 times[8];
    uint64_t limits[256];
};
extern struct shared *shared;
extern int memory;
extern uint64_t memory_size;
static inline uint8_t *at(uint64_t offset) { return (uint8_t *)shared + offset; }

/* In a child: the descriptors that it was given beyond the memory's. */
extern int given[4];

void pause_ms(int ms);
bool becomes(word32 *word, uint32_t value); /* within 20 s */
_Noreturn void stay(void);                  /* until killed */

/* -- children (child_<system>.c) -- */

/* Whether a process runs out of descriptors before the machine runs out of memory. */
extern const bool descriptors_are_bounded;
/* Whether messages between processes carry descriptors; if not, `platform_channel_make` fails. */
extern const bool messages_carry_any;

struct child {
    uint64_t pid;
    int sentinel;
};
/* What Python does before it loads the kernel; and the process ends after some minutes, whatever happens. */
void prepare_process(void);
/* Start this program as another process in that role, with these descriptors and the memory's and no others. */
struct child child_start(const char *role, int n, const int *inherited);
bool child_ends(struct child *c);      /* within 20 s; it stays collectable */
int child_collect(struct child *c);    /* its exit code, or KILLED */
int child_killed(struct child *c);     /* kill it, wait for its end, collect it */
void child_interrupt(struct child *c); /* as the keyboard does */

#endif
