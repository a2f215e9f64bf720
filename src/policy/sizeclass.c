/*
 * sizeclass.c - the table of size classes.
 *
 * owns: hm_classes. All figures are computed by the compiler from the stride:
 * capacity from the stride that is carved, bookkeeping included, so that the
 * last block of every slab ends inside it (lessons.md, L6).
 * called from: slab/, pool/, heap/.
 */
#include "base/base.h"

#include "policy/sizeclass.h"

/*
 * Bytes that the frees between two slow paths may leave in one list, and bounds.
 * A list begins with little, and no block above that (heap/budget.h).
 */
#define TINY_CACHE ((size_t)32 << 10)
#define MEDIUM_CACHE ((size_t)512 << 10)
#define FIRST_CACHE ((size_t)2 << 10)
#define BUDGET_MAX 2048 /* of the smallest class, as much as of any other in bytes */

#define MIN(a, b) ((a) < (b) ? (a) : (b))
#define MAX(a, b) ((a) > (b) ? (a) : (b))

/* 2^64 / stride and what remains; then the smallest multiplier whose excess is large enough. */
#define QUOT(s) (UINT64_MAX / (s) + (UINT64_MAX % (s) + 1) / (s))
#define REM(s) ((UINT64_MAX % (s) + 1) % (s))
#define EXCESS_MIN(blocks) ((HM_MAGIC_BOUND + (blocks) - 1) / (blocks))
#define MAGIC(s, blocks) (QUOT(s) + (EXCESS_MIN(blocks) + REM(s) + (s) - 1) / (s))
#define LOW_BIT(stride) ((size_t)(stride) & (~(size_t)(stride) + 1))

/* Where block 0's user pointer is in a slab (layout.h): past its header byte, and aligned. */
#define TINY_FIRST(stride) (HM_HEADERLESS ? 0 : LOW_BIT(stride))
#define TINY_BLOCKS(stride) ((HM_SLAB_SIZE - TINY_FIRST(stride) + HM_HEADER_BYTES) / (stride))

#define ROW(stride_, slabs_, blocks_, cache_)                                                      \
	{                                                                                          \
		.magic = MAGIC((uint64_t)(stride_), (uint64_t)(blocks_)), .stride = (stride_),     \
		.capacity = (uint16_t)(blocks_),                                                   \
		.budget = (uint16_t)MAX((size_t)1, MIN((cache_) / (stride_), BUDGET_MAX)),         \
		.first = (uint16_t)(FIRST_CACHE / (stride_)),                                      \
		.wake = (uint16_t)MAX((size_t)1, (blocks_) / 8), .slabs = (slabs_),                \
	}
#define TINY(stride) ROW((size_t)(stride), 1, TINY_BLOCKS((size_t)(stride)), TINY_CACHE)
#define TINY4(base, step)                                                                          \
	TINY((base) + (step)), TINY((base) + 2 * (step)), TINY((base) + 3 * (step)),               \
		TINY((base) + 4 * (step))

/* Of a doubling from 1 KiB on: a header more than a power of two, and the quarters. */
#define TINY5(base, step) TINY((base) + (step) / 2), TINY4(base, step)

/* Several blocks to a span: the fewest slabs that hold the wanted number. */
#define MANY_STRIDE(kib) (((size_t)(kib) << 10) + HM_COLOUR)
#define MANY_SLABS(kib, want) ((MANY_STRIDE(kib) * (want) + HM_SLAB_SIZE - 1) / HM_SLAB_SIZE)
#define MANY_BLOCKS(kib, want) (MANY_SLABS(kib, want) * HM_SLAB_SIZE / MANY_STRIDE(kib))
#define MANY(kib, want)                                                                            \
	ROW(MANY_STRIDE(kib), MANY_SLABS(kib, want), MANY_BLOCKS(kib, want), MEDIUM_CACHE)

#define ONE(kib) ROW((size_t)(kib) << 10, (kib) / 64, 1, 0)

