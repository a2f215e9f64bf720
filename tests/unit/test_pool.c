/*
 * test_pool.c - spans from superslabs: every class, no overlap, best fit, recycling, what
 * stays warm, purge, the truth of the zero flag, refusals; and many threads.
 */
#include "support.h"

#include "os/filter.h"
#include "os/os.h"
#include "policy/ace.h"
#include "policy/options.h"
#include "pool/pool.h"
#include "slab/hole.h"

#define FIRST_ONE_BLOCK (HM_TINY_CLASSES + 20)
#define MOST 4096

static struct hm_pool_counts counts(void)
{
	struct hm_pool_counts c;

	hm_pool_get_counts(&c);
	return c;
}

static struct hm_slab *acquire(unsigned cls)
{
	bool zero;
	struct hm_slab *s = hm_pool_acquire(cls, &zero);

	must(s != NULL && s->cls == cls && s->lead == 0);
	return s;
}

static size_t span_size(unsigned cls)
{
	return hm_classes[cls].slabs * HM_SLAB_SIZE;
}

/* The class whose span has so many slabs. */
static unsigned class_of_span(unsigned slabs)
{
	for (unsigned cls = 0; cls < HM_CLASSES; cls++)
		if (hm_classes[cls].slabs == slabs)
			return cls;
	ck_abort_msg("no class of %u slabs", slabs);
	return 0;
}

/* ---- The arithmetic of masks ---- */

static void check_mask(uint32_t mask)
{
	unsigned longest = 0, first[HM_SLABS + 1];

	memset(first, 0xff, sizeof first);
	for (unsigned i = 0; i < HM_SLABS; i++) {
		unsigned n = 0;

		while (i + n < HM_SLABS && (mask >> (i + n) & 1)) {
			n++;
			if (first[n] > i)
				first[n] = i;
		}
		longest = n > longest ? n : longest;
	}
	must_say(hm_mask_longest_run(mask) == longest, "mask %#x: %u, not %u", mask,
		 hm_mask_longest_run(mask), longest);
	for (unsigned n = 1; n <= longest; n++)
		must_say(hm_mask_find_run(mask, n) == first[n], "mask %#x: %u of %u, not %u", mask,
			 hm_mask_find_run(mask, n), n, first[n]);
}

START_TEST(masks)
{
	uint64_t state = support_seed;
	unsigned times = support_times(1000000, 100000);

	for (uint32_t m = 0; m < 65536; m++) {
		check_mask(m);
		check_mask(m << 16);
	}
	for (unsigned n = 1; n <= 32; n++)
		for (unsigned at = 0; at + n <= 32; at++)
			check_mask((uint32_t)((((uint64_t)1 << n) - 1) << at));
	for (unsigned i = 0; i < times; i++) {
		uint32_t m = (uint32_t)support_random(&state);

		/* Dense ones too: runs are long there. */
		for (unsigned k = i % 4; k > 0; k--)
			m |= (uint32_t)support_random(&state);
		check_mask(m);
	}
}
END_TEST

/* ---- Spans ---- */

struct span {
	struct hm_slab *s;
	char *start, *end;
};

static int by_start(const void *a, const void *b)
{
	const struct span *x = a, *y = b;

	return x->start < y->start ? -1 : x->start > y->start;
}

static struct span get(unsigned cls)
{
	struct span sp = { .s = acquire(cls) };

	sp.start = hm_slab_start(sp.s);
	sp.end = sp.start + span_size(cls);
	must((sp.start < sp.end) && hm_superslab_base(sp.start) == hm_superslab_base(sp.end - 1));
	must(sp.start >= hm_superslab_of(sp.s)->base);
	return sp;
}

static void no_overlap(struct span *all, size_t n)
{
	qsort(all, n, sizeof *all, by_start);
	for (size_t i = 1; i < n; i++)
		must(all[i].start >= all[i - 1].end);
}

