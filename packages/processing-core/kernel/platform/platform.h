/* What the kernel needs of an operating system: one contract for each function, which names no system.
 *
 * Implementations are in folders beside this file, one file for each capability; the build chooses the files
 * (kernel/SOURCES).  platform/tests/conformance.c proves the contracts, without Python, on every platform.
 *
 * For all functions: any thread may call them, with or without the GIL, and none of them runs Python. A descriptor
 * is an int, which the process closes by `platform_close`; none is inherited by an executed program, and none is 0,
 * 1 or 2, which a program would take for its standard streams. A function that fails sets `errno`. "Keeps errno" means
 * that the function does not change errno. */
#ifndef PROCESSING_PLATFORM_H
#define PROCESSING_PLATFORM_H

#include "platform/atomics.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The identity of a family of processes. It is in their shared memory, which only they can read, and does not change
 * once a second process has mapped it. */
struct platform_family {
    uint64_t id, token;  /* `platform_random` */
    word64 bound_tokens; /* the platform's own; 0 at first */
};

/* == bytes (bytes.c) == */

/* The first occurrence of `what`, of n bytes, in `bytes`; NULL if there is none. */
const void *platform_find(const void *bytes, size_t size, const void *what, size_t n);

/* == clock (clock.c) == */

/* Nanoseconds of one clock that all processes of the machine share. It never goes back, even if the system's time is
 * set. */
int64_t monotonic_ns(void);
/* The same clock, up to some milliseconds late, but several times faster to read. */
int64_t coarse_ns(void);

/* == memory (memory.c): anonymous, shared, reserved whole, given memory in steps == */

/* A descriptor of `size` new bytes, which read as zeros; -1 with errno. Unless `platform_descriptors_scarce(errno)`, a
 * call with fewer bytes may succeed. The memory has no name: it is freed with its last mapping and descriptor. No
 * process can shorten it afterwards. */
int platform_memory_create(uint64_t size);
/* The beginning of the memory, at an address in this process; NULL with errno. This costs address space only. Bytes
 * that are not committed may be accessed if the system allocates memory on access, but the process may be killed for
 * that. A forked child has the mapping, too. Pairs with `platform_memory_unmap`, or the end of the process. */
void *platform_memory_map(int memory, uint64_t size);
void platform_memory_unmap(void *base, uint64_t size);
/* Allocate memory for these bytes: from now on any process may write to them without being killed for lack of memory.
 * Bytes that were committed before keep their contents. False: there is no memory, and nothing has changed. Committing
 * the same bytes twice, or by two processes at once, is harmless. Offset and n are multiples of 4096.
 *   The first is for a process that has the descriptor; the second for one that has only the mapping. */
bool platform_memory_commit(int memory, uint64_t offset, uint64_t n);
bool platform_memory_commit_mapped(void *at, uint64_t n);
/* Map committed bytes into this process for writing now, rather than at the first access to each page. A hint: it may do
 * nothing. Their contents stay. */
void platform_memory_populate(void *at, uint64_t n);
/* Return the memory of these bytes to the system, if the system supports it: their contents are undefined afterwards,
 * for all processes, until a process commits and writes them. May do nothing.
 *   The second is for a process that has only the mapping; false: nothing was returned. */
void platform_memory_release(int memory, uint64_t offset, uint64_t n);
bool platform_memory_release_mapped(void *at, uint64_t n);

struct file_identity {
    uint64_t device, inode; /* 0, 0: nothing */
};

/* Another descriptor of a memory whose descriptor this process has closed: by this process's mapping, which contains
 * `at`; or by the descriptor of the process `pid`. -1 with errno: the system does not let this process have it. */
int platform_memory_reopen_mapped(const void *at);
int platform_memory_reopen_of(uint64_t pid, const struct file_identity *memory);

/* == park (park.c): sleeping on a word of shared memory == */

