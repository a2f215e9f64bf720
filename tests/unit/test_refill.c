/*
 * test_refill.c - batch refills, spills and rotations of the thread's lists: the counts stay
 * right (lessons.md, L7), no block is lost or doubled (L3, L17), pairs never spill.
 */
#include "support.h"

#include "heap/cache.h"
#include "os/os.h"
#include "pool/pool.h"
#include "recount.h"

static uint64_t refills(void)
{
	return hm_load_relaxed(&hm_tls_heap->refills);
}

static uint64_t spills(void)
{
	return hm_load_relaxed(&hm_tls_heap->spills);
}

/* ---- L7 ---- */

#define SLOTS 4096

struct holder {
	void *p[SLOTS];
	size_t n;
	uint64_t state;
};

/* Some blocks of a class more, or some fewer; large ones and small ones. */
static void wander(struct holder *h)
{
	size_t some = 1 + support_below(&h->state, 60);
	unsigned classes = support_below(&h->state, 8) == 0 ? 44 : 36;
	unsigned cls = 20 + (unsigned)support_below(&h->state, classes - 20);

	if (support_below(&h->state, 16) == 0)
		cls %= 20;
	if (h->n + some <= SLOTS && support_below(&h->state, SLOTS) >= h->n) {
		for (; some > 0; some--) {
			char *p = support_alloc(cls);

			p[0] = p[hm_class_usable(cls) - 1] = 0x31;
			h->p[h->n++] = p;
		}
		return;
	}
	for (; some > 0 && h->n > 0; some--) {
		size_t k = support_below(&h->state, 3) == 0 ? support_below(&h->state, h->n) :
							      h->n - 1;

		hm_heap_free(h->p[k]);
		h->p[k] = h->p[--h->n];
	}
}

START_TEST(recount_after_many_refills)
{
	static const unsigned stops[] = { 100, 1000, 10000, 100000, 1000000 };
	static struct holder h;
	/* Full guards look at every byte and recount each slab at each refill. */
	unsigned most = support_times(HM_GUARDS == 2 ? 100000 : 1000000, 10000);

	h.state = support_seed;
	wander(&h);
	hm_heap_free(hm_heap_malloc(1));
	for (size_t i = 0; i < sizeof stops / sizeof stops[0] && stops[i] <= most; i++) {
		while (refills() < stops[i])
			wander(&h);
		recount(h.p, h.n);
	}
	while (h.n > 0)
		hm_heap_free(h.p[--h.n]);
	recount(NULL, 0);
	hm_heap_purge();
	recount_nothing_in_use();
}
END_TEST

/* ---- L3, L17 ---- */

struct set {
	void **p;
	size_t n;
};

/* Slabs of the class from which nothing is left to hand out: all their blocks are live. */
static struct set exhaust(unsigned cls, unsigned slabs)
{
	size_t most = (slabs + 1u) * hm_classes[cls].capacity;
	struct set all = { calloc(most, sizeof(void *)), 0 };
	struct hm_bin *bin;

	must(all.p != NULL);
	do {
		must(all.n < most);
		all.p[all.n++] = support_alloc(cls);
		bin = &hm_tls_heap->bins[cls];
	} while (all.n < (size_t)slabs * hm_classes[cls].capacity || bin->bump_left > 0 ||
		 hm_tls_heap->sll[cls].head.p != NULL);
	support_sort(all.p, all.n);
	return all;
}

/* Sorted apart: the first block of each slab stays live, so that no slab goes. */
static size_t pin(struct set *all, void **pinned)
{
	struct hm_slab *last = NULL;
	size_t n = 0, rest = 0;

	for (size_t i = 0; i < all->n; i++) {
		struct hm_slab *s = support_slab_of(all->p[i]);

		if (s != last)
			pinned[n++] = all->p[i];
		else
			all->p[rest++] = all->p[i];
		last = s;
	}
	all->n = rest;
	return n;
}

static void free_all(const struct set *all)
{
	for (size_t i = 0; i < all->n; i++)
		hm_heap_free(all->p[i]);
}

static void *free_in_thread(void *arg)
{
	free_all(arg);
	return NULL;
}

enum how { BY_OWNER, BY_ANOTHER, BY_OWNER_WITH_PURGE, IN_ORDER, HOWS };