START_TEST(random_spans)
{
	static struct span all[MOST];
	uint64_t state = support_seed;
	unsigned steps = support_times(100000, 10000);
	size_t n = 0, pages = 0;

	for (unsigned i = 0; i < steps; i++) {
		if (n < MOST && pages < 6000 && support_below(&state, 100) < 52) {
			all[n] = get((unsigned)support_below(&state, HM_CLASSES));
			pages += (size_t)(all[n].end - all[n].start) / HM_SLAB_SIZE;
			n++;
		} else if (n > 0) {
			size_t k = support_below(&state, n);

			pages -= (size_t)(all[k].end - all[k].start) / HM_SLAB_SIZE;
			hm_pool_release(all[k].s);
			all[k] = all[--n];
		}
		if (i % 1000 == 0)
			no_overlap(all, n);
	}
	no_overlap(all, n);
	while (n > 0)
		hm_pool_release(all[--n].s);
	ck_assert_uint_eq(counts().acquired, counts().released);
	ck_assert_uint_eq(counts().empty, counts().superslabs);
}
END_TEST

static void take_number(void *arg)
{
	bool zero;

	hm_pool_acquire(*(const unsigned *)arg, &zero);
}

/* One past the end is refused here too (lessons.md, L8). */
START_TEST(class_is_checked)
{
	unsigned cls = HM_CLASSES;
	char text[512];
	int status = support_in_child(take_number, &cls, text, sizeof text);

	ck_assert(WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT);
	ck_assert_ptr_nonnull(strstr(text, "hakmem: broken invariant: cls"));
}
END_TEST

/* A hole of n slabs is filled before a larger one, and before an empty superslab. */
START_TEST(best_fit)
{
	unsigned one = class_of_span(1);
	struct hm_slab *all[2][HM_SLABS];
	struct hm_slab *hole3, *hole5, *again;
	size_t superslabs;

	for (unsigned k = 0; k < 2; k++)
		for (unsigned i = 0; i < HM_SLABS; i++)
			all[k][i] = acquire(one);
	ck_assert_uint_eq(counts().superslabs, 2);
	hole3 = all[0][4];
	hole5 = all[1][20];
	/* Numbers rise in a superslab that was empty. */
	for (unsigned i = 4; i < 7; i++)
		hm_pool_release(all[0][i]);
	for (unsigned i = 20; i < 25; i++)
		hm_pool_release(all[1][i]);
	superslabs = counts().superslabs;
	again = acquire(class_of_span(3));
	ck_assert_ptr_eq(again, hole3);
	hm_pool_release(again);
	again = acquire(class_of_span(5));
	ck_assert_ptr_eq(again, hole5);
	ck_assert_ptr_eq(acquire(class_of_span(2)), hole3);
	ck_assert_uint_eq(counts().superslabs, superslabs);
	/* Nothing has room for four. */
	acquire(class_of_span(4));
	ck_assert_uint_eq(counts().superslabs, superslabs + 1);
}
END_TEST

/* What one class gave back serves every other one. */
START_TEST(recycling_across_classes)
{
	struct hm_slab *all[8 * HM_SLABS];
	uint64_t before = 0;

	for (unsigned round = 0; round < 2; round++) {
		for (unsigned cls = 0; cls < HM_CLASSES; cls++) {
			unsigned n = 8u * ((unsigned)HM_SLABS / hm_classes[cls].slabs);

			for (unsigned i = 0; i < n; i++)
				all[i] = acquire(cls);
			for (unsigned i = 0; i < n; i++)
				hm_pool_release(all[i]);
		}
		must_say(counts().superslabs == 8, "%zu superslabs", counts().superslabs);
		before = hm_load_relaxed(&hm_os_counts.maps);
	}
	must(hm_load_relaxed(&hm_os_counts.maps) == before);
}
END_TEST

/* Resident pages of a superslab, as the system says. */
static void count_resident(struct hm_superslab *ss, void *arg)
{
	*(size_t *)arg += hm_os_resident(ss->base, HM_SUPERSLAB_SIZE);
}

static size_t resident_bytes(void)
{
	size_t bytes = 0;

	hm_pool_each(count_resident, &bytes);
	return bytes;
}

static void release_in_any_order(struct hm_slab **all, unsigned n, unsigned leave)
{
	uint64_t state = support_seed;

	for (unsigned i = n; i > leave; i--) {
		unsigned k = (unsigned)support_below(&state, i);

		hm_pool_release(all[k]);
		all[k] = all[i - 1];
		must_say(counts().dirty <= hm_ace_dirty_max(counts().lately),
			 "%zu dirty slabs, %zu in use, %zu of late", counts().dirty,
			 counts().in_use, counts().lately);
	}
}

