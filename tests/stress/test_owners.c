/*
 * test_owners.c - no block has two owners, no slab is lost: threads allocate,
 * pass blocks to each other, resize and free them, and every block is filled
 * with a pattern that names who filled it.
 */
#include "base/base.h"

#include "policy/options.h"

#include "stress.h"

#include <check.h>
#include <pthread.h>

#define THREADS_MAX 8
#define OWN 512   /* items a thread works on */
#define SHARED 1024 /* slots through which items change hands */
#define ROUNDS 4  /* with a recount of all slabs between them */

static struct item items[THREADS_MAX * OWN + SHARED];
static _Atomic(struct item *) shared[SHARED];

static struct {
	unsigned threads;
	size_t ops; /* of a thread in a round */
	uint64_t seed;
	pthread_barrier_t barrier;
	bool purging; /* now and then a thread gives memory back to the OS */
} run;

struct worker {
	uint32_t id, serial;
	struct rng rng;
	struct item *own[OWN];
};

/* Mostly small, 1 in 16 to 200 KB, 1 in 1024 large. */
static size_t any_size(struct rng *r)
{
	size_t kind = rng_below(r, 1024);

	if (kind == 0)
		return ((size_t)2 << 20) + rng_below(r, (size_t)2 << 20);
	return rng_size(r, kind < 64 ? 200000 : 2048);
}

static void require(bool ok, const struct item *it, const char *what)
{
	if (ok)
		return;
	fprintf(stderr, "%s: block %p of %zu bytes\n", what, (void *)it->p, it->n);
	abort();
}

/* malloc, calloc or memalign into the empty item. */
static void make(struct worker *w, struct item *it)
{
	size_t how = rng_below(&w->rng, 8), align = 16;

	it->n = any_size(&w->rng);
	it->owner = w->id;
	it->serial = ++w->serial;
	if (how == 0) {
		it->p = hak_calloc(1, it->n);
		require(it->p != NULL && all_zero(it->p, it->n), it, "calloc");
	} else if (how == 1) {
		align = (size_t)8 << rng_below(&w->rng, 14);
		it->p = hak_memalign(align, it->n);
	} else {
		it->p = hak_malloc(it->n);
	}
	require(it->p != NULL && (uintptr_t)it->p % align == 0, it, "alloc");
	require(hak_usable_size(it->p) >= it->n, it, "usable size");
	item_fill(it, 0);
}

static void resize(struct worker *w, struct item *it)
{
	size_t old = it->n, n = any_size(&w->rng), kept = n < old ? n : old;

	item_check(it, "realloc");
	it->p = hak_realloc(it->p, n);
	it->n = n;
	require(it->p != NULL, it, "realloc");
	if (!item_whole(it, kept))
		item_damaged(it, "after realloc");
	it->owner = w->id;
	it->serial = ++w->serial;
	item_fill(it, 0);
}

static void step(struct worker *w)
{
	size_t i = rng_below(&w->rng, OWN), what = rng_below(&w->rng, 16);
	struct item *it = w->own[i];

	if (what < 5) {
		/* Somebody's block for mine. */
		w->own[i] = atomic_exchange(&shared[rng_below(&w->rng, SHARED)], it);
		if (w->own[i]->p != NULL && what < 2)
			item_check(w->own[i], "passed");
	} else if (it->p == NULL) {
		make(w, it);
	} else if (what == 5) {
		resize(w, it);
	} else {
		item_drop(it);
	}
	if (run.purging && rng_below(&w->rng, 4096) == 0)
		hak_purge();
}

static void *work(void *arg)
{
	struct worker *w = arg;

	for (int round = 0; round < ROUNDS; round++) {
		for (size_t i = 0; i < run.ops; i++)
			step(w);
		pthread_barrier_wait(&run.barrier); /* all rest: main recounts */
		pthread_barrier_wait(&run.barrier);
	}
	/* The items go on, the thread goes. */
	return NULL;
}