static void give_back(struct set *all, enum how how, uint64_t *state)
{
	if (how != IN_ORDER)
		support_shuffle(all->p, all->n, state);
	if (how == BY_ANOTHER)
		support_in_thread(free_in_thread, all);
	else
		free_all(all);
	if (how == BY_OWNER_WITH_PURGE)
		hm_release_caches(hm_tls_heap);
}

/* Freed, and as many allocated again: the very same blocks. */
static void same_again(unsigned cls, enum how how, uint64_t *state)
{
	struct set all = exhaust(cls, 3);
	void *pinned[8];
	size_t pins = pin(&all, pinned);
	void **again = calloc(all.n + 1, sizeof *again);
	uint64_t spans = recount_spans();

	must(again != NULL && pins <= 8);
	for (int round = 0; round < 3; round++) {
		give_back(&all, how, state);
		recount(pinned, pins);
		for (size_t i = 0; i < all.n; i++)
			again[i] = support_alloc(cls);
		must_say(recount_spans() == spans, "class %u: freed blocks were not found", cls);
		support_sort(again, all.n);
		support_sort(all.p, all.n);
		must_say(memcmp(again, all.p, all.n * sizeof *again) == 0,
			 "class %u: other blocks came back", cls);
	}
	give_back(&all, BY_OWNER, state);
	for (size_t i = 0; i < pins; i++)
		hm_heap_free(pinned[i]);
	hm_release_caches(hm_tls_heap);
	recount_nothing_in_use();
	free(again);
	free(all.p);
}

START_TEST(the_same_blocks_come_back)
{
	uint64_t state = support_seed;

	for (unsigned cls = 0; cls < HM_CLASSES; cls++)
		for (unsigned how = 0; how < HOWS; how++)
			if (support_class_in_use(cls))
				same_again(cls, (enum how)how, &state);
}
END_TEST

/* Any number of blocks from one up: cached or not, all can be had again. */
START_TEST(any_number_comes_back)
{
	static void *p[700];
	uint64_t state = support_seed;

	for (unsigned cls = 0; cls < HM_CLASSES; cls++) {
		unsigned most = cls < 40 ? support_times(700, 60) : 20;
		uint64_t spans = 0;

		for (unsigned n = 1; n <= most; n += 1 + n / 8) {
			for (unsigned round = 0; round < 4; round++) {
				for (unsigned i = 0; i < n; i++)
					p[i] = support_alloc(cls);
				if (round == 0)
					spans = recount_spans();
				must_say(recount_spans() <= spans, "class %u: %u blocks", cls, n);
				support_shuffle(p, n, &state);
				for (unsigned i = 0; i < n; i++)
					hm_heap_free(p[i]);
			}
		}
		recount(NULL, 0);
	}
}
END_TEST

/* ---- The budget ---- */

/* `depth` mallocs, then as many frees: the last freed first again, and never a slow road home. */
static void pairs(unsigned cls, unsigned depth, unsigned times)
{
	void *p[16], *again;
	uint64_t before = 0, spans = 0;
	/* A look after 16 of them; the budget of one class may have to wait for others' to go. */
	unsigned settled = 400 + 40 * hm_classes[cls].budget / (depth + 1);

	for (unsigned t = 0; t < settled + times; t++) {
		for (unsigned i = 0; i < depth; i++)
			p[i] = support_alloc(cls);
		for (unsigned i = depth; i-- > 0;)
			hm_heap_free(p[i]);
		again = support_alloc(cls);
		must_say(again == p[0] || t < settled, "class %u: not the block freed last", cls);
		hm_heap_free(again);
		if (t == settled) {
			before = spills();
			spans = hm_load_relaxed(&hm_tls_heap->given_up) + recount_spans();
		}
	}
	must_say(spills() == before, "class %u, depth %u: %" PRIu64 " spills", cls, depth,
		 spills() - before);
	/* Other classes' may go. */
	must(hm_load_relaxed(&hm_tls_heap->given_up) + recount_spans() <= spans);
}