/* In no order, so that few superslabs become empty: what is dirty is within the bound all along. */
START_TEST(dirty_memory_is_bounded)
{
	static struct hm_slab *all[40 * HM_SLABS];
	const unsigned n = 40 * HM_SLABS;

	hm_options.thp = HM_THP_NEVER;
	for (unsigned keep = 0; keep < 12; keep += 3) {
		hm_options.dirty_max = keep * HM_SUPERSLAB_SIZE;
		for (unsigned i = 0; i < n; i++) {
			all[i] = acquire(5);
			memset(hm_slab_start(all[i]), 1, HM_SLAB_SIZE);
		}
		ck_assert_uint_eq(counts().dirty, 0);
		ck_assert_uint_eq(counts().in_use, n);
		release_in_any_order(all, n, n / 100);
		/* What the counter says is what the system says. */
		ck_assert_uint_eq(resident_bytes(),
				  (counts().dirty + n / 100) * HM_SLAB_SIZE);
		release_in_any_order(all, n / 100, 0);
		ck_assert_uint_eq(counts().superslabs, 40);
		ck_assert_uint_eq(counts().empty, 40);
		ck_assert_uint_eq(counts().in_use, 0);
	}
	/* Each call does a part. */
	hm_options.dirty_max = 0;
	for (unsigned i = 0; i < 10; i++)
		hm_pool_release(acquire(5));
	ck_assert_uint_eq(resident_bytes(), 0);
}
END_TEST

/* Within the bound time decides, at a release or when it is asked for. */
START_TEST(dirty_memory_expires)
{
	struct hm_slab *s = acquire(5);

	memset(hm_slab_start(s), 1, HM_SLAB_SIZE);
	hm_options.purge_delay = 3600 * 1000;
	hm_pool_release(s);
	ck_assert_uint_eq(hm_pool_purge_older(3600 * 1000, HM_PURGE_DELAY), 0);
	ck_assert_uint_eq(counts().dirty, 1);
	hm_options.purge_delay = 0;
	ck_assert_uint_eq(hm_pool_purge_older(0, HM_PURGE_DELAY), HM_SLAB_SIZE);
	ck_assert_uint_eq(resident_bytes(), 0);
	hm_pool_release(acquire(5));
	ck_assert_uint_eq(counts().dirty, 0);
}
END_TEST

/* Huge pages are not broken up for a few slabs while there is something else. */
START_TEST(dense_huge_pages_stay_whole)
{
	struct hm_slab *all[5 * HM_SLABS];

	for (unsigned i = 0; i < 5 * HM_SLABS; i++) {
		all[i] = acquire(5);
		memset(hm_slab_start(all[i]), 1, HM_SLAB_SIZE);
	}
	hm_store_relaxed(&hm_superslab_of(all[0])->huge, HM_HUGE_ASKED);
	hm_options.dirty_max = 4 * HM_SLAB_SIZE;
	hm_pool_release(all[0]);
	for (unsigned i = 1; i < 5; i++)
		hm_pool_release(all[i * HM_SLABS]);
	for (unsigned i = 1; i < 12; i++)
		hm_pool_release(all[4 * HM_SLABS + i]);
	ck_assert_uint_eq(hm_os_resident(hm_superslab_of(all[1])->base, HM_SUPERSLAB_SIZE),
			  HM_SUPERSLAB_SIZE);
	for (unsigned i = 1; i < 16; i++)
		hm_pool_release(all[i]);
	hm_options.dirty_max = 0;
	hm_pool_release(all[4 * HM_SLABS + 12]);
	ck_assert_uint_eq(hm_os_resident(hm_superslab_of(all[16])->base, HM_SUPERSLAB_SIZE),
			  HM_SUPERSLAB_SIZE / 2);
}
END_TEST

/* ---- The zero flag ---- */

static bool is_zero(const char *start, size_t n)
{
	const uint64_t *w = (const void *)start;

	for (size_t i = 0; i < n / sizeof *w; i++)
		if (w[i] != 0)
			return false;
	return true;
}

