/*
 * test_budget.c - how much of each class a thread keeps: little at first, more for what it asks
 * back, within a bound; what rests goes home.
 */
#include "support.h"

#include "heap/budget.h"
#include "heap/thread.h"
#include "policy/ace.h"
#include "policy/options.h"
#include "pool/in_use.h"
#include "pool/pool.h"
#include "recount.h"
#include "slab/hole.h"

static struct hm_bin *bin_of(unsigned cls)
{
	return &hm_tls_heap->bins[cls];
}

static unsigned length(struct hm_base b, unsigned cls)
{
	unsigned n = 0;

	for (; b.p != NULL; b = hm_link_get(b, hm_class_is_tiny(cls)))
		n++;
	return n;
}

static size_t cached(unsigned cls)
{
	return length(hm_tls_heap->sll[cls].head, cls) + length(bin_of(cls)->back, cls);
}

static size_t sum(void)
{
	size_t bytes = 0;

	for (unsigned cls = 0; cls < HM_CLASSES; cls++)
		if (hm_classes[cls].capacity > 1)
			bytes += bin_of(cls)->budget * (size_t)hm_classes[cls].stride;
	return bytes;
}

static void *p[20000];

static void alloc_and_free(unsigned cls, unsigned n)
{
	for (unsigned i = 0; i < n; i++)
		p[i] = support_alloc(cls);
	for (unsigned i = 0; i < n; i++)
		hm_heap_free(p[i]);
}

/* A heap whose holes nobody looks for, which would send all lists home. */
static void begin(void)
{
	hm_heap_free(hm_heap_malloc(1));
	hm_heap_purge();
	hm_budget_reset(hm_tls_heap);
	hm_tls_heap->freed_max = hm_tls_heap->turned_max = SIZE_MAX;
}

/* Everything freed once: nothing was asked back, and little is kept. */
START_TEST(little_at_first)
{
	begin();
	for (unsigned cls = 0; cls < HM_CLASSES; cls++) {
		size_t most = 4 * (size_t)hm_classes[cls].first;

		if (!support_class_in_use(cls))
			continue;
		must(bin_of(cls)->budget == hm_classes[cls].first);
		alloc_and_free(cls, hm_classes[cls].capacity + 5u);
		must_say(cached(cls) <= most, "class %u: %zu blocks are kept", cls, cached(cls));
		must(bin_of(cls)->budget == hm_classes[cls].first);
	}
	must(hm_tls_heap->budgets == sum());
	must(hm_tls_heap->budgets <= (size_t)64 << 10);
}
END_TEST

/* The same again and again: what went home is wanted, until all of it is kept. */
START_TEST(grows_with_demand)
{
	for (unsigned cls = 0; cls < HM_CLASSES; cls++) {
		unsigned budget = hm_classes[cls].budget;
		uint64_t before = 0;

		if (!support_class_in_use(cls))
			continue;
		begin();
		for (unsigned i = 0; i < 200; i++)
			alloc_and_free(cls, budget);
		must_say(bin_of(cls)->budget >= budget / 4, "class %u: budget is %u of %u", cls,
			 bin_of(cls)->budget, budget);
		for (unsigned i = 0; i < 400; i++) {
			if (i == 200)
				before = hm_load_relaxed(&hm_tls_heap->spills);
			alloc_and_free(cls, budget / 2 == 0 ? 1 : budget / 2);
		}
		must_say(hm_load_relaxed(&hm_tls_heap->spills) == before,
			 "class %u spills what it wants", cls);
		must(hm_tls_heap->budgets == sum());
	}
}
END_TEST

/* One class after another: by the time that it comes back, what it spilled served others. */
START_TEST(no_growth_in_turns)
{
	begin();
	for (unsigned round = 0; round < 20; round++)
		for (unsigned cls = 8; cls < HM_TINY_CLASSES; cls++)
			alloc_and_free(cls, 2u * hm_classes[cls].capacity);
	must_say(hm_tls_heap->budgets <= (size_t)256 << 10, "%zu bytes of budgets",
		 hm_tls_heap->budgets);
	must(hm_tls_heap->budgets == sum());
}
END_TEST

/* All classes at once: the sum stays within its bound, and a new one takes over from others. */
START_TEST(bounded)
{
	size_t max = hm_ace_cache_max(hm_heaps_in_use()), one_each = 0;
	uint64_t state = support_seed;
	unsigned budget;

	begin();
	for (unsigned cls = 0; cls < HM_CLASSES; cls++)
		if (hm_classes[cls].capacity > 1 && hm_classes[cls].first == 0)
			one_each += hm_classes[cls].stride;
	for (unsigned i = 0; i < 40000; i++) {
		unsigned cls = (unsigned)support_below(&state, HM_CLASSES - 2);

		if (support_class_in_use(cls))
			alloc_and_free(cls, 1u + (unsigned)support_below(&state, 20));
		must(hm_tls_heap->budgets <= max + one_each);
	}
	must(hm_tls_heap->budgets == sum() && hm_tls_heap->budgets > max / 2);
	recount(NULL, 0);
	for (unsigned i = 0; i < 2000; i++)
		alloc_and_free(30, hm_classes[30].budget);
	budget = bin_of(30)->budget;
	must_say(budget >= hm_classes[30].budget / 4, "budget %u", budget);
	recount(NULL, 0);
}
END_TEST

