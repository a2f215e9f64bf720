/*
 * test_threads.c - ten thousand short threads, each with a block that outlives
 * it, leave nothing behind; a thousand threads live at once.
 */
#include "base/base.h"

#include "stress.h"

#include <check.h>
#include <limits.h>
#include <pthread.h>

#define AT_ONCE 8
#define WARM 512 /* threads after which nothing may grow any more */

static pthread_attr_t small_stack;

static void nothing_lost(void)
{
	struct walk w;

	release_everything();
	w = walk_all(true);
	ck_assert_uint_eq(w.bad, 0);
	ck_assert_uint_eq(w.lost, 0);
	ck_assert_uint_eq(w.free_slabs, w.superslabs * HM_SLABS);
}

struct brief {
	struct item survivor, other; /* `other` is an earlier thread's survivor */
	uint64_t seed;
	uint32_t id;
};

static void *brief_life(void *arg)
{
	struct brief *b = arg;
	struct rng r = { mix64(b->seed + b->id) };
	struct item mine[16] = { { .p = NULL } };

	for (uint32_t i = 0; i < 16; i++)
		NEED(item_make(&mine[i], rng_size(&r, 20000), b->id, i));
	item_drop(&b->other);
	NEED(item_make(&b->survivor, rng_size(&r, 8000), b->id, 100));
	for (uint32_t i = 0; i < 16; i++)
		item_drop(&mine[i]);
	return NULL;
}

START_TEST(short_lives)
{
	static struct brief lives[AT_ONCE];
	size_t total = stress_size(10000, 2000), warm_superslabs = 0, warm_heaps = 0;
	uint64_t seed = stress_seed("short_lives");
	pthread_t ids[AT_ONCE];

	guard_against_hang();
	for (size_t n = 0; n < total; n += AT_ONCE) {
		for (unsigned i = 0; i < AT_ONCE; i++) {
			struct brief *b = &lives[i];

			*b = (struct brief){ .other = lives[(i + 3) % AT_ONCE].survivor,
					     .survivor = b->survivor,
					     .seed = seed,
					     .id = (uint32_t)(n + i + 1) };
		}
		/* The survivors of the last round are now each in one `other`. */
		for (unsigned i = 0; i < AT_ONCE; i++)
			lives[i].survivor.p = NULL;
		for (unsigned i = 0; i < AT_ONCE; i++)
			ck_assert_int_eq(pthread_create(&ids[i], &small_stack, brief_life,
							&lives[i]),
					 0);
		for (unsigned i = 0; i < AT_ONCE; i++)
			pthread_join(ids[i], NULL);
		if (n == WARM) {
			warm_superslabs = superslabs();
			warm_heaps = heaps();
		}
	}
	printf("short_lives: superslabs %zu then %zu, heaps %zu then %zu\n", warm_superslabs,
	       superslabs(), warm_heaps, heaps());
	ck_assert_uint_le(superslabs(), warm_superslabs + 4);
	ck_assert_uint_le(heaps(), AT_ONCE + 2);
	ck_assert_uint_le(warm_heaps, AT_ONCE + 2);
	for (unsigned i = 0; i < AT_ONCE; i++)
		item_drop(&lives[i].survivor);
	nothing_lost();
}
END_TEST

/* ---- many at once ---- */

#define BLOCKS 8

struct held {
	struct item items[BLOCKS];
	uint32_t id;
};

static pthread_barrier_t all_there, all_go;

static void *hold(void *arg)
{
	static const size_t sizes[BLOCKS] = { 16, 48, 100, 300, 1000, 3000, 8000, 20000 };
	struct held *h = arg;

	for (uint32_t i = 0; i < BLOCKS; i++)
		NEED(item_make(&h->items[i], sizes[i], h->id, i));
	pthread_barrier_wait(&all_there);
	pthread_barrier_wait(&all_go);
	for (uint32_t i = 0; i < BLOCKS; i++)
		item_drop(&h->items[i]);
	return NULL;
}

START_TEST(many_at_once)
{
	uint32_t n = (uint32_t)stress_size(1000, 200);
	struct held *all = calloc(n, sizeof *all);
	pthread_t *ids = calloc(n, sizeof *ids);
	size_t most;

	guard_against_hang();
	pthread_barrier_init(&all_there, NULL, n + 1);
	pthread_barrier_init(&all_go, NULL, n + 1);
	for (int round = 0; round < 2; round++) {
		for (uint32_t i = 0; i < n; i++) {
			all[i].id = i + 1;
			ck_assert_int_eq(pthread_create(&ids[i], &small_stack, hold, &all[i]), 0);
		}
		pthread_barrier_wait(&all_there);
		ck_assert_uint_eq(walk_all(false).bad, 0);
		pthread_barrier_wait(&all_go);
		for (uint32_t i = 0; i < n; i++)
			pthread_join(ids[i], NULL);
		ck_assert_uint_le(heaps(), n + 2);
		if (round == 0)
			most = superslabs();
		else
			ck_assert_uint_le(superslabs(), most + 2);
	}
	printf("many_at_once: %u threads, %zu superslabs, %zu heaps\n", n, superslabs(), heaps());
	nothing_lost();
	free(ids);
	free(all);
}
END_TEST

/* ---- the first thing that a thread does ---- */

#define FIRSTS 9

static void *volatile foreign_none;
static _Atomic(void *) handed[FIRSTS];

static void *first_operation(void *arg)
{
	size_t which = (size_t)(uintptr_t)arg;
	void *p = NULL;

	switch (which) {
	case 0: p = hak_malloc(8); break;
	case 1: p = hak_calloc(3, 100); break;
	case 2: p = hak_realloc(NULL, 100); break;
	case 3: p = hak_memalign(4096, 100); break;
	case 4: hak_free(foreign_none); return NULL;
	case 5: NEED(hak_usable_size(handed[5]) >= 64); return NULL;
	case 6: hak_free(atomic_exchange(&handed[6], NULL)); return NULL;
	case 7: p = hak_realloc(atomic_exchange(&handed[7], NULL), 5000); break;
	case 8: p = hak_malloc((size_t)5 << 20); break;
	}
	NEED(p != NULL);
	memset(p, 1, 8);
	hak_free(p);
	return NULL;
}

START_TEST(first_operations)
{
	guard_against_hang();
	for (int round = 0; round < 20; round++) {
		for (size_t i = 0; i < FIRSTS; i++) {
			pthread_t id;

			handed[i] = i >= 5 && i <= 7 ? hak_malloc(64) : NULL;
			ck_assert_int_eq(pthread_create(&id, &small_stack, first_operation,
							(void *)(uintptr_t)i), 0);
			pthread_join(id, NULL);
			hak_free(handed[i]);
		}
	}
	ck_assert_uint_le(heaps(), 4);
	nothing_lost();
}
END_TEST

int main(void)
{
	Suite *s = suite_create("threads");
	TCase *t = tcase_create("stress");
	SRunner *r = srunner_create(s);
	int failed;

	pthread_attr_init(&small_stack);
	/* The sanitizers' frames are larger. */
	pthread_attr_setstacksize(&small_stack,
				  HM_SANITIZE ? (size_t)256 << 10 : (size_t)PTHREAD_STACK_MIN);
	tcase_set_timeout(t, HANG_SECONDS);
	tcase_add_test(t, short_lives);
	tcase_add_test(t, many_at_once);
	tcase_add_test(t, first_operations);
	suite_add_tcase(s, t);
	srunner_run_all(r, CK_NORMAL);
	failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed != 0;
}
