/*
 * in_use.c - counts of slabs in use.
 * owns: the counts of what is fresh or slack.
 * called from: pool/pool.c, heap/refill.c, heap/holes.c, on slow paths.
 */
#include "base/base.h"
#include "pool/in_use.h"

#include "base/atomic.h"
#include "base/geometry.h"
#include "policy/ace.h"
#include "policy/figures.h"
#include "slab/hole.h"

static struct {
	/* These are around 0: heaps that vanish in a fork never take theirs back. */
	_Atomic size_t fresh, slack; /* slabs; bytes */
	size_t lately; /* written under the pool's lock */
} in_use;

void hm_in_use_add(size_t slabs)
{
	hm_count_add(&hm_figures.slabs_in_use, slabs);
	in_use.lately = hm_ace_lately(in_use.lately, hm_in_use_bytes() / HM_SLAB_SIZE);
}

void hm_in_use_add_fresh(size_t slabs)
{
	hm_add_relaxed(&in_use.fresh, slabs);
}

void hm_in_use_add_slack(size_t bytes)
{
	hm_add_relaxed(&in_use.slack, bytes);
}

size_t hm_in_use_slabs(void)
{
	return hm_load_relaxed(&hm_figures.slabs_in_use);
}

static size_t minus(size_t bytes, size_t less)
{
	return less < bytes ? bytes - less : 0;
}

size_t hm_in_use_held(void)
{
	return minus(hm_in_use_slabs() * HM_SLAB_SIZE, hm_hole_bytes());
}

size_t hm_in_use_bytes(void)
{
	size_t fresh = hm_load_relaxed(&in_use.fresh), slack = hm_load_relaxed(&in_use.slack);

	return minus(minus(hm_in_use_held(), fresh <= SIZE_MAX / 2 ? fresh * HM_SLAB_SIZE : 0),
		     slack <= SIZE_MAX / 2 ? slack : 0);
}

size_t hm_in_use_lately(void)
{
	return in_use.lately;
}