START_TEST(pairs_never_spill)
{
	unsigned times = support_times(20000, 2000);

	for (unsigned cls = 0; cls < HM_CLASSES; cls++) {
		unsigned budget = hm_classes[cls].budget;

		if (!support_class_in_use(cls))
			continue;
		pairs(cls, 1, times);
		if (budget >= 8)
			pairs(cls, budget >= 64 ? 16 : budget / 4, times / 8);
	}
	recount(NULL, 0);
}
END_TEST

/* The same after the lists were filled: what lies in them does not make pairs spill for ever. */
START_TEST(pairs_on_full_lists)
{
	for (unsigned cls = 0; cls < 40; cls++) {
		static void *p[1000];

		if (!support_class_in_use(cls))
			continue;
		for (unsigned i = 0; i < 1000; i++)
			p[i] = support_alloc(cls);
		for (unsigned i = 0; i < 1000; i++)
			hm_heap_free(p[i]);
		pairs(cls, 1, support_times(20000, 4000));
	}
	recount(NULL, 0);
}
END_TEST

/* ---- One look at the lists ---- */

static unsigned length(struct hm_base b, unsigned cls)
{
	unsigned n = 0;

	for (; b.p != NULL; b = hm_link_get(b, hm_class_is_tiny(cls)))
		n++;
	return n;
}

/* n blocks freed, whatever the budget. */
static void free_to_front(struct hm_sll *sll, void **p, unsigned n)
{
	sll->budget = INT32_MAX;
	for (unsigned i = 0; i < n; i++)
		hm_heap_free(p[i]);
}

/* A short front only re-arms; a long one becomes the back, the old back goes, in steps. */
static void rotate(unsigned cls)
{
	struct hm_sll *sll = &hm_tls_heap->sll[cls];
	struct hm_bin *bin = &hm_tls_heap->bins[cls];
	unsigned budget = bin->budget = hm_classes[cls].budget, first = budget + 500, n = 0;
	unsigned all = first + budget + 100;
	uint64_t before = spills();
	static void *p[5000];

	ck_assert_uint_le(all, 5000);
	/* No look for holes, which would send all lists home. */
	hm_tls_heap->freed_max = hm_tls_heap->turned_max = SIZE_MAX;
	for (unsigned i = 0; i < all; i++)
		p[i] = support_alloc(cls);
	must(sll->head.p == NULL && bin->back.p == NULL);
	free_to_front(sll, p, first);
	hm_release_spill(hm_tls_heap, cls);
	must(sll->head.p == NULL && length(bin->back, cls) == first && spills() == before);
	must(sll->budget == (int32_t)budget - 1);
	free_to_front(sll, p + first, budget - 1);
	hm_release_spill(hm_tls_heap, cls);
	must(length(sll->head, cls) == budget - 1 && length(bin->back, cls) == first);
	must(spills() == before && sll->budget == (int32_t)budget - 1);
	free_to_front(sll, p + first + budget - 1, 2);
	/* At most 256 blocks a call, and the next one soon while there are more. */
	for (unsigned left = first; left > 0; left = n) {
		bin->mark.p = NULL;
		hm_release_spill(hm_tls_heap, cls);
		n = left > 256 ? left - 256 : 0;
		must(spills() == ++before);
		must(sll->budget == (int32_t)(n > 0 && budget > 128 ? 128 : budget) - 1);
		must(length(bin->back, cls) == (n > 0 ? n : budget + 1));
		must(length(sll->head, cls) == (n > 0 ? budget + 1 : 0));
	}
	n = first + budget + 1;
	recount(p + n, all - n);
	for (; n < all; n++)
		hm_heap_free(p[n]);
}

START_TEST(rotation)
{
	for (unsigned cls = 0; cls < 40; cls++) {
		if (!support_class_in_use(cls) || hm_classes[cls].budget < 2)
			continue;
		hm_heap_free(hm_heap_malloc(1));
		hm_release_caches(hm_tls_heap);
		rotate(cls);
	}
}
END_TEST

/* The budget is spent: does some of the back go home? */
static bool spills_some(struct hm_heap *h, unsigned cls)
{
	uint64_t before = spills();

	h->bins[cls].mark.p = NULL;
	hm_release_spill(h, cls);
	return spills() > before;
}

static void shorten_front(struct hm_heap *h, unsigned cls, unsigned n)
{
	while (length(h->sll[cls].head, cls) > n)
		(void)support_alloc(cls);
}