enum { WOKEN, TIMED_OUT, INTERRUPTED };
/* Sleep until `platform_wake` is called for this word, if the word has the expected value; else return WOKEN at
 * once. The comparison and the falling asleep are one step for wakers: a wake after a change of the word is never
 * lost, except if the waking process dies between the two. TIMED_OUT: not before the deadline (absolute, of
 * `monotonic_ns`). INTERRUPTED: a signal handler ran. WOKEN may be returned without a cause. Changes errno. */
int platform_park(word32 *word, uint32_t expected, int64_t deadline_ns);
/* Wake up to n of the threads, of any process, that sleep on this word; how many were woken, or -1 if that is not
 * known. A dead sleeper is not counted. Changes errno. */
int platform_wake(word32 *word, int n);

/* == processors (processors.c) == */

/* The number of processors on which this process may run, at least 1. */
int platform_processors(void);
/* Let other threads run on this processor first, if there are any. */
void platform_yield(void);

/* == liveness (liveness.c): a death is detected at once, and never before it happens == */

/* Show life for a slot (below 2^12) from now until this process ends: until no thread of it can touch the memory any
 * more. A forked child does not show it. False with errno: the memory's descriptor cannot be used for that. The same
 * process may call it again; it must do so after it has closed any descriptor of the memory, because that may have
 * ended the showing. */
bool platform_life_hold(int memory, uint32_t slot);
/* Whether the platform shows life by itself.  If not, `platform_life_hold` does nothing, `platform_life_held` is always
 * false, and `platform_process_runs` decides. */
extern const bool platform_life_shown;
/* Whether ANOTHER process shows life for the slot. True is proof. False proves a death only if that process never
 * closed a descriptor of the memory; else `platform_process_runs` decides. A zombie shows no life. */
bool platform_life_held(int memory, uint32_t slot);
/* A descriptor that shows life for a reserved slot until its last copy is closed, in whatever process, by fork or by
 * being sent; -1 with errno. */
int platform_token_make(int memory, struct platform_family *family, uint32_t slot);
/* Whether any process has one, this process included. True also if the system gives no answer. */
bool platform_token_held(int memory, const struct platform_family *family, uint32_t slot);

/* == processes (process.c) == */

uint64_t platform_pid(void);
/* When that process started, in a unit of the system; 0 if it is gone or the start time is not known. Together with the
 * pid it identifies one process, because pids are reused. */
uint64_t platform_start_time(uint64_t pid);
/* Whether that process still runs. A zombie does not; nor does another with the same pid. A start time of 0 is unknown,
 * and matches any. True also if the system gives no answer. */
bool platform_process_runs(uint64_t pid, uint64_t start_time);
/* A descriptor that becomes readable when the process has ended; -1 with errno. */
int platform_sentinel(uint64_t pid);
/* A copy of this process, with only the calling thread: its pid; 0 in the child; -1 with errno: ENOSYS if the system has
 * no forks. */
int64_t platform_fork(void);
/* Have each library do what it does before a fork (pthread_atfork): OpenBLAS ends its threads. The process forks, and its
 * child ends at once, of which no SIGCHLD tells. Where the system has no forks, nothing is done. */
void platform_run_fork_handlers(void);
/* Run a program in a new process, without a copy of this one: its pid; -1 with errno if it cannot be run, and then no
 * process is left. It inherits the environment, the directory, the standard streams, the caller's signal mask, and of
 * the other descriptors only the `n` that are given in rising order; of the ignored signals not those that Python
 * ignores for itself. argv[0] is the program's path, or what is looked for on PATH; a null pointer ends the arguments. */
int64_t platform_execute(char *const argv[], const int *given, int n);
/* End a process of this user's at once: no code of it runs any more. */
void platform_kill(uint64_t pid);
/* The same for this process. */
_Noreturn void platform_die(void);
/* Whether the calling thread is the only one. False also if that is not known. */
bool platform_single_threaded(void);

