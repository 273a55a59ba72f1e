/* Words that processes share, and the order of reads and writes. */
#ifndef PROCESSING_PLATFORM_ATOMICS_H
#define PROCESSING_PLATFORM_ATOMICS_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

/* Words that processes share. Each is a structure, so that a plain access does not compile: code that reads or writes
 * one names the order. `load`, `store` and all that changes a word at once are sequentially consistent; where less
 * is enough the code says what the weaker order pairs with. */
typedef struct {
    _Atomic uint64_t bits;
} word64;
typedef struct {
    _Atomic uint32_t bits;
} word32;
typedef struct {
    _Atomic uint16_t bits;
} word16;
typedef struct {
    _Atomic uint8_t bits;
} word8;

#define load(w) atomic_load(&(w)->bits)
#define load_relaxed(w) atomic_load_explicit(&(w)->bits, memory_order_relaxed)
#define load_acquire(w) atomic_load_explicit(&(w)->bits, memory_order_acquire)
#define store(w, v) atomic_store(&(w)->bits, (v))
#define store_relaxed(w, v) atomic_store_explicit(&(w)->bits, (v), memory_order_relaxed)
#define store_release(w, v) atomic_store_explicit(&(w)->bits, (v), memory_order_release)
/* These return what the word was. */
#define exchange(w, v) atomic_exchange(&(w)->bits, (v))
#define fetch_add(w, v) atomic_fetch_add(&(w)->bits, (v))
#define fetch_and(w, v) atomic_fetch_and(&(w)->bits, (v))
#define fetch_or(w, v) atomic_fetch_or(&(w)->bits, (v))
/* Whether the word was `*seen` and is `v` now; else `*seen` becomes what it is. The weak one may fail for no
 * reason. */
#define cas(w, seen, v) atomic_compare_exchange_strong(&(w)->bits, (seen), (v))
#define cas_weak(w, seen, v) atomic_compare_exchange_weak(&(w)->bits, (seen), (v))

static inline void fence_acquire(void) { atomic_thread_fence(memory_order_acquire); }
static inline void fence_release(void) { atomic_thread_fence(memory_order_release); }
static inline void fence_full(void) { atomic_thread_fence(memory_order_seq_cst); }

/* Orders a sequentially consistent write of this thread before its later loads, however weak those are. C11 gives no
 * such order to a load that is not sequentially consistent itself, and some processors do not either (ARMv8.3's
 * LDAPR after a read-modify-write). x86's locked instructions, which every such write is there, are full barriers
 * already. */
static inline void fence_after_write(void)
{
#if defined(__x86_64__) || defined(__i386__)
    atomic_signal_fence(memory_order_seq_cst);
#else
    atomic_thread_fence(memory_order_seq_cst);
#endif
}

static inline bool cas64(word64 *w, uint64_t expected, uint64_t desired) { return cas(w, &expected, desired); }

static inline bool cas32(word32 *w, uint32_t expected, uint32_t desired) { return cas(w, &expected, desired); }

#endif
