/*
 * atomic.h - atomics with the memory order in the name.
 *
 * owns: nothing. The one seam through which the library touches shared words,
 * so that a scheduler or checker has one place to enter.
 * called from: every floor.
 */
#ifndef HM_BASE_ATOMIC_H
#define HM_BASE_ATOMIC_H

#include "base/base.h"

#include <stdatomic.h>

#define hm_load_relaxed(p) atomic_load_explicit((p), memory_order_relaxed)
#define hm_load_acquire(p) atomic_load_explicit((p), memory_order_acquire)
#define hm_store_relaxed(p, v) atomic_store_explicit((p), (v), memory_order_relaxed)
#define hm_store_release(p, v) atomic_store_explicit((p), (v), memory_order_release)

/*
 * What one step reads and changes has at least 32 bits: RISC-V has no such instruction for less,
 * and the compiler would call a library for it.
 */
#define hm_word(p) ((p) + 0 * sizeof(char[sizeof(*(p)) >= 4 ? 1 : -1]))
#define hm_swap_acquire(p, v) atomic_exchange_explicit(hm_word(p), (v), memory_order_acquire)
#define hm_swap_release(p, v) atomic_exchange_explicit(hm_word(p), (v), memory_order_release)
#define hm_swap_acq_rel(p, v) atomic_exchange_explicit(hm_word(p), (v), memory_order_acq_rel)
#define hm_add_relaxed(p, v) atomic_fetch_add_explicit(hm_word(p), (v), memory_order_relaxed)
#define hm_add_release(p, v) atomic_fetch_add_explicit(hm_word(p), (v), memory_order_release)
#define hm_sub_relaxed(p, v) atomic_fetch_sub_explicit(hm_word(p), (v), memory_order_relaxed)
/* On failure *old is what was there. May fail spuriously: loop. */
#define hm_cas_weak_acq_rel(p, old, v)                                                             \
	atomic_compare_exchange_weak_explicit(hm_word(p), (old), (v), memory_order_acq_rel,        \
					      memory_order_acquire)
#define hm_cas_acq_rel(p, old, v)                                                                  \
	atomic_compare_exchange_strong_explicit(hm_word(p), (old), (v), memory_order_acq_rel,      \
						memory_order_acquire)

/*
 * A word of which any value is good, an old one too: an ordinary load, which
 * the compiler may fold into a comparison. Of a pointer or word size.
 */
#if HM_SANITIZE
#define hm_load_hint(type, p) hm_load_relaxed(p)
#else
#define hm_load_hint(type, p) (*(type const *)(const void *)(p))
#endif

/*
 * A counter with one writer and racy readers: an atomic cell, but no locked
 * instruction.
 */
#define hm_count_add(p, v) hm_store_relaxed((p), hm_load_relaxed(p) + (v))

hm_inline void hm_cpu_relax(void)
{
#if defined(__x86_64__) || defined(__i386__)
	__builtin_ia32_pause();
#elif defined(__aarch64__)
	__asm__ __volatile__("yield" ::: "memory");
#else
	__asm__ __volatile__("" ::: "memory");
#endif
}

#endif