/* A span that claims to be zero is; then something is written to it. */
static struct hm_slab *check_zero(unsigned cls, unsigned *claims)
{
	bool zero;
	struct hm_slab *s = hm_pool_acquire(cls, &zero);
	size_t n = span_size(cls);

	must(s != NULL);
	if (zero)
		must_say(is_zero(hm_slab_start(s), n), "class %u: the span is not zero", cls);
	claims[zero]++;
	memset(hm_slab_start(s), 0x77, 64);
	memset(hm_slab_start(s) + n - 64, 0x77, 64);
	return s;
}

START_TEST(zero_flag_is_true)
{
	static struct hm_slab *all[MOST];
	uint64_t state = support_seed;
	unsigned steps = support_times(12000, 1500), claims[2] = { 0, 0 };
	size_t n = 0;

	hm_options.dirty_max = HM_SUPERSLAB_SIZE;
	for (unsigned i = 0; i < steps; i++) {
		size_t most = i / 500 % 2 == 0 ? 300 : 3;

		if (n < most && support_below(&state, 3) != 0) {
			all[n++] = check_zero((unsigned)support_below(&state, 50), claims);
		} else if (n > 0) {
			size_t k = support_below(&state, n);

			hm_pool_release(all[k]);
			all[k] = all[--n];
		}
		if (support_below(&state, 300) == 0)
			hm_pool_purge_all();
	}
	/* Both happened, or the test is none. */
	ck_assert_uint_gt(claims[0], 100);
	ck_assert_uint_gt(claims[1], 100);
}
END_TEST

START_TEST(purge_all_purges_all_that_is_free)
{
	struct hm_slab *all[96];
	unsigned one = class_of_span(1), claims[2] = { 0, 0 };

	for (unsigned i = 0; i < 96; i++) {
		all[i] = acquire(one);
		memset(hm_slab_start(all[i]), (int)i + 1, HM_SLAB_SIZE);
	}
	for (unsigned i = 0; i < 96; i++)
		if (i % 3 != 0)
			hm_pool_release(all[i]);
	ck_assert_uint_eq(hm_pool_purge_all(), 64 * HM_SLAB_SIZE);
	ck_assert_uint_eq(hm_pool_purge_all(), 0);
	/* What is in use is as it was. */
	for (unsigned i = 0; i < 96; i += 3)
		for (size_t k = 0; k < HM_SLAB_SIZE; k += 64)
			must(hm_slab_start(all[i])[k] == (char)(i + 1));
	for (unsigned i = 0; i < 96; i++)
		if (i % 3 != 0)
			check_zero(one, claims);
	ck_assert_uint_eq(claims[1], 64);
	ck_assert_uint_eq(counts().superslabs, 3);
}
END_TEST

/* ---- Refusals ---- */

static bool refuse(const char *call)
{
	(void)call;
	return true;
}

static bool refuse_advice(const char *call)
{
	return strcmp(call, "madvise") == 0;
}

START_TEST(os_refuses)
{
	struct hm_slab *s, *first = acquire(0);
	bool zero;

	hm_os_fail_hook = refuse;
	for (unsigned i = 1; i < HM_SLABS; i++)
		must(hm_pool_acquire(0, &zero) != NULL);
	ck_assert_ptr_null(hm_pool_acquire(0, &zero));
	ck_assert_ptr_null(hm_pool_acquire(class_of_span(HM_SLABS), &zero));
	ck_assert_uint_eq(hm_pool_prewarm(3), 0);
	hm_pool_release(first);
	s = hm_pool_acquire(3, &zero);
	ck_assert_ptr_eq(s, first);
	ck_assert(!zero);
	hm_pool_release(s);
	ck_assert_uint_eq(hm_pool_purge_all(), 0);
	s = hm_pool_acquire(3, &zero);
	ck_assert(s == first && !zero);
	hm_os_fail_hook = NULL;
	ck_assert_ptr_nonnull(hm_pool_acquire(class_of_span(HM_SLABS), &zero));
}
END_TEST

