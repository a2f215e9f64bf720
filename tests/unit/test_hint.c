/*
 * test_hint.c - a free finds the right slab whatever the thread freed into before: memory that
 * has changed its class, its owner or its kind since (lessons.md, L10). Both with the hint box
 * and without: the tests look at results only.
 */
#include "support.h"

#include "os/os.h"
#include "policy/options.h"
#include "pool/large.h"
#include "pool/pool.h"
#include "recount.h"
#include "space/registry.h"

#include "death.h"

/* Makes p's superslab, and what lies around it, the one freed into last. */
static void point_at(unsigned cls)
{
	void *p = support_alloc(cls);

	hm_heap_free(p);
	p = support_alloc(cls);
	hm_heap_free(p);
}

/* A block of `cls` freed right behind a use of `first` in the same memory. */
static void other_class(unsigned first, unsigned cls)
{
	static void *p[HM_SLAB_SIZE / HM_ALIGN];
	uintptr_t base;
	unsigned n = hm_classes[first].capacity;

	for (unsigned i = 0; i < n; i++)
		p[i] = support_alloc(first);
	base = hm_superslab_base(p[0]);
	for (unsigned i = 0; i < n; i++)
		hm_heap_free(p[i]);
	hm_release_caches(hm_tls_heap);
	recount_nothing_in_use();
	/* The same memory, another class; the hint was left by frees of the first. */
	n = hm_classes[cls].capacity;
	for (unsigned i = 0; i < n; i++)
		p[i] = support_alloc(cls);
	must(hm_superslab_base(p[0]) == base);
	for (unsigned i = 0; i < n; i++)
		hm_heap_free(p[i]);
	recount(NULL, 0);
	hm_release_caches(hm_tls_heap);
	recount_nothing_in_use();
}

START_TEST(memory_of_another_class)
{
	for (unsigned a = 0; a < HM_CLASSES; a += 3)
		for (unsigned b = 1; b < HM_CLASSES; b += 5)
			if (support_class_in_use(a) && support_class_in_use(b))
				other_class(a, b);
}
END_TEST

/* ---- The thread's last slab has become another thread's ---- */

static struct {
	pthread_barrier_t gate;
	unsigned mine, theirs;
	void *p[2000];
	unsigned n;
} handed;

static void *first_owner(void *arg)
{
	(void)arg;
	point_at(handed.mine);
	hm_release_caches(hm_tls_heap);
	pthread_barrier_wait(&handed.gate);
	/* The other thread takes the memory. */
	pthread_barrier_wait(&handed.gate);
	for (unsigned i = 0; i < handed.n; i += 2)
		hm_heap_free(handed.p[i]);
	point_at(handed.mine);
	for (unsigned i = 1; i < handed.n; i += 2)
		hm_heap_free(handed.p[i]);
	return NULL;
}

START_TEST(memory_of_another_thread)
{
	static const unsigned classes[][2] = { { 1, 1 }, { 1, 9 }, { 9, 1 }, { 31, 3 }, { 3, 40 },
					       { 40, 3 }, { 61, 3 }, { 50, 62 } };

	must(pthread_barrier_init(&handed.gate, NULL, 2) == 0);
	for (size_t k = 0; k < sizeof classes / sizeof classes[0]; k++) {
		pthread_t t;

		handed.mine = classes[k][0];
		handed.theirs = classes[k][1];
		must(pthread_create(&t, NULL, first_owner, NULL) == 0);
		pthread_barrier_wait(&handed.gate);
		handed.n = handed.theirs < 32 ? 2000 : 20;
		for (unsigned i = 0; i < handed.n; i++)
			handed.p[i] = support_alloc(handed.theirs);
		pthread_barrier_wait(&handed.gate);
		pthread_join(t, NULL);
		recount(NULL, 0);
		hm_heap_purge();
		recount_nothing_in_use();
	}
	pthread_barrier_destroy(&handed.gate);
}
END_TEST

/* ---- Large blocks come and go at addresses near and equal ---- */

#define LARGE ((size_t)3 << 20)

static bool in_superslab(const void *p)
{
	return hm_registry_get(p) == HM_REG_SUPERSLAB;
}

START_TEST(large_among_small)
{
	uint64_t state = support_seed;
	unsigned times = support_times(3000, 300);

	for (unsigned i = 0; i < times; i++) {
		void *small = support_alloc((unsigned)support_below(&state, 32));
		char *large = hm_heap_malloc(LARGE + support_below(&state, LARGE));
		void *again;

		must(large != NULL && hm_large_find(large) != NULL && !in_superslab(large));
		large[0] = large[LARGE - 1] = 1;
		hm_heap_free(small);
		hm_heap_free(large);
		if (i % 3 == 0)
			hm_heap_purge();
		again = support_alloc((unsigned)support_below(&state, HM_CLASSES));
		must(in_superslab(again));
		hm_heap_free(again);
	}
	recount(NULL, 0);
}
END_TEST