const struct hm_class hm_classes[HM_CLASSES] = {
	TINY4(0, 16),      TINY4(64, 16),    TINY4(128, 32),  TINY4(256, 64),
	TINY4(512, 128),   TINY5(1024, 256), TINY5(2048, 512), TINY5(4096, 1024),

	MANY(9, 7),        MANY(10, 8),      MANY(12, 8),     MANY(14, 8),
	MANY(16, 8),       MANY(18, 7),      MANY(20, 8),     MANY(24, 8),
	MANY(28, 8),       MANY(32, 8),      MANY(36, 7),     MANY(40, 4),
	MANY(48, 4),       MANY(56, 4),      MANY(64, 4),     MANY(72, 7),
	MANY(80, 4),       MANY(96, 4),      MANY(112, 4),    MANY(128, 4),

	ONE(192),          ONE(256),         ONE(320),        ONE(384),
	ONE(448),          ONE(512),         ONE(640),        ONE(768),
	ONE(896),          ONE(1024),        ONE(1280),       ONE(1536),
	ONE(1792),         ONE(2048),

	ONE(64),           ONE(128),
};

/* By KiB of nominal size: each class from behind the one before it to its own size. */
#define TWICE(i) ((uint8_t)(2 * (HM_TINY_CLASSES + (i))))
const uint8_t hm_classes_many[] = {
	[0 ... 9] = TWICE(0),     [10] = TWICE(1),          [11 ... 12] = TWICE(2),
	[13 ... 14] = TWICE(3),   [15 ... 16] = TWICE(4),   [17 ... 18] = TWICE(5),
	[19 ... 20] = TWICE(6),   [21 ... 24] = TWICE(7),   [25 ... 28] = TWICE(8),
	[29 ... 32] = TWICE(9),   [33 ... 36] = TWICE(10),  [37 ... 40] = TWICE(11),
	[41 ... 48] = TWICE(12),  [49 ... 56] = TWICE(13),  [57 ... 64] = TWICE(14),
	[65 ... 72] = TWICE(15),  [73 ... 80] = TWICE(16),  [81 ... 96] = TWICE(17),
	[97 ... 112] = TWICE(18), [113 ... 128] = TWICE(19),
};

_Static_assert(HM_SLAB_SIZE / 16 <= 4096, "a count of blocks fits the remote word");

void hm_classes_fill_lookup(uint8_t lookup[HM_TINY_LOOKUP])
{
	for (unsigned i = 0; i < HM_TINY_LOOKUP; i++)
		lookup[i] = (uint8_t)(2 * hm_class_of_tiny_total((size_t)i * HM_ALIGN));
}

#define LAST_MEDIUM (HM_TINY_CLASSES + HM_MEDIUM_CLASSES - 1)
/* One block to a span from here on: the block starts where its slab does. */
#define FIRST_ONE (HM_TINY_CLASSES + 20)
#define FIRST_BIG (FIRST_ONE + 6)

unsigned hm_class_of_medium(size_t n)
{
	size_t total = n + HM_CANARY_BYTES;

	if (n <= (size_t)HM_MANY_REQUEST_MAX)
		return (unsigned)hm_class_many_twice(n) / 2;
	if (total <= (size_t)512 << 10)
		return FIRST_ONE + (unsigned)((total - 1) >> HM_SLAB_SHIFT) - 2;
	return FIRST_BIG + hm_class_quarter(total, 19);
}

unsigned hm_class_of(size_t n)
{
	if (n <= (size_t)HM_TINY_REQUEST_MAX)
		return hm_class_of_tiny_total(n + HM_HEADER_BYTES + HM_CANARY_BYTES);
	hm_check(n <= (size_t)HM_MEDIUM_REQUEST_MAX);
	return hm_class_of_medium(n);
}

unsigned hm_class_of_aligned(size_t n, size_t align)
{
	if (align > HM_SLAB_SIZE || n > (size_t)HM_MEDIUM_REQUEST_MAX)
		return HM_CLASSES;
	for (unsigned cls = hm_class_of(n); cls < FIRST_ONE; cls++)
		if (LOW_BIT(hm_classes[cls].stride) >= align)
			return cls;
	for (unsigned cls = LAST_MEDIUM + 1; cls < HM_CLASSES; cls++)
		if (hm_class_usable(cls) >= n)
			return cls;
	return hm_class_of_medium(n <= MANY_STRIDE(128) ? MANY_STRIDE(128) + 1 : n);
}
