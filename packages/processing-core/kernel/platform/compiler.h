/* What the language leaves to the compiler: the only place that names one, a processor or a C library. */
#ifndef PROCESSING_PLATFORM_COMPILER_H
#define PROCESSING_PLATFORM_COMPILER_H

#include <stdint.h>

/* A structure without padding, as it stands in a message. */
#define PACKED __attribute__((packed))

/* A function that is seldom called: it is not inlined, and lies apart from those that are called often. */
#define SELDOM_CALLED __attribute__((cold))

/* A variable of each thread.  glibc keeps room for extensions that reach theirs without a call; musl loads no extension
 * whose variables must stand in the room of the program's start. */
#ifdef __GLIBC__
#define THREAD_LOCAL _Thread_local __attribute__((tls_model("initial-exec")))
#else
#define THREAD_LOCAL _Thread_local
#endif

/* The number of the lowest, of the highest bit that is set; `bits` is not 0. */
static inline unsigned lowest_bit(uint64_t bits) { return (unsigned)__builtin_ctzll(bits); }
static inline unsigned highest_bit(uint64_t bits) { return 63 - (unsigned)__builtin_clzll(bits); }

/* Tell the processor that this thread spins. */
static inline void cpu_relax(void)
{
#if defined(__x86_64__) || defined(__i386__)
    __builtin_ia32_pause();
#elif defined(__aarch64__)
    __asm__ __volatile__("yield");
#endif
}

#endif
