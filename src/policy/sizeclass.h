/*
 * sizeclass.h - the size classes: one table, and size to class.
 *
 * owns: hm_classes (read-only).
 * Tiny classes 0..34 step by 16 bytes to 128, then four to a doubling up to
 * 1 KiB and five up to 8 KiB, and medium classes 35..68 go on from 9 KiB to
 * 128 KiB: the fifth, an eighth above a power of two, is for a page, a buffer or
 * a table of such a size with somebody's header. Medium classes have several
 * blocks to a span, each stride 64 bytes longer than its nominal size
 * so that equal blocks do not share a cache set; above that one block to a
 * span of whole slabs, up to 2 MiB. What is larger has no class. The last
 * two classes, one block to one or two slabs, serve aligned requests only.
 * called from: every floor from slab up.
 */
#ifndef HM_POLICY_SIZECLASS_H
#define HM_POLICY_SIZECLASS_H

#include "base/assert.h"
#include "base/base.h"
#include "base/bits.h"
#include "base/geometry.h"

/*
 * What a block loses to bookkeeping: in header mode one byte before the user
 * pointer of a tiny block; in full-guard builds a canary word at its end.
 */
enum {
	HM_HEADER_BYTES = HM_HEADERLESS ? 0 : 1,
	HM_CANARY_BYTES = HM_GUARDS == 2 ? 8 : 0,
	/* A free block's link and canary do not overlap. */
	HM_TOTAL_MIN = (int)sizeof(void *) + HM_HEADER_BYTES + HM_CANARY_BYTES,
};

/*
 * Is an offset that of a block? With a multiplier m, a little above 2^64 /
 * stride, a multiple q * stride times m is q * e modulo 2^64, e = m * stride -
 * 2^64; anything else is 2^43 at least. (Lemire, Kaser, Kurz: Faster remainder
 * by direct computation, 2019.) Of the possible m each class has one whose e
 * lies between BOUND / capacity and BOUND / (capacity - 1): then q * e < BOUND
 * for the blocks that there are and for no other, one constant for all classes.
 */
#define HM_MAGIC_BOUND ((uint64_t)1 << 30)

struct hm_class {
	uint64_t magic;    /* the multiplier */
	uint32_t stride;   /* bytes from one block to the next */
	uint16_t capacity; /* blocks in a span */
	uint16_t budget;   /* frees between two looks at the TLS SLL: at most, and at first */
	uint16_t first;
	uint16_t wake;     /* this many free blocks make a slab worth waking */
	uint8_t slabs;     /* slabs to a span */
};

extern const struct hm_class hm_classes[HM_CLASSES];

/* A bit for each class. */
#define HM_CLASS_WORDS ((HM_CLASSES + 63) / 64)
#define HM_CLASS_BIT(cls) ((uint64_t)1 << (cls) % 64)

/* Class of a request by 16-byte steps, for n <= HM_TINY_REQUEST_MAX: the index
 * is (n + HM_TINY_PAD) >> 4. Each heap keeps a copy, scaled by two (cache.h). */
enum {
	HM_TINY_LOOKUP = (int)(HM_TINY_MAX / HM_ALIGN) + 1,
	HM_TINY_PAD = HM_ALIGN - 1 + HM_HEADER_BYTES + HM_CANARY_BYTES,
	HM_TINY_REQUEST_MAX = (int)HM_TINY_MAX - HM_HEADER_BYTES - HM_CANARY_BYTES,
	HM_MEDIUM_REQUEST_MAX = (int)HM_MEDIUM_MAX - HM_CANARY_BYTES,
};

/* Fills a heap's lookup table: entry i is twice the class of i * 16 bytes. */
void hm_classes_fill_lookup(uint8_t lookup[HM_TINY_LOOKUP]);

hm_inline bool hm_class_is_tiny(unsigned cls)
{
	return cls < HM_TINY_CLASSES;
}

/* The most a user may store in a block of the class. */
hm_inline size_t hm_class_usable(unsigned cls)
{
	size_t lost = HM_CANARY_BYTES + (hm_class_is_tiny(cls) ? HM_HEADER_BYTES : 0);

	return hm_classes[cls].stride - lost;
}

/* Class of a tiny total of n bytes (1..8192), bookkeeping included. */
hm_inline unsigned hm_class_of_tiny_total(size_t n)
{
	unsigned step, quarter;

	if (n < HM_TOTAL_MIN)
		n = HM_TOTAL_MIN;
	if (n <= 128)
		return (unsigned)((n - 1) / 16);
	step = hm_log2(n - 1);
	quarter = (unsigned)((n - 1) >> (step - 2) & 3);
	if (n <= 1024)
		return 8 + (step - 7) * 4 + quarter;
	/* Five to a doubling: the first quarter is halved. */
	return 20 + (step - 10) * 5 + quarter + ((n - 1) >> (step - 3) & 7 ? 1 : 0);
}

/* Class of a request of n bytes, n <= HM_MEDIUM_REQUEST_MAX. Slow paths only. */
unsigned hm_class_of(size_t n);

/* Medium classes of several blocks to a span: strides are this much above the nominal size. */
enum {
	HM_COLOUR = 64,
	HM_MANY_REQUEST_MAX = (128 << 10) + HM_COLOUR - HM_CANARY_BYTES,
};

/* Four to a doubling: the class of n in (2^base, ...], counted from 0. */
hm_inline unsigned hm_class_quarter(size_t n, unsigned base)
{
	unsigned step = hm_log2(n - 1);

	return (step - base) * 4 + (unsigned)((n - 1) >> (step - 2) & 3);
}

/* Twice the class of one of these: n over HM_TINY_REQUEST_MAX, to HM_MANY_REQUEST_MAX. */
#define HM_MANY_STEP 1024
extern const uint8_t hm_classes_many[(128 << 10) / HM_MANY_STEP + 1];

hm_inline size_t hm_class_many_twice(size_t n)
{
	return hm_classes_many[(n + HM_CANARY_BYTES - HM_COLOUR + HM_MANY_STEP - 1) / HM_MANY_STEP];
}

/* The same for a request that no tiny class holds. */
unsigned hm_class_of_medium(size_t n);

/*
 * The smallest class whose blocks hold n bytes at multiples of align, a power
 * of two; HM_CLASSES when there is none (a large block serves it).
 */
unsigned hm_class_of_aligned(size_t n, size_t align);

/* One past the end is refused: a class number from outside passes here (lessons.md, L8). */
hm_inline unsigned hm_class_checked(unsigned cls)
{
	hm_check(cls < HM_CLASSES);
	return cls;
}

#endif
