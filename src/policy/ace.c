/*
 * ace.c - the fixed policy.
 * owns: nothing.
 * called from: pool/pool.c, heap/release.c, on slow paths.
 */
#include "base/base.h"

#include "policy/ace.h"

#include "policy/options.h"
#include "policy/sizeclass.h"

unsigned hm_ace_partial_max(unsigned heaps)
{
	/* Alone there is nobody to give to, and a slab that waits costs atomics. */
	return heaps <= 1 ? UINT32_MAX : 64;
}

size_t hm_ace_keep_empty(size_t in_use)
{
	size_t share = in_use / 8;

	return share > hm_options.keep_empty ? share : hm_options.keep_empty;
}

/* Part of all slabs that a class must have for it. */
#define DENSE 16

bool hm_ace_wants_huge(size_t in_use, unsigned cls, size_t slabs)
{
	/* Canaries touch blocks that their users do not: each would cost a huge page. */
	if (HM_GUARDS == 2 || !hm_class_is_tiny(cls))
		return false;
	return hm_options.huge_after != 0 && in_use >= hm_options.huge_after &&
	       slabs >= in_use * HM_SLABS / DENSE;
}