/* A purge that the kernel refuses loses nothing and lies to nobody. */
START_TEST(purge_refused)
{
	unsigned whole = class_of_span(HM_SLABS), claims[2] = { 0, 0 };
	struct hm_slab *all[6];

	hm_options.dirty_max = HM_SUPERSLAB_SIZE;
	for (unsigned i = 0; i < 6; i++)
		all[i] = check_zero(whole, claims);
	hm_os_fail_hook = refuse_advice;
	for (unsigned i = 0; i < 6; i++)
		hm_pool_release(all[i]);
	ck_assert_uint_eq(counts().empty, 6);
	ck_assert_uint_eq(counts().purged, 0);
	hm_os_fail_hook = NULL;
	claims[1] = 0;
	for (unsigned i = 0; i < 6; i++)
		check_zero(whole, claims);
	ck_assert_uint_eq(claims[1], 0);
	ck_assert_uint_eq(counts().superslabs, 6);
}
END_TEST

START_TEST(prewarm)
{
	uint64_t maps;

	ck_assert_uint_eq(hm_pool_prewarm(3), 3);
	ck_assert_uint_eq(counts().superslabs, 3);
	ck_assert_uint_eq(counts().empty, 3);
	maps = hm_load_relaxed(&hm_os_counts.maps);
	for (unsigned i = 0; i < 3 * HM_SLABS; i++) {
		unsigned claims[2] = { 0, 0 };

		check_zero(i % 32, claims);
		must(claims[1] == 1);
	}
	ck_assert_uint_eq(hm_load_relaxed(&hm_os_counts.maps), maps);
	ck_assert_uint_eq(counts().superslabs, 3);
}
END_TEST

static void count_huge(struct hm_superslab *ss, void *arg)
{
	*(unsigned *)arg += hm_superslab_is_huge(ss);
}

static unsigned huge_superslabs(void)
{
	unsigned n = 0;

	hm_pool_each(count_huge, &n);
	return n;
}

/* n slabs, of which the part `written` (in eighths) is touched. */
static void use_slabs(unsigned n, unsigned written)
{
	while (n-- > 0)
		memset(hm_slab_start(acquire(3)), 1, HM_SLAB_SIZE / 8 * written);
}

static bool refuse_mincore(const char *call)
{
	return strcmp(call, "mincore") == 0;
}

/* What is taken from the pool is not used whole, for all one knows. */
START_TEST(no_huge_pages_for_what_is_sparse)
{
	unsigned superslabs = 3 * HM_ACE_HUGE_AFTER;

	for (unsigned i = 0; i < superslabs; i++)
		use_slabs(HM_SLABS, i % 2 == 0 ? 1 : 6);
	ck_assert_uint_eq(counts().superslabs, superslabs);
	ck_assert_uint_eq(huge_superslabs(), 0);
	/* Nobody tells. */
	hm_os_fail_hook = refuse_mincore;
	for (unsigned i = 0; i < superslabs; i++)
		use_slabs(HM_SLABS, 8);
	ck_assert_uint_eq(huge_superslabs(), 0);
}
END_TEST

/* Does this kernel know of huge pages at all? */
static bool have_huge(void)
{
	char *p = hm_os_map_aligned(HM_SUPERSLAB_SIZE, HM_SUPERSLAB_SIZE, false);
	bool done = hm_os_advise_huge(p, HM_SUPERSLAB_SIZE);

	ck_assert(hm_os_unmap(p, HM_SUPERSLAB_SIZE));
	return done;
}

/* Is there evidence for them, too? Not under a filter, as of a container. */
static bool learns_huge(void)
{
	return have_huge() && !hm_os_is_filtered();
}

START_TEST(huge_pages_for_what_is_dense)
{
	unsigned after = HM_ACE_HUGE_AFTER, asked;

	if (!learns_huge())
		return;

	use_slabs(after * HM_SLABS, 8);
	ck_assert_uint_eq(huge_superslabs(), 0);
	use_slabs(32 * HM_SLABS, 8);
	asked = huge_superslabs();
	/* All but one in eight. */
	ck_assert_uint_eq(asked, 28);
	/* It learns that the program has changed from these. */
	use_slabs(64 * HM_SLABS, 1);
	ck_assert_uint_le(huge_superslabs(), asked + 24);
	asked = huge_superslabs();
	use_slabs(32 * HM_SLABS, 1);
	ck_assert_uint_eq(huge_superslabs(), asked);
	hm_options.thp = HM_THP_NEVER;
	use_slabs(64 * HM_SLABS, 8);
	ck_assert_uint_eq(huge_superslabs(), asked);
}
END_TEST