START_TEST(sweeps)
{
	begin();
	for (unsigned i = 0; i < 200; i++)
		alloc_and_free(10, hm_classes[10].budget);
	must(bin_of(10)->budget > hm_classes[10].first && cached(10) > 0);
	hm_budget_sweep(hm_tls_heap);
	must(cached(10) > 0); /* it was active */
	hm_budget_sweep(hm_tls_heap);
	must(cached(10) == 0 && bin_of(10)->budget == hm_classes[10].first);
	must(hm_tls_heap->budgets == sum());
	recount(NULL, 0);
}
END_TEST

/* However many heaps share the bound, a malloc and a free in turns never go to the pool. */
START_TEST(one_of_each)
{
	hm_options.dirty_max = 0;
	for (unsigned cls = 0; cls < HM_CLASSES; cls++) {
		uint64_t before = 0;

		if (!support_class_in_use(cls))
			continue;
		begin();
		hm_tls_heap->budgets = SIZE_MAX / 2;
		for (unsigned i = 0; i < 100; i++) {
			if (i == 20)
				before = hm_load_relaxed(&hm_tls_heap->spills);
			hm_heap_free(support_alloc(cls));
		}
		must_say(hm_load_relaxed(&hm_tls_heap->spills) == before, "class %u spills", cls);
	}
}
END_TEST

/* Without learning budgets are as large as they get from the start, whatever happens. */
START_TEST(fixed)
{
	hm_options.ace = HM_ACE_OFF;
	begin();
	for (unsigned round = 0; round < 3; round++) {
		for (unsigned cls = 0; cls < HM_CLASSES; cls++) {
			if (!support_class_in_use(cls))
				continue;
			alloc_and_free(cls, hm_classes[cls].capacity + 5u);
			must(bin_of(cls)->budget == hm_classes[cls].budget);
		}
	}
	must(hm_tls_heap->budgets == sum());
	must(hm_ace_patience(3, 100, 100) == 0);
	/* One that was made before the option was known. */
	hm_options.ace = HM_ACE_ON;
	begin();
	hm_options.ace = HM_ACE_OFF;
	for (unsigned i = 0; i < 20; i++)
		alloc_and_free(20, hm_classes[20].budget);
	must(bin_of(20)->budget == hm_classes[20].budget);
	hm_options.ace = HM_ACE_ON;
}
END_TEST

/* ---- The policy ---- */

START_TEST(bounds)
{
	size_t last = SIZE_MAX, least = SIZE_MAX;

	for (unsigned heaps = 0; heaps < 100000; heaps = heaps * 2 + 1) {
		must(hm_ace_cache_max(heaps) <= last && hm_ace_cache_max(heaps) >= 64 << 10);
		last = hm_ace_cache_max(heaps);
		must(hm_ace_look_least(heaps) <= least && hm_ace_look_least(heaps) > 0);
		least = hm_ace_look_least(heaps);
		must(hm_ace_look_after(0, 0, heaps) >= least);
		must(hm_ace_look_after(SIZE_MAX / 2, 0, heaps) >= SIZE_MAX / 16);
	}
	must(last + least <= 256 << 10);
}
END_TEST

START_TEST(patience_grows)
{
	unsigned patience = 0;

	must(hm_ace_patience(0, 0, 0) == 0 && hm_ace_patience(3, 0, 100) == 3);
	must(hm_ace_patience(0, 100, 49) == 0 && hm_ace_patience(0, 100, 50) == 1);
	must(hm_ace_patience(2, 800, 100) == 2 && hm_ace_patience(2, 800, 99) == 1);
	for (unsigned i = 0; i < 100; i++)
		patience = hm_ace_patience(patience, 1, 1);
	must(patience == 10);
	for (unsigned i = 0; i < 100; i++)
		patience = hm_ace_patience(patience, 100, 0);
	must(patience == 0);
}
END_TEST

START_TEST(patience_is_bounded)
{
	size_t dirty_max = hm_option_bytes(hm_options.dirty_max);
	const size_t many = (size_t)1 << (sizeof(size_t) > 4 ? 40 : 31);

	for (unsigned patience = 0; patience <= 10; patience++) {
		size_t last = 0;

		for (size_t after = 1; after < many; after *= 2) {
			size_t n = hm_ace_look_patiently(after, patience, 0, 2);

			must(n >= after && n <= (uint64_t)after << patience && n >= last);
			must(n <= dirty_max / 2 || n == after);
			last = n;
		}
		must(hm_ace_look_patiently(1 << 20, patience, many, 1) ==
		     (size_t)1 << (20 + patience));
	}
}
END_TEST