static void recount(void)
{
	struct walk w = walk_all(false);

	ck_assert_uint_eq(w.bad, 0);
	for (size_t i = 0; i < run.threads * OWN + SHARED; i++)
		if (items[i].p != NULL)
			item_check(&items[i], "at rest");
}

static void nothing_lost(void)
{
	struct walk w;

	release_everything();
	w = walk_all(true);
	ck_assert_uint_eq(w.bad, 0);
	ck_assert_uint_eq(w.lost, 0);
	ck_assert_uint_eq(w.free_slabs, w.superslabs * HM_SLABS);
}

static void stress(unsigned threads, size_t ops)
{
	static struct worker workers[THREADS_MAX];
	pthread_t ids[THREADS_MAX];

	guard_against_hang();
	run.threads = threads;
	run.ops = ops / threads / ROUNDS;
	pthread_barrier_init(&run.barrier, NULL, threads + 1);
	for (size_t i = 0; i < SHARED; i++)
		shared[i] = &items[threads * OWN + i];
	for (unsigned t = 0; t < threads; t++) {
		workers[t] = (struct worker){ .id = t + 1, .rng = { mix64(run.seed + t) } };
		for (size_t i = 0; i < OWN; i++)
			workers[t].own[i] = &items[t * OWN + i];
		ck_assert_int_eq(pthread_create(&ids[t], NULL, work, &workers[t]), 0);
	}
	for (int round = 0; round < ROUNDS; round++) {
		pthread_barrier_wait(&run.barrier);
		recount();
		pthread_barrier_wait(&run.barrier);
	}
	for (unsigned t = 0; t < threads; t++)
		pthread_join(ids[t], NULL);
	for (size_t i = 0; i < threads * OWN + SHARED; i++)
		item_drop(&items[i]);
	nothing_lost();
}

static const unsigned thread_counts[] = { 1, 2, 4, 8 };

START_TEST(owners)
{
	run.seed = stress_seed("owners");
	stress(thread_counts[_i], stress_size(1000000, 150000));
}
END_TEST

START_TEST(owners_and_purge)
{
	run.seed = stress_seed("owners_and_purge");
	run.purging = true;
	hm_options.dirty_max = 0;
	stress(thread_counts[_i], stress_size(300000, 60000));
}
END_TEST

/* ---- whole superslabs come and go while others purge ---- */

#define BURST 300

static void burst(struct item *set, struct rng *r, uint32_t owner, uint32_t serial)
{
	for (uint32_t i = 0; i < BURST; i++)
		NEED(item_make(&set[i], rng_size(r, 100000), owner, serial + i));
	for (uint32_t i = 0; i < BURST; i++)
		item_drop(&set[i]);
}

static void *burst_work(void *arg)
{
	uint32_t id = (uint32_t)(uintptr_t)arg;
	struct rng r = { mix64(run.seed + id) };
	struct item set[BURST];

	for (uint32_t i = 0; i < run.ops; i++) {
		burst(set, &r, id, i * BURST);
		hak_purge();
	}
	return NULL;
}

START_TEST(purge_meets_release)
{
	pthread_t ids[4];

	guard_against_hang();
	run.seed = stress_seed("purge_meets_release");
	run.ops = stress_size(300, 60);
	hm_options.dirty_max = 0;
	for (uintptr_t t = 0; t < 4; t++)
		ck_assert_int_eq(pthread_create(&ids[t], NULL, burst_work, (void *)(t + 1)), 0);
	for (unsigned t = 0; t < 4; t++)
		pthread_join(ids[t], NULL);
	nothing_lost();
}
END_TEST

int main(void)
{
	Suite *s = suite_create("owners");
	TCase *t = tcase_create("stress");
	SRunner *r = srunner_create(s);
	int failed;

	tcase_set_timeout(t, HANG_SECONDS);
	tcase_add_loop_test(t, owners, 0, 4);
	tcase_add_loop_test(t, owners_and_purge, 0, 4);
	tcase_add_test(t, purge_meets_release);
	suite_add_tcase(s, t);
	srunner_run_all(r, CK_NORMAL);
	failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed != 0;
}
