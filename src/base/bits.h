/*
 * bits.h - alignment, counting bits, checked arithmetic.
 *
 * owns: nothing. Alignments are powers of two.
 * called from: every floor.
 */
#ifndef HM_BASE_BITS_H
#define HM_BASE_BITS_H

#include "base/base.h"

hm_inline size_t hm_align_up(size_t n, size_t align)
{
	return (n + align - 1) & ~(align - 1);
}

hm_inline size_t hm_align_down(size_t n, size_t align)
{
	return n & ~(align - 1);
}

hm_inline bool hm_is_pow2(size_t n)
{
	return n != 0 && (n & (n - 1)) == 0;
}

/* The largest power of two that divides n (n > 0). */
hm_inline size_t hm_low_bit(size_t n)
{
	return n & (~n + 1);
}

/* Floor of the binary logarithm; n > 0. */
hm_inline unsigned hm_log2(size_t n)
{
	return (unsigned)(sizeof(unsigned long) * 8 - 1) - (unsigned)__builtin_clzl(n);
}

hm_inline unsigned hm_ctz64(uint64_t n)
{
	return (unsigned)__builtin_ctzll(n);
}

hm_inline unsigned hm_log2_64(uint64_t n)
{
	return 63 - (unsigned)__builtin_clzll(n);
}

hm_inline unsigned hm_ctz32(uint32_t n)
{
	return (unsigned)__builtin_ctz(n);
}

hm_inline unsigned hm_popcount32(uint32_t n)
{
	/* The compiler's own is a call where the instruction is not known to be there. */
	n -= n >> 1 & 0x55555555;
	n = (n & 0x33333333) + (n >> 2 & 0x33333333);
	return (((n + (n >> 4)) & 0x0f0f0f0f) * 0x01010101) >> 24;
}

/*
 * Counts *n down by one: is it negative now? One instruction where the
 * compiler (gcc 12) would form the address first, as it is used twice.
 */
hm_inline bool hm_count_down(int32_t *n)
{
#if defined(__x86_64__) || defined(__i386__)
	bool negative;

	__asm__("subl $1, %1" : "=@ccs"(negative), "+m"(*n));
	return negative;
#else
	return --*n < 0;
#endif
}

/* The bytes of n from the lowest on, as they then lie in memory; and back. */
hm_inline uint64_t hm_lowest_first(uint64_t n)
{
	return __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__ ? n : __builtin_bswap64(n);
}

hm_inline bool hm_mul_overflows(size_t a, size_t b, size_t *product)
{
	return __builtin_mul_overflow(a, b, product);
}

hm_inline bool hm_add_overflows(size_t a, size_t b, size_t *sum)
{
	return __builtin_add_overflow(a, b, sum);
}

#endif