/* == forks seen (fork.c) == */

/* A word that the process may set, and that is 0 in a child after every fork, by whatever function; NULL with errno. */
uint32_t *platform_fork_token(void);

/* == random (random.c) == */

/* Unpredictable; never 0. Keeps errno. */
uint64_t platform_random(void);

/* == doorbells (doorbell.c): a byte beside a ring, for processes that wait for descriptors == */

/* ends[0] is the reading end, ends[1] the writing end; neither ever blocks. False with errno. */
bool platform_doorbell_make(int ends[2]);
/* Make the reading end readable, if it is not. Without readers, nothing happens: the process must ignore the signal of
 * a broken pipe, if the system has one, as Python does. Keeps errno. */
void platform_doorbell_ring(int writing);
/* The same for a process that has only the reading end; false with errno, which is about `platform_doorbell_place`. */
bool platform_doorbell_ring_own(int reading);
extern const char platform_doorbell_place[];
/* Whether that works in this process. */
bool platform_doorbell_rings_own(int reading);
/* Make it unreadable until the next ring. Keeps errno. */
void platform_doorbell_drain(int reading);
enum { DOORBELL_READABLE = 1, DOORBELL_HUNG_UP = 2, DOORBELL_CLOSED = 4, DOORBELL_INTERRUPTED = 8 };
/* Sleep until it is readable, or hung up (the last writing end is closed, however its process ended), or not open, or a
 * signal handler ran; 0 at the deadline. It is both hung up and readable if the writers' last operation was to ring. */
int platform_doorbell_sleep(int reading, int64_t deadline_ns);
/* Whether no reading end of this doorbell is left, or the other doorbell of a pair (or -1) has hung up: the system
 * closes the descriptors of a killed process one after another. */
bool platform_doorbell_no_readers(int writing, int reading);

/* == the lifeline (lifeline.c) == */

/* End this process at once, as `platform_kill` does, when this doorbell hangs up, or if it has: whatever the process's
 * threads do. No process rings it. The descriptor must stay open. False with errno. */
bool platform_die_with(int reading);

/* == observers (observer.c): a descriptor that any process of a family can make readable by name == */

/* The name consists of the family, the owner and a place. A descriptor, or -1 with errno: EADDRINUSE if another
 * process, or a copy of the descriptor in one, has the name. The name is freed with the last copy. */
int platform_observer_make(const struct platform_family *family, uint64_t owner, uint32_t place);
/* Make it readable, if there is such an observer. Never blocks; keeps errno. */
void platform_observer_notify(const struct platform_family *family, uint64_t owner, uint32_t place);
/* Read some of the datagrams that have arrived, perhaps not all. Keeps errno. */
void platform_observer_drain(int fd);
/* Have the system drop datagrams to this socket, such as an observer, that do not begin with the token's 8 bytes, the
 * highest first, as a family's notifications do: then another program cannot fill its queue, wake a thread, or leave a
 * descriptor to be closed. False: the system cannot do that, and all datagrams still arrive. Keeps errno. */
bool platform_datagrams_require(int fd, uint64_t token);

/* == waits (waits.c): for event loops that cannot wait for every descriptor, but for sockets == */

/* Any number of waits that are told by a byte in `socket`, which does not block; NULL with errno: ENOSYS where the
 * system has sets of descriptors that are descriptors themselves.  One thread at a time uses the same. */
struct platform_waits;
struct platform_waits *platform_waits_make(int socket);
/* Wait once, until the descriptor has hung up or, for a socket, is one of these; any other is waited for until it is
 * readable.  A number above 0, or 0 with errno.  The descriptor may be closed meanwhile. */
uint64_t platform_waits_begin(struct platform_waits *waits, int fd, bool readable, bool writable);
/* The number of a wait that is over, which stands for nothing from then on; 0 if there is none.  Before the first call
 * after a byte came, the byte must have been received: then what ends later sends the next. */