/* Addresses that were a large block's become a superslab's. */
START_TEST(superslab_where_a_large_block_was)
{
	static char *was[64];
	static void *p[64 * HM_SLABS];
	unsigned n = 0, met = 0;
	unsigned whole = hm_class_of(HM_MEDIUM_REQUEST_MAX);

	point_at(3);
	for (unsigned i = 0; i < 64; i++)
		was[i] = hm_heap_malloc(LARGE);
	for (unsigned i = 0; i < 64; i++)
		hm_heap_free(was[i]);
	hm_heap_purge();
	for (unsigned i = 0; i < 64; i++)
		must(hm_registry_get(was[i]) == HM_REG_NONE);
	/* The kernel gives the lowest hole that fits, below what is in use, again. */
	for (unsigned i = 0; i < 200 && met < 4; i++) {
		p[n++] = support_alloc(whole);
		for (unsigned k = 0; k < 64; k++)
			met += hm_superslab_base(was[k]) == hm_superslab_base(p[n - 1]);
	}
	printf("test_hint: %u superslabs where large blocks were\n", met);
	while (n > 0)
		hm_heap_free(p[--n]);
	for (unsigned i = 0; i < 20000; i++)
		hm_heap_free(support_alloc(i % 32));
	recount(NULL, 0);
	hm_heap_purge();
	recount_nothing_in_use();
}
END_TEST

/* A superslab stays one: nothing ever takes its address for another use. */
static void still_registered(struct hm_superslab *ss, void *arg)
{
	(void)arg;
	must(hm_registry_get(ss->base) == HM_REG_SUPERSLAB);
	must(hm_load_relaxed(&ss->free_mask) == UINT32_MAX);
}

START_TEST(superslabs_stay)
{
	void *large[64];
	struct hm_pool_counts c;

	hm_options.dirty_max = 0;
	for (unsigned i = 0; i < 3000; i++)
		hm_heap_free(support_alloc(i % HM_CLASSES));
	hm_heap_purge();
	hm_pool_get_counts(&c);
	ck_assert_uint_ge(c.superslabs, 1);
	for (unsigned i = 0; i < 64; i++) {
		large[i] = hm_heap_malloc(LARGE);
		must(!in_superslab(large[i]));
	}
	hm_pool_each(still_registered, NULL);
	for (unsigned i = 0; i < 64; i++)
		hm_heap_free(large[i]);
	hm_pool_each(still_registered, NULL);
}
END_TEST

/* ---- Pointers whose memory is nobody's, or another's, seen through a warm hint ---- */

static void free_it(void *p)
{
	point_at(5);
	hm_heap_free(p);
}

static void must_die(void *p, const char *part)
{
	char text[512], pointer[40];

	snprintf(pointer, sizeof pointer, "pointer=%p", p);
	must_say(death_of(free_it, p, text, sizeof text), "survived; said: %s", text);
	must_say(death_said(text, "hakmem: free(): ", part), "said: %s", text);
	must_say(strstr(text, pointer) != NULL, "said: %s", text);
}

START_TEST(stale_pointers_die)
{
	static void *p[HM_SLAB_SIZE / HM_ALIGN];
	void *large = hm_heap_malloc(LARGE), *shifted = hm_heap_memalign(HM_SUPERSLAB_SIZE, 100);
	unsigned cls = 7, n = hm_classes[7].capacity;
	void *keep = support_alloc(5);
	static const unsigned bits[] = { 32, 46, 63 };

	for (unsigned i = 0; i < n; i++)
		p[i] = support_alloc(cls);
	for (unsigned i = 0; i < n; i++)
		hm_heap_free(p[i]);
	hm_release_caches(hm_tls_heap);
	/* Its slab is free. */
	must_die(p[n / 2], "slab is free");
	hm_heap_free(large);
	hm_heap_free(shifted);
	hm_heap_purge();
	must_die(large, "not from this allocator");
	must_die(shifted, "not from this allocator");
	/* 4 GiB away, where the low bits are the same; of 32 bits there is no such place. */
	for (unsigned i = 0; sizeof keep > 4 && i < sizeof bits / sizeof bits[0]; i++)
		must_die((void *)((uintptr_t)keep ^ (uintptr_t)((uint64_t)1 << bits[i])),
			 "not from this allocator");
	hm_heap_free(keep);
}
END_TEST

int main(void)
{
	const TTest *tests[] = { memory_of_another_class, memory_of_another_thread,
				 large_among_small, superslab_where_a_large_block_was,
				 superslabs_stay, stale_pointers_die };

	return SUPPORT_RUN("hint", tests);
}