/* A wave that goes by parts loses them, and the next one, when there was nothing, has them anew. */
START_TEST(huge_pages_begin_again)
{
	static struct hm_slab *s[3 * HM_ACE_HUGE_AFTER * HM_SLABS];
	unsigned n = sizeof s / sizeof s[0], first = 0;

	if (!learns_huge())
		return;
	hm_options.dirty_max = 0;
	for (unsigned wave = 0; wave < 2; wave++) {
		for (unsigned i = 0; i < n; i++)
			memset(hm_slab_start(s[i] = acquire(3)), 1, HM_SLAB_SIZE);
		if (wave == 0)
			first = huge_superslabs();
		ck_assert_uint_eq(counts().superslabs, n / HM_SLABS);
		ck_assert_uint_ge(huge_superslabs(), HM_ACE_HUGE_AFTER);
		for (unsigned i = 0; i < n; i++)
			hm_pool_release(s[i]);
		ck_assert_uint_eq(counts().purged, n / HM_SLABS);
		ck_assert_uint_lt(huge_superslabs(), first);
	}
}
END_TEST

/* What is prewarmed is in memory, used or not: it tells nothing, nor does it ask. */
START_TEST(prewarmed_is_no_evidence)
{
	unsigned n = 2 * HM_ACE_HUGE_AFTER;

	if (!learns_huge())
		return;
	ck_assert_uint_eq(hm_pool_prewarm(n), n);
	use_slabs(2 * n * HM_SLABS, 0);
	ck_assert_uint_eq(counts().superslabs, 2 * n);
	ck_assert_uint_eq(huge_superslabs(), 0);
}
END_TEST

/* One that is emptied and taken again and again does not push out the other witness. */
START_TEST(one_witness_comes_and_goes)
{
	struct hm_slab *all[HM_SLABS];

	if (!learns_huge())
		return;
	hm_options.dirty_max = 0;
	use_slabs((HM_ACE_HUGE_AFTER + 1) * HM_SLABS, 8);
	hm_os_fail_hook = refuse_mincore;
	for (unsigned i = 0; i < 4; i++) {
		for (unsigned k = 0; k < HM_SLABS; k++)
			all[k] = acquire(3);
		for (unsigned k = 0; k < HM_SLABS; k++)
			hm_pool_release(all[k]);
	}
	use_slabs(1, 1);
	hm_os_fail_hook = NULL;
	ck_assert_uint_eq(huge_superslabs(), 1);
	(void)acquire(hm_class_of(HM_SUPERSLAB_SIZE - HM_SLAB_SIZE));
	ck_assert_uint_eq(huge_superslabs(), 2);
}
END_TEST

/* Evidence is not asked for. */
START_TEST(huge_pages_always)
{
	hm_options.thp = HM_THP_ALWAYS;
	hm_os_fail_hook = refuse_mincore;
	use_slabs(3 * HM_SLABS, 1);
	ck_assert_uint_eq(huge_superslabs(), have_huge() ? 3 : 0);
}
END_TEST

/* Those that went by parts have them again; the last part went with all, table of pages and all. */
START_TEST(huge_pages_always_again)
{
	struct hm_slab *all[2 * HM_SLABS];

	if (!have_huge())
		return;
	hm_options.thp = HM_THP_ALWAYS;
	hm_options.dirty_max = 0;
	for (unsigned i = 0; i < 2 * HM_SLABS; i++)
		memset(hm_slab_start(all[i] = acquire(3)), 1, HM_SLAB_SIZE);
	for (unsigned i = 0; i < 2 * HM_SLABS; i++)
		hm_pool_release(all[i]);
	ck_assert_uint_eq(huge_superslabs(), 0);
	for (unsigned i = 0; i < 2 * HM_SLABS; i++)
		(void)acquire(3);
	ck_assert_uint_eq(counts().superslabs, 2);
	ck_assert_uint_eq(huge_superslabs(), 2);
}
END_TEST

