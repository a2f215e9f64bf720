/*
 * superslab.c - making a superslab, and the arithmetic of its masks.
 *
 * owns: nothing beyond superslab.h.
 * called from: pool/pool.c.
 */
#include "base/base.h"

#include "space/superslab.h"

#include "os/os.h"
#include "space/registry.h"

size_t hm_superslab_pinned(const struct hm_superslab *ss)
{
	return hm_align_up(hm_superslab_header_end(ss), hm_os_page_size());
}

struct hm_superslab *hm_superslab_map(bool huge)
{
	void *base = hm_os_map_aligned(HM_SUPERSLAB_SIZE, HM_SUPERSLAB_SIZE);
	struct hm_superslab *ss;

	if (base == NULL)
		return NULL;
	/* Before the first touch: with huge pages "always" the whole range would fault in. */
	if (huge)
		hm_os_advise_huge(base, HM_SUPERSLAB_SIZE);
	else
		hm_os_advise_nohuge(base, HM_SUPERSLAB_SIZE);

	ss = hm_superslab_header((uintptr_t)base);
	hm_list_init(&ss->node);
	hm_list_init(&ss->all_node);
	hm_store_relaxed(&ss->free_mask, UINT32_MAX);
	hm_store_relaxed(&ss->zero_mask, UINT32_MAX);
	ss->huge = huge;
	for (unsigned i = 0; i < HM_SLABS; i++) {
		hm_store_relaxed(&ss->remote[i].word, HM_REMOTE_OWNED);
		hm_store_relaxed(&ss->remote[i].waiting_class, HM_CLASSES);
	}
	if (!hm_registry_set(base, HM_REG_SUPERSLAB)) {
		hm_os_unmap(base, HM_SUPERSLAB_SIZE);
		return NULL;
	}
	return ss;
}

/* Bit i of the result: bits [i, i+n) of mask are set. */
static uint32_t runs_of(uint32_t mask, unsigned n)
{
	while (n > 1) {
		unsigned half = n / 2;

		mask &= mask >> half;
		n -= half;
	}
	return mask;
}

unsigned hm_superslab_longest_run(uint32_t mask)
{
	unsigned n = 0;

	for (mask &= ~(uint32_t)1; mask != 0; mask &= mask << 1)
		n++;
	return n;
}

unsigned hm_superslab_find_run(uint32_t mask, unsigned n)
{
	uint32_t runs = runs_of(mask & ~(uint32_t)1, n);

	return runs == 0 ? 0 : hm_ctz32(runs);
}
