/*
 * superslab.h - the record of a 2 MiB unit of address space: what it is, and
 * for a superslab which of its slabs are free.
 *
 * owns: struct hm_superslab; one for each unit of a zone (registry.h), out of
 * band, so that a superslab is 32 full slabs and can be purged whole. Masks,
 * lists and counters are the pool's, under the pool's lock.
 * The record stays for the life of the process, and says what is there: a
 * superslab can be unmapped when all its slabs are free, since nobody looks at
 * its memory to learn what it is (design invariant 5).
 * called from: space/registry.h, pool/pool.c.
 */
#ifndef HM_SPACE_SUPERSLAB_H
#define HM_SPACE_SUPERSLAB_H

#include "base/atomic.h"
#include "base/base.h"
#include "base/bits.h"
#include "base/geometry.h"
#include "base/list.h"

enum hm_reg_kind {
	HM_REG_NONE = 0,
	HM_REG_SUPERSLAB = 1,
	HM_REG_LARGE = 2,         /* a large block's header is at the unit's base */
	HM_REG_LARGE_SHIFTED = 3, /* the header is at the base of the unit before */
};

/* Huge pages. The first touch of one brings all of it: what is free, and known to be zero, too. */
enum hm_huge {
	HM_HUGE_NONE = 0,
	HM_HUGE_ASKED = 1,
	HM_HUGE_BROKEN = 2, /* asked until a part in use went: what is free may be there still */
};

struct hm_superslab {
	_Atomic uint8_t kind; /* enum hm_reg_kind */
	_Atomic uint8_t huge; /* enum hm_huge */
	uint16_t retained; /* units of the retained range (pool/range.h) that begins or ends here */
	_Atomic uint32_t free_mask; /* bit i: slab i is free */
	_Atomic uint32_t zero_mask; /* bit i: slab i's memory is known to be zero */
	uint32_t purged_mask; /* bit i: it is free, and was purged, or half of it */
	char *base;
	struct hm_list node;     /* pool list by longest free run, or of the empty ones */
	struct hm_list all_node; /* all superslabs */
	struct hm_list dirty_node; /* those with free slabs that are not known to be zero */
	uint64_t dirtied; /* ms: when a slab was last released here */
};

/* n bits from the first on. */
hm_inline uint32_t hm_mask_span(unsigned first, unsigned n)
{
	return (UINT32_MAX >> (HM_SLABS - n)) << first;
}

/* Length of the longest run of set bits. */
hm_inline unsigned hm_mask_longest_run(uint32_t mask)
{
	unsigned n = 0;

	for (; mask != 0; mask &= mask << 1)
		n++;
	return n;
}

/* First bit of the first run of n set bits; mask has one. */
hm_inline unsigned hm_mask_find_run(uint32_t mask, unsigned n)
{
	/* After each step bit i says that bits [i, i + covered) were set. */
	for (unsigned covered = 1; covered < n;) {
		unsigned step = covered < n - covered ? covered : n - covered;

		mask &= mask >> step;
		covered += step;
	}
	return hm_ctz32(mask);
}

hm_inline bool hm_superslab_is_huge(const struct hm_superslab *ss)
{
	return hm_load_relaxed(&ss->huge) == HM_HUGE_ASKED;
}

/* All of it is known to be zero. Under the pool's lock, as the next ones. */
hm_inline bool hm_superslab_is_clean(const struct hm_superslab *ss)
{
	return hm_load_relaxed(&ss->zero_mask) == UINT32_MAX;
}

/* The slabs that are free, and resident for all one knows. */
hm_inline uint32_t hm_superslab_dirty(const struct hm_superslab *ss)
{
	return hm_load_relaxed(&ss->free_mask) & ~hm_load_relaxed(&ss->zero_mask);
}

/* Those that a purge is for: the first touch of a huge page brought all. */
hm_inline uint32_t hm_superslab_there(const struct hm_superslab *ss)
{
	uint32_t dirty = hm_superslab_dirty(ss);
	unsigned huge = hm_load_relaxed(&ss->huge);

	if (huge == HM_HUGE_BROKEN || (huge == HM_HUGE_ASKED && dirty != 0))
		return hm_load_relaxed(&ss->free_mask);
	return dirty;
}

/*
 * It is free, and was all used. What went by parts has a table of small pages still, and no touch
 * brings a huge page there. Linux with CONFIG_PT_RECLAIM frees it when all goes at once.
 */
hm_inline bool hm_superslab_is_over(const struct hm_superslab *ss)
{
	return hm_load_relaxed(&ss->free_mask) == UINT32_MAX &&
	       (hm_superslab_dirty(ss) | ss->purged_mask) == UINT32_MAX;
}

/* It is free, was all used, and went back since: nothing is in memory, unlike what is prewarmed. */
hm_inline bool hm_superslab_is_gone(const struct hm_superslab *ss)
{
	return hm_superslab_is_over(ss) && hm_superslab_is_clean(ss);
}

/*
 * The first of n free slabs side by side, which there are. Memory that was used before is resident:
 * it goes first.
 */
hm_inline unsigned hm_superslab_find_run(const struct hm_superslab *ss, unsigned n)
{
	uint32_t mask = hm_load_relaxed(&ss->free_mask);
	uint32_t dirty = mask & ~hm_load_relaxed(&ss->zero_mask);

	if (dirty != 0 && hm_mask_longest_run(dirty) >= n)
		mask = dirty;
	return hm_mask_find_run(mask, n);
}

#endif