/* The last part of what was all used goes with all, so that its table of pages goes, too. */
START_TEST(the_last_part_goes_with_all)
{
	struct hm_slab *all[HM_SLABS];
	uint64_t purges;

	for (unsigned i = 0; i < HM_SLABS; i++)
		memset(hm_slab_start(all[i] = acquire(3)), 1, HM_SLAB_SIZE);
	hm_options.dirty_max = 0;
	for (unsigned i = 0; i < HM_SLABS; i += 2)
		hm_pool_release(all[i]);
	hm_options.dirty_max = (size_t)1 << 30;
	for (unsigned i = 1; i < HM_SLABS; i += 2)
		hm_pool_release(all[i]);
	purges = hm_load_relaxed(&hm_os_counts.purges);
	ck_assert_uint_eq(hm_pool_purge_all(), HM_SLABS / 2 * HM_SLAB_SIZE);
	ck_assert_uint_eq(hm_load_relaxed(&hm_os_counts.purges), purges + 1);
	ck_assert_uint_eq(hm_pool_purge_all(), 0);
	ck_assert_uint_eq(hm_load_relaxed(&hm_os_counts.purges), purges + 1);
}
END_TEST

static struct hm_slab *meanwhile;

static bool acquire_meanwhile(const char *call)
{
	if (strcmp(call, "madvise") == 0 && meanwhile == NULL)
		meanwhile = acquire(3);
	return false;
}

/* While one thread asks for huge pages again, others have what is left of that superslab. */
START_TEST(shared_while_it_begins_again)
{
	struct hm_slab *all[2 * HM_SLABS], *s;

	hm_options.dirty_max = 0;
	for (unsigned i = 0; i < 2 * HM_SLABS; i++)
		all[i] = acquire(3);
	for (unsigned i = 0; i < 2 * HM_SLABS; i++)
		hm_pool_release(all[i]);
	hm_options.thp = HM_THP_ALWAYS;
	hm_os_fail_hook = acquire_meanwhile;
	s = acquire(3);
	hm_os_fail_hook = NULL;
	ck_assert_ptr_nonnull(meanwhile);
	ck_assert_ptr_eq(hm_superslab_of(meanwhile), hm_superslab_of(s));
	ck_assert_uint_eq(counts().empty, 1);
}
END_TEST

/* A huge page brought what was never used, too: when a part in use went back, that goes as well. */
START_TEST(a_broken_one_goes_whole)
{
	struct hm_slab *s = acquire(5), *t = acquire(5);
	struct hm_superslab *ss = hm_superslab_of(s);

	ck_assert_ptr_eq(hm_superslab_of(t), ss);
	for (unsigned round = 0; round < 2; round++) {
		/* By hand: emulators take the advice to populate, and do nothing. */
		memset(ss->base, 1, HM_SUPERSLAB_SIZE);
		hm_store_relaxed(&ss->huge, HM_HUGE_ASKED);
		hm_hole_refuse_huge(ss);
		ck_assert_uint_eq(huge_superslabs(), 0);
		hm_options.dirty_max = 0;
		if (round == 0)
			hm_pool_release(t);
		else
			hm_pool_purge_all();
		ck_assert_uint_eq(hm_os_resident(ss->base, HM_SUPERSLAB_SIZE), HM_SLAB_SIZE);
		ck_assert_uint_eq(hm_pool_purge_all(), 0);
	}
}
END_TEST

/* Without huge pages, or where they are forbidden, all is as if nobody had asked. */
START_TEST(advice_refused)
{
	unsigned claims[2] = { 0, 0 };

	hm_os_fail_hook = refuse_advice;
	for (unsigned thp = HM_THP_AUTO; thp <= HM_THP_ALWAYS; thp++) {
		hm_options.thp = thp;
		for (unsigned i = 0; i < 2 * HM_ACE_HUGE_AFTER * HM_SLABS; i++)
			memset(hm_slab_start(check_zero(3, claims)), 1, HM_SLAB_SIZE);
	}
	ck_assert_uint_eq(counts().superslabs, 3 * 2 * HM_ACE_HUGE_AFTER);
	ck_assert_uint_eq(huge_superslabs(), 0);
}
END_TEST

/*
 * A slab of a huge page that is touched brings the 31 beside it, of which nobody knows. All of it
 * goes when that slab does, and when others of it are in use.
 */
