/*
 * tsan.c - the functions that a compiler calls under -fsanitize=thread, as gcc and clang have them.
 *
 * owns: the names of tsan's run-time, hidden in counted.so.
 * called from: the library's code, compiled with that flag. Each does what it stands for and tells
 * lines.c, which says what is counted.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "lines.h"

/* The names are the compilers', so no header has them. */
#pragma GCC diagnostic ignored "-Wmissing-prototypes"

void __tsan_init(void)
{
}

void __tsan_func_entry(void *caller)
{
	(void)caller;
	hm_lines_enter((uintptr_t)__builtin_return_address(0));
}

void __tsan_func_exit(void)
{
}

#define PLAIN(n)                                                                                   \
	void __tsan_read##n(void *p) { hm_lines_read(p, n); }                                      \
	void __tsan_write##n(void *p) { hm_lines_write(p, n); }                                    \
	void __tsan_unaligned_read##n(void *p) { hm_lines_read(p, n); }                            \
	void __tsan_unaligned_write##n(void *p) { hm_lines_write(p, n); }                          \
	void __tsan_volatile_read##n(void *p) { hm_lines_read(p, n); }                             \
	void __tsan_volatile_write##n(void *p) { hm_lines_write(p, n); }                           \
	void __tsan_read_write##n(void *p) { hm_lines_write(p, n); }                               \
	void __tsan_unaligned_read_write##n(void *p) { hm_lines_write(p, n); }

PLAIN(1)
PLAIN(2)
PLAIN(4)
PLAIN(8)
PLAIN(16)

void __tsan_read_range(void *p, size_t n)
{
	hm_lines_read(p, n);
}

void __tsan_write_range(void *p, size_t n)
{
	hm_lines_write(p, n);
}

void *__tsan_memcpy(void *to, const void *from, size_t n)
{
	hm_lines_read(from, n);
	hm_lines_write(to, n);
	return memcpy(to, from, n);
}

void *__tsan_memmove(void *to, const void *from, size_t n)
{
	hm_lines_read(from, n);
	hm_lines_write(to, n);
	return memmove(to, from, n);
}

void *__tsan_memset(void *to, int c, size_t n)
{
	hm_lines_write(to, n);
	return memset(to, c, n);
}

/*
 * Atomics are done in the strongest order: what the order costs is not counted. A lock's word is
 * swapped from 0 with the order acquire (os/lock.h): one strong attempt that may fail, then others.
 */
static bool is_lock(size_t size, int order, int order_failed)
{
	return size == sizeof(uint32_t) && order == __ATOMIC_ACQUIRE &&
	       order_failed == __ATOMIC_RELAXED;
}

#define MODIFY(bits, name, builtin)                                                                \
	uint##bits##_t __tsan_atomic##bits##_##name(uint##bits##_t *p, uint##bits##_t v,           \
						    int order)                                     \
	{                                                                                          \
		(void)order;                                                                       \
		hm_lines_modify(p);                                                                \
		return builtin(p, v, __ATOMIC_SEQ_CST);                                            \
	}

#define ATOMIC(bits)                                                                               \
	uint##bits##_t __tsan_atomic##bits##_load(const uint##bits##_t *p, int order)              \
	{                                                                                          \
		(void)order;                                                                       \
		hm_lines_read(p, sizeof(*p));                                                      \
		return __atomic_load_n(p, __ATOMIC_SEQ_CST);                                       \
	}                                                                                          \
	void __tsan_atomic##bits##_store(uint##bits##_t *p, uint##bits##_t v, int order)           \
	{                                                                                          \
		(void)order;                                                                       \
		hm_lines_write(p, sizeof(*p));                                                     \
		__atomic_store_n(p, v, __ATOMIC_SEQ_CST);                                          \
	}                                                                                          \
	uint##bits##_t __tsan_atomic##bits##_exchange(uint##bits##_t *p, uint##bits##_t v,         \
						      int order)                                   \
	{                                                                                          \
		uint##bits##_t old;                                                                \
                                                                                                   \
		hm_lines_modify(p);                                                                \
		old = __atomic_exchange_n(p, v, __ATOMIC_SEQ_CST);                                 \
		if (is_lock(sizeof(*p), order, __ATOMIC_RELAXED) && old == 0)                      \
			hm_lines_lock(p, true);                                                    \
		return old;                                                                        \
	}                                                                                          \
	MODIFY(bits, fetch_add, __atomic_fetch_add)                                                \
	MODIFY(bits, fetch_sub, __atomic_fetch_sub)                                                \
	MODIFY(bits, fetch_and, __atomic_fetch_and)                                                \
	MODIFY(bits, fetch_or, __atomic_fetch_or)                                                  \
	MODIFY(bits, fetch_xor, __atomic_fetch_xor)                                                \
	MODIFY(bits, fetch_nand, __atomic_fetch_nand)                                              \
	int __tsan_atomic##bits##_compare_exchange_strong(                                         \
		uint##bits##_t *p, uint##bits##_t *old, uint##bits##_t v, int order, int failed)   \
	{                                                                                          \
		bool done;                                                                         \
                                                                                                   \
		hm_lines_modify(p);                                                                \
		done = __atomic_compare_exchange_n(p, old, v, false, __ATOMIC_SEQ_CST,             \
						   __ATOMIC_SEQ_CST);                              \
		if (is_lock(sizeof(*p), order, failed))                                            \
			hm_lines_lock(p, done);                                                    \
		return done;                                                                       \
	}                                                                                          \
	int __tsan_atomic##bits##_compare_exchange_weak(                                           \
		uint##bits##_t *p, uint##bits##_t *old, uint##bits##_t v, int order, int failed)   \
	{                                                                                          \
		bool done;                                                                         \
                                                                                                   \
		hm_lines_modify(p);                                                                \
		done = __atomic_compare_exchange_n(p, old, v, false, __ATOMIC_SEQ_CST,             \
						   __ATOMIC_SEQ_CST);                              \
		if (is_lock(sizeof(*p), order, failed) && done)                                    \
			hm_lines_lock(p, true);                                                    \
		return done;                                                                       \
	}                                                                                          \
	uint##bits##_t __tsan_atomic##bits##_compare_exchange_val(                                 \
		uint##bits##_t *p, uint##bits##_t old, uint##bits##_t v, int order, int failed)    \
	{                                                                                          \
		__tsan_atomic##bits##_compare_exchange_strong(p, &old, v, order, failed);          \
		return old;                                                                        \
	}

ATOMIC(8)
ATOMIC(16)
ATOMIC(32)
ATOMIC(64)

void __tsan_atomic_thread_fence(int order)
{
	(void)order;
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
}

void __tsan_atomic_signal_fence(int order)
{
	(void)order;
	__atomic_signal_fence(__ATOMIC_SEQ_CST);
}