uint64_t platform_waits_take(struct platform_waits *waits);
/* Give a wait up. */
void platform_waits_end(struct platform_waits *waits, uint64_t number);
/* Give all up, and free them. */
void platform_waits_free(struct platform_waits *waits);

/* == descriptors (descriptor.c) == */

/* Keeps errno. */
void platform_close(int fd);
/* Close those from `first` to `last` that are open. It may be called between a fork and an execution. */
void platform_descriptors_close(unsigned first, unsigned last);
/* The descriptor; or, if it is 0, 1 or 2, a copy that is not, and the descriptor is closed. -1 with errno, and the
 * descriptor is closed. For -1 it returns -1. */
int platform_descriptor_above_standard(int fd);
int platform_descriptor_duplicate(int fd); /* -1 with errno */
/* The identity of the open file: no two open files have the same. {0, 0} if the descriptor is not open. Keeps errno. */
struct file_identity platform_descriptor_identify(int fd);
/* Whether it still refers to the same. Costs a system call, about 150 ns. Keeps errno. */
bool platform_descriptor_is(int fd, const struct file_identity *known);
/* Whether an errno says that descriptors have run out; the second then writes the sentence that names the limit. */
bool platform_descriptors_scarce(int error);
#define DESCRIPTOR_SCARCITY 200 /* enough bytes for it */
bool platform_descriptor_scarcity(int error, char *text, size_t size);

/* == messages with descriptors, between processes of one machine (message.c) == */

#define MESSAGE_DESCRIPTORS 3
struct descriptors {
    int fds[MESSAGE_DESCRIPTORS];
    size_t n;
};

/* Two ends of a stream that carries such messages both ways; false with errno: ENOSYS if the system has no such
 * messages. Only a forkserver needs them. */
bool platform_channel_make(int ends[2]);
/* One message, with copies of these descriptors; how many bytes were sent, or -1 with errno. EINTR: a signal handler
 * ran, and nothing was sent. EPIPE: no process can receive it; no signal is raised. */
ptrdiff_t platform_message_send(int fd, const void *bytes, size_t size, const struct descriptors *with);
/* As writev(2), for any descriptor: how many bytes of the two parts the system took, or -1 with errno. EPIPE of a
 * socket: no process can receive it; no signal is raised, whatever the program does with SIGPIPE. ENOSYS: the system's
 * streams are no descriptors (Windows). */
ptrdiff_t platform_stream_write(int fd, const void *const parts[2], const size_t sizes[2]);
/* The size of the next message, 0 at the end, -1 with errno. EINTR: a signal handler ran, and nothing was taken. This
 * process must close the received descriptors. If it may open no more, it receives none, or fewer than were sent; n
 * says how many. */
ptrdiff_t platform_message_receive(int fd, void *bytes, size_t size, struct descriptors *with);

/* == signals (signals.c) == */

/* Which signals the calling thread blocks: bit i stands for signal i + 1. */
uint64_t platform_signal_mask(void);
/* Block exactly these. Pending signals that are no longer blocked arrive before this returns.  0, or an errno. */
int platform_signal_mask_set(uint64_t mask);
/* Block keyboard interrupts in the calling thread until the mask is set again. */
void platform_interrupts_block(void);

/* == environment (environment.c) == */

/* The variables as "NAME=value", NULL at the end; NULL if there are none. Valid until a variable is changed. */
char **platform_environment(void);

/* == limits (limits.c): what bounds a process and a child inherits == */

/* Nice value, usable processors, resource limits: if two are equal byte for byte, they bound a process equally. */
struct platform_limits {
    uint64_t words[161];
};
bool platform_limits_read(struct platform_limits *limits); /* false with errno */
/* Set these limits for this process. Only limits that differ are set: every process may lower a limit, but most limits
 * need a privilege to raise. False with errno; some may be set then. */
bool platform_limits_apply(const struct platform_limits *limits);

#endif