START_TEST(huge_pages_go_whole)
{
	struct hm_superslab *ss;
	struct hm_slab *s;

	if (!have_huge())
		return;
	use_slabs(9 * HM_SLABS, 8);
	hm_options.dirty_max = 0;
	s = acquire(3);
	ss = hm_superslab_of(s);
	for (unsigned i = 0; i < 2; i++) {
		if (i == 1) {
			s = acquire(3);
			use_slabs(1, 1);
		}
		ck_assert(hm_superslab_of(s) == ss);
		memset(hm_slab_start(s), 1, HM_SLAB_SIZE);
		hm_pool_release(s);
		ck_assert_uint_le(hm_os_resident(ss->base, HM_SUPERSLAB_SIZE), i * HM_SLAB_SIZE);
	}
	ck_assert(!hm_superslab_is_huge(ss));
}
END_TEST

static unsigned refusals;

static bool count_and_refuse(const char *call)
{
	refusals += strcmp(call, "madvise") == 0;
	return strcmp(call, "madvise") == 0;
}

/* Locked memory: a release asks once and leaves it. */
START_TEST(refused_once_a_release)
{
	static struct hm_slab *all[8 * HM_SLABS];

	for (unsigned i = 0; i < 8 * HM_SLABS; i++)
		all[i] = acquire(5);
	hm_options.dirty_max = 0;
	hm_os_fail_hook = count_and_refuse;
	for (unsigned i = 0; i < 8 * HM_SLABS; i += 2) {
		refusals = 0;
		hm_pool_release(all[i]);
		must(refusals == 1);
	}
}
END_TEST

/* What waits for long and is spared, being of huge pages, does not make what is young go. */
START_TEST(an_old_one_that_is_spared)
{
	static struct hm_slab *all[2 * HM_SLABS];
	struct timespec nap = { 0, 5 * 1000 * 1000 };

	for (unsigned i = 0; i < 2 * HM_SLABS; i++)
		all[i] = acquire(5);
	hm_store_relaxed(&hm_superslab_of(all[0])->huge, HM_HUGE_ASKED);
	hm_options.purge_delay = 100;
	for (unsigned i = 0; i < 2; i++)
		hm_pool_release(all[i]);
	for (unsigned i = 0; i < 30; i++)
		nanosleep(&nap, NULL);
	/* The clock is read at one release in 16. */
	for (unsigned i = 0; i < 17; i++) {
		hm_pool_release(all[HM_SLABS]);
		all[HM_SLABS] = acquire(5);
	}
	hm_options.purge_delay = 3600 * 1000;
	hm_pool_release(all[HM_SLABS]);
	ck_assert_uint_eq(counts().dirty, 3);
	ck_assert_uint_eq(hm_load_relaxed(&hm_os_counts.purges), 0);
}
END_TEST

/* A forked child asks for none before it has grown by itself, whatever its parent filled. */
START_TEST(no_huge_pages_for_a_child)
{
	unsigned after = HM_ACE_HUGE_AFTER, asked;

	if (!learns_huge())
		return;
	use_slabs((after + 8) * HM_SLABS, 8);
	asked = huge_superslabs();
	ck_assert_uint_gt(asked, 0);
	hm_pool_fork_take();
	hm_pool_fork_release(true);
	use_slabs(after * HM_SLABS, 8);
	ck_assert_uint_eq(huge_superslabs(), asked);
	use_slabs(after * HM_SLABS, 8);
	ck_assert_uint_gt(huge_superslabs(), asked);
}
END_TEST

int main(void)
{
	const TTest *tests[] = {
		masks, random_spans, class_is_checked, best_fit, recycling_across_classes,
		dirty_memory_is_bounded, dirty_memory_expires, dense_huge_pages_stay_whole,
		zero_flag_is_true, purge_all_purges_all_that_is_free, os_refuses, purge_refused,
		prewarm, no_huge_pages_for_what_is_sparse, huge_pages_for_what_is_dense,
		no_huge_pages_for_a_child, refused_once_a_release, an_old_one_that_is_spared,
		huge_pages_go_whole, huge_pages_begin_again, huge_pages_always, advice_refused,
		huge_pages_always_again, prewarmed_is_no_evidence, one_witness_comes_and_goes,
		the_last_part_goes_with_all, shared_while_it_begins_again, a_broken_one_goes_whole,
	};

	return SUPPORT_RUN("pool", tests);
}