/*
 * Most of a class goes, a block in sixteen stays; the heap has learned that what it purges is
 * wanted again. Bytes of holes that it makes all the same, when after each some frees the class
 * is asked for blocks, or is not.
 */
static size_t holes_made(bool asked)
{
	unsigned cls = hm_class_of(1000), n = sizeof(p) / sizeof(p[0]);
	struct hm_heap *h;
	size_t holes;

	hm_heap_free(hm_heap_malloc(1));
	hm_heap_purge();
	h = hm_tls_heap;
	h->freed_max = 1;
	h->turned_max = SIZE_MAX;
	h->patience = 10;
	h->rest_patience = 0;
	for (unsigned i = 0; i < n; i++)
		p[i] = support_alloc(cls);
	holes = hm_hole_bytes();
	for (unsigned i = 0; i < n; i++) {
		if (i % 16 != 0)
			hm_heap_free(p[i]);
		if (asked)
			bin_of(cls)->rests = 0; /* as by a refill */
	}
	holes = hm_hole_bytes() - holes;
	for (unsigned i = 0; i < n; i += 16)
		hm_heap_free(p[i]);
	return holes;
}

START_TEST(resting_class)
{
	size_t all = sizeof(p) / sizeof(p[0]) * 1000, rests, asked;

	hm_options.thp = HM_THP_NEVER;
	asked = holes_made(true);
	rests = holes_made(false);
	must_say(asked == 0, "%zu bytes of a class that is asked for blocks", asked);
	must_say(HM_GUARDS == 2 || rests > all / 2, "%zu of %zu bytes", rests, all);
}
END_TEST

/*
 * So many times as much goes as two looks at classes that rest take, the first of which finds that
 * the class was asked for blocks, and then is wanted back. Bytes of holes that were made.
 */
static size_t circles(unsigned times)
{
	unsigned cls = hm_class_of(1000), n = sizeof(p) / sizeof(p[0]);
	uint64_t before = hm_load_relaxed(&hm_tls_heap->holed);

	for (unsigned round = 0; round < times; round++) {
		size_t each = hm_ace_look_after(hm_in_use_bytes(), hm_tls_heap->seen, 1) / 4;
		unsigned most = (unsigned)(each * 5 / 2 / hm_classes[cls].stride) / 15 * 16;

		must(most <= n);
		hm_tls_heap->freed_max = 1;
		hm_tls_heap->rested = hm_tls_heap->freed;
		for (unsigned i = 0; i < most; i++)
			if (i % 16 != 0)
				hm_heap_free(p[i]);
		for (unsigned i = 0; i < most; i++)
			if (i % 16 != 0)
				p[i] = support_alloc(cls);
	}
	return (size_t)(hm_load_relaxed(&hm_tls_heap->holed) - before);
}

static void circle(size_t *first, size_t *later)
{
	unsigned cls = hm_class_of(1000), n = sizeof(p) / sizeof(p[0]);

	hm_options.thp = HM_THP_NEVER;
	begin();
	hm_tls_heap->patience = 10;
	hm_tls_heap->rest_patience = 0;
	hm_tls_heap->rest_purged = hm_tls_heap->rest_wanted = 0;
	for (unsigned i = 0; i < n; i++)
		p[i] = support_alloc(cls);
	*first = circles(4);
	(void)circles(16);
	*later = circles(4);
	for (unsigned i = 0; i < n; i++)
		hm_heap_free(p[i]);
}

/* Looks at classes that rest have a patience of their own. */
START_TEST(resting_in_circles)
{
	size_t first, later;

	circle(&first, &later);
	must_say(HM_GUARDS == 2 || (first > 0 && later < first / 4), "%zu, then %zu bytes", first,
		 later);
	recount(NULL, 0);
}
END_TEST

START_TEST(resting_without_patience)
{
	size_t first, later;

	hm_options.ace = HM_ACE_OFF;
	circle(&first, &later);
	must_say(HM_GUARDS == 2 || later > first / 2, "%zu, then %zu bytes", first, later);
	hm_options.ace = HM_ACE_ON;
	begin();
}
END_TEST

int main(void)
{
	const TTest *tests[] = { little_at_first, grows_with_demand, no_growth_in_turns,
				 bounded,	  sweeps,	     bounds,
				 patience_grows,  patience_is_bounded, one_of_each,
				 fixed,		  resting_class, resting_in_circles,
				 resting_without_patience };

	return SUPPORT_RUN("budget", tests);
}