/*
 * Once a part of the back has gone, a front of more than 32 is enough for the next; after one that
 * was shorter, it has to be as long as a budget again.
 */
START_TEST(back_stays_after_all)
{
	unsigned cls = hm_class_of(16), budget, n = 0;
	struct hm_heap *h;
	static void *p[6000];

	hm_heap_free(hm_heap_malloc(1));
	h = hm_tls_heap;
	hm_release_caches(h);
	h->freed_max = h->turned_max = SIZE_MAX;
	budget = h->bins[cls].budget = hm_classes[cls].budget;
	ck_assert_uint_gt(budget, 512);
	for (; n < 2 * budget + 600; n++)
		p[n] = support_alloc(cls);
	free_to_front(&h->sll[cls], p, budget);
	ck_assert(!spills_some(h, cls));
	free_to_front(&h->sll[cls], p + budget, budget + 1);
	ck_assert(spills_some(h, cls));
	shorten_front(h, cls, 33);
	ck_assert(spills_some(h, cls));
	shorten_front(h, cls, 32);
	ck_assert(!spills_some(h, cls));
	ck_assert_int_eq(h->sll[cls].budget, (int32_t)budget - 1);
	free_to_front(&h->sll[cls], p + 2 * budget + 1, 500);
	ck_assert(!spills_some(h, cls));
	ck_assert_ptr_nonnull(h->bins[cls].back.p);
}
END_TEST

/* ---- Refusals ---- */

static bool refuse(const char *call)
{
	(void)call;
	return true;
}

START_TEST(os_refuses)
{
	static void *p[200000];
	size_t n = 0;

	p[n++] = support_alloc(20);
	hm_os_fail_hook = refuse;
	while ((p[n] = hm_heap_malloc(hm_class_usable((unsigned)n % 20))) != NULL)
		n++;
	must(n > 40 && n < 190000);
	recount(p, n);
	/* What is freed can be had again. */
	hm_heap_free(p[--n]);
	p[n] = hm_heap_malloc(hm_class_usable((unsigned)n % 20));
	must(p[n] != NULL);
	n++;
	hm_os_fail_hook = NULL;
	for (unsigned i = 0; i < 100; i++)
		p[n++] = support_alloc(i % HM_CLASSES);
	recount(p, n);
	while (n > 0)
		hm_heap_free(p[--n]);
	hm_heap_purge();
	recount_nothing_in_use();
}
END_TEST

/* ---- Threads ---- */

static struct {
	_Atomic(void *) box[1024];
	unsigned rounds;
} common;

static void *exchanger(void *arg)
{
	uint64_t state = support_seed + (uintptr_t)arg;

	for (unsigned i = 0; i < common.rounds; i++) {
		unsigned most = support_below(&state, 32) == 0 ? 44 : 20;
		void *p = support_alloc((unsigned)support_below(&state, most));

		hm_heap_free(hm_swap_acq_rel(&common.box[support_below(&state, 1024)], p));
		if (support_below(&state, 4) == 0)
			hm_heap_free(hm_swap_acq_rel(&common.box[support_below(&state, 1024)],
						     NULL));
	}
	return NULL;
}

START_TEST(recount_after_exchanges)
{
	for (size_t t = 0; t < SUPPORT_THREAD_COUNTS; t++) {
		void *live[1024];
		size_t n = 0;

		common.rounds = support_times(1000000, 20000) / support_threads[t];
		support_run_threads(support_threads[t], exchanger);
		for (size_t i = 0; i < 1024; i++)
			if (hm_load_relaxed(&common.box[i]) != NULL)
				live[n++] = hm_load_relaxed(&common.box[i]);
		recount(live, n);
	}
	for (size_t i = 0; i < 1024; i++)
		hm_heap_free(hm_load_relaxed(&common.box[i]));
	hm_heap_purge();
	recount_nothing_in_use();
}
END_TEST

int main(void)
{
	const TTest *tests[] = { recount_after_many_refills, the_same_blocks_come_back,
				 any_number_comes_back, pairs_never_spill, pairs_on_full_lists,
				 rotation, back_stays_after_all, os_refuses,
				 recount_after_exchanges };

	return SUPPORT_RUN("refill", tests);
}
