/*
 * superslab_map.c - superslabs from the OS and back, with their records.
 *
 * owns: nothing. System calls, so never under the pool's lock.
 * called from: pool/pool.c.
 */
#include "base/base.h"
#include "pool/superslab_map.h"

#include "os/filter.h"
#include "os/os.h"
#include "policy/ace.h"
#include "pool/range.h"
#include "slab/hole.h"
#include "slab/slab.h"
#include "space/registry.h"

/* A new superslab at base, or base is unmapped. */
static struct hm_superslab *enter(char *base, bool huge)
{
	struct hm_superslab *ss;
	struct hm_zone *z;

	z = hm_registry_reserve(base);
	if (z == NULL && hm_range_drop() > 0)
		z = hm_registry_reserve(base);
	if (z == NULL) {
		hm_os_unmap(base, HM_SUPERSLAB_SIZE);
		return NULL;
	}
	ss = hm_zone_unit(z, base);
	/* Walkers may stand on the record of a unit that was a superslab before. */
	if (ss->base == NULL)
		ss->base = base;
	hm_store_relaxed(&ss->huge, huge ? HM_HUGE_ASKED : HM_HUGE_NONE);
	/* Not free before add: who walks the list of all may stand on this record. */
	hm_list_init(&ss->node);
	hm_list_init(&ss->dirty_node);
	hm_store_relaxed(&ss->zero_mask, UINT32_MAX);
	ss->purged_mask = 0;
	hm_slab_init_superslab(ss);
	hm_registry_set(base, HM_REG_SUPERSLAB);
	return ss;
}

struct hm_superslab *hm_superslab_map(bool dense)
{
	bool huge = dense || hm_ace_huge_always();
	char *base = hm_range_map(HM_SUPERSLAB_SIZE, &huge);

	return base == NULL ? NULL : enter(base, huge);
}

/*
 * One huge page in place of 512 faults; all of it is to be resident anyhow. Then it
 * is as any superslab without: what is purged in part must not come back whole, nor
 * what was never used go with the rest.
 */
struct hm_superslab *hm_superslab_map_populated(void)
{
	char *base = hm_os_map_aligned(HM_SUPERSLAB_SIZE, HM_SUPERSLAB_SIZE, false);
	bool huge;

	if (base == NULL)
		return NULL;
	huge = hm_range_advise(base, HM_SUPERSLAB_SIZE, !hm_ace_huge_never());
	hm_os_populate(base, HM_SUPERSLAB_SIZE);
	if (huge && !hm_ace_huge_always()) {
		hm_os_advise_nohuge(base, HM_SUPERSLAB_SIZE);
		huge = false;
	}
	return enter(base, huge);
}

bool hm_superslab_is_dense(const struct hm_superslab *ss)
{
	if (!hm_os_is_filtered())
		return hm_ace_is_unit_dense(ss->base);
	return hm_slab_carved_bytes(ss) >= HM_SUPERSLAB_SIZE / 8 * 7;
}

void hm_superslab_ask_huge(struct hm_superslab *ss, bool dense)
{
	if ((dense || hm_ace_huge_always()) && hm_os_advise_huge(ss->base, HM_SUPERSLAB_SIZE))
		hm_store_relaxed(&ss->huge, HM_HUGE_ASKED);
}

bool hm_superslab_unmap(struct hm_superslab *ss)
{
	hm_registry_set(ss->base, HM_REG_NONE);
	if (hm_os_unmap(ss->base, HM_SUPERSLAB_SIZE))
		return true;
	hm_registry_set(ss->base, HM_REG_SUPERSLAB);
	return false;
}

uint32_t hm_superslab_purge(struct hm_superslab *ss, uint32_t bits)
{
	uint32_t done = 0;

	if (bits != UINT32_MAX)
		hm_hole_refuse_huge(ss);
	while (bits != 0) {
		unsigned first = hm_ctz32(bits);
		uint32_t rest = ~(bits >> first);
		unsigned n = rest == 0 ? HM_SLABS - first : hm_ctz32(rest);
		uint32_t run = hm_mask_span(first, n);

		if (!hm_os_purge(ss->base + first * HM_SLAB_SIZE, n * HM_SLAB_SIZE))
			break;
		done |= run;
		bits &= ~run;
	}
	if (bits == 0 && !hm_superslab_is_huge(ss))
		hm_store_relaxed(&ss->huge, HM_HUGE_NONE);
	return done;
}
