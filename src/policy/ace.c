/*
 * ace.c - the fixed policy.
 * owns: nothing.
 * called from: pool/, heap/release.c, on slow paths.
 */
#include "base/base.h"

#include "policy/ace.h"

#include "base/geometry.h"
#include "os/filter.h"
#include "os/os.h"
#include "policy/limit.h"
#include "policy/options.h"

unsigned hm_ace_partial_max(unsigned heaps)
{
	/* Alone there is nobody to give to, and a slab that waits costs atomics. */
	return heaps <= 1 ? UINT32_MAX : 64;
}

#define CACHE_ALL ((size_t)16 << 20)
#define CACHE_MOST ((size_t)6 << 20)
#define CACHE_LEAST ((size_t)128 << 10)

size_t hm_ace_cache_max(unsigned heaps)
{
	size_t each = CACHE_ALL / (heaps == 0 ? 1 : heaps);

	if (each > CACHE_MOST)
		return CACHE_MOST;
	return each > CACHE_LEAST ? each : CACHE_LEAST;
}

/*
 * So few heaps may begin with all they may keep. Of many a thread may do little and sleep for
 * long: with what others need it keeps more (tests/memory/threads idle busy=20).
 */
#define START_FEW 4

size_t hm_ace_start_max(unsigned heaps)
{
	size_t most = hm_ace_cache_max(heaps), least = (most - CACHE_LEAST) / 4 + CACHE_LEAST / 8;

	if (heaps > START_FEW)
		most = most / heaps * START_FEW;
	return most > least ? most : least;
}

size_t hm_ace_lately(size_t lately, size_t in_use)
{
	return lately <= in_use ? in_use : lately - (lately - in_use) / 256;
}

/* Kept even over the soft limit: what comes and goes again and again. */
#define OVER_SLABS 16

/* Of dirty_max 3/8 are for free slabs, of a quarter of the heap a half; the rest for blocks. */
size_t hm_ace_dirty_max(size_t lately)
{
	size_t most = hm_option_bytes(hm_options.dirty_max) / 8 * 3 / HM_SLAB_SIZE;

	if (hm_limit_is_over())
		return most < OVER_SLABS ? most : OVER_SLABS;
	if (most != 0 && most < lately / 8)
		most = lately / 8;
	return most;
}

/* A look reads a cache line of each slab, and walks the free lists of some. */
#define LOOK_MIN ((size_t)128 << 10)
#define TURNED_MIN ((size_t)1 << 20)
#define LOOK_MIN_OF_MANY ((size_t)16 << 10)

size_t hm_ace_look_least(unsigned heaps)
{
	size_t each = LOOK_MIN * 32 / (heaps == 0 ? 1 : heaps);

	if (each > LOOK_MIN)
		return LOOK_MIN;
	return each < LOOK_MIN_OF_MANY ? LOOK_MIN_OF_MANY : each;
}

size_t hm_ace_look_after(size_t live, size_t slack, unsigned heaps)
{
	size_t dirty_max = hm_option_bytes(hm_options.dirty_max) / (heaps > 1 ? heaps : 1);
	size_t most = dirty_max / 4, after = live / 8;

	if (most < live / 8)
		most = live / 8;
	if (slack < most && after < most - slack)
		after = most - slack;
	if (after < dirty_max / 8)
		after = dirty_max / 8;
	if (hm_limit_is_over())
		after /= 4;
	if (after < hm_ace_look_least(heaps))
		after = hm_ace_look_least(heaps);
	return after;
}

/* Pages of classes that rest are not wanted soon, so growth by a part of the bound is enough. */
#define RESTING_OFTENER 4
#define RESTING_GIVEN_OFTENER 8

size_t hm_ace_look_resting(size_t after)
{
	return after / RESTING_OFTENER;
}

size_t hm_ace_look_resting_given(size_t after)
{
	return after / RESTING_GIVEN_OFTENER;
}

bool hm_ace_is_alone(unsigned heaps)
{
	return heaps <= 1;
}

/* Less is not worth a system call where it may be wanted again. */
#define HOLE_BYTES ((size_t)16 << 10)

unsigned hm_ace_hole_least(bool resting, unsigned heaps)
{
	size_t pages = HOLE_BYTES / hm_os_page_size();

	return pages == 0 || (resting && hm_ace_is_alone(heaps)) ? 1 : (unsigned)pages;
}

/* They count towards the next look: what stays until then is no more. */
size_t hm_ace_spare_max(size_t after)
{
	return hm_limit_is_over() ? 0 : after / 2;
}

size_t hm_ace_look_turned(size_t live, unsigned heaps, unsigned patience)
{
	size_t most = hm_option_bytes(hm_options.dirty_max) / (heaps > 1 ? heaps : 1) / 2;

	if (most < live / 2)
		most = live / 2;
	if (most < TURNED_MIN)
		most = TURNED_MIN;
	return most < SIZE_MAX >> patience ? most << patience : SIZE_MAX;
}

size_t hm_ace_look_patiently(size_t after, unsigned patience, size_t live, unsigned heaps)
{
	size_t most = hm_option_bytes(hm_options.dirty_max) / (heaps > 1 ? heaps : 1);

	if (most < live / 2)
		most = live / 2;
	if (most < after)
		most = after;
	return after < most >> patience ? after << patience : most;
}

unsigned hm_ace_patience(unsigned patience, size_t purged, size_t wanted)
{
	if (hm_options.ace != HM_ACE_ON)
		return hm_options.ace == HM_ACE_OFF ? 0 : patience;
	if (purged > 0 && wanted >= purged / 2)
		return patience < HM_ACE_PATIENCE_MAX ? patience + 1 : patience;
	return patience > 0 && wanted < purged / 8 ? patience - 1 : patience;
}

/* Each so many-th superslab or large block is mapped without huge pages, to be looked at later. */
#define WITNESS 8

/* Each such one splits a mapping of the kernel, which has a limit: not more than 64 or so. */
static size_t witness_spacing(size_t in_use)
{
	size_t n = WITNESS;

	while (n * 32 < in_use)
		n *= 2;
	return n;
}

bool hm_ace_huge_always(void)
{
	return hm_options.thp == HM_THP_ALWAYS;
}

bool hm_ace_huge_never(void)
{
	return hm_options.thp == HM_THP_NEVER;
}

bool hm_ace_wants_huge(size_t in_use)
{
	size_t n = witness_spacing(in_use);

	return hm_options.thp == HM_THP_AUTO && in_use >= HM_ACE_HUGE_AFTER && in_use % n != n - 1;
}

bool hm_ace_wants_huge_large(size_t size, uint64_t n)
{
	return hm_options.thp == HM_THP_AUTO && size >= 2 * HM_SUPERSLAB_SIZE &&
	       n % WITNESS != WITNESS - 1;
}

bool hm_ace_is_unit_dense(const char *unit)
{
	return hm_os_resident(unit, HM_SUPERSLAB_SIZE) >= HM_SUPERSLAB_SIZE / 8 * 7;
}

/*
 * What is filled from its start is dense when its end is. The last unit may be
 * there to make the mapping whole, so it is the one before.
 */
bool hm_ace_is_block_dense(const char *base, size_t size)
{
	size_t last = (size - 1) / HM_SUPERSLAB_SIZE - 1;

	return !hm_os_is_filtered() && hm_ace_is_unit_dense(base + last * HM_SUPERSLAB_SIZE) &&
	       (last == 0 || hm_ace_is_unit_dense(base + last / 2 * HM_SUPERSLAB_SIZE));
}
