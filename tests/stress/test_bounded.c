/*
 * test_bounded.c - fifty million mixed operations: what is mapped and what is
 * resident stay in proportion to what is live (lessons.md, L16).
 */
#include "base/base.h"

#include "stress.h"

#include <check.h>
#include <pthread.h>

#define THREADS 4
#define OWN 4096 /* live blocks of a thread, at most */
#define PHASES 8 /* each with another range of sizes */

static struct item items[THREADS][OWN];
static _Atomic size_t most_used;
static size_t ops; /* of a thread in a phase */
static uint64_t seed;
static pthread_barrier_t barrier;
static size_t live[THREADS];

static const size_t limits[PHASES] = { 64, 1024, 8192, 256, 40000, 512, 2048, 128 };

static void note(void)
{
	size_t now = superslabs_used(), most = most_used;

	while (now > most && !atomic_compare_exchange_weak(&most_used, &most, now))
		;
}

/* Only the ends are filled: the operations count here, contents are test_owners' affair. */
static void mark(struct item *it, uint32_t owner)
{
	it->owner = owner;
	it->p[0] = (unsigned char)owner;
	it->p[it->n - 1] = (unsigned char)(owner + it->n);
}

static void take_away(struct item *it, uint32_t owner)
{
	if (it->p[it->n - 1] != (unsigned char)(owner + it->n) ||
	    (it->n > 1 && it->p[0] != (unsigned char)owner))
		item_damaged(it, "bounded");
	live[owner] -= it->n;
	hak_free(it->p);
	it->p = NULL;
}

static void phase(struct rng *r, uint32_t id, size_t max)
{
	/* Large sizes: fewer blocks, so that the live bytes stay alike. */
	size_t own = max > 4096 ? OWN / 16 : OWN;

	for (size_t n = 0; n < ops; n++) {
		struct item *it = &items[id][rng_below(r, own)];

		if (it->p != NULL) {
			take_away(it, id);
		} else {
			it->n = 1 + rng_below(r, max);
			it->p = hak_malloc(it->n);
			NEED(it->p != NULL);
			live[id] += it->n;
			mark(it, id);
		}
		if (n % 65536 == 0)
			note();
	}
	for (size_t i = 0; i < OWN; i++)
		if (items[id][i].p != NULL && rng_below(r, 100) != 0)
			take_away(&items[id][i], id);
}

static void *work(void *arg)
{
	uint32_t id = (uint32_t)(uintptr_t)arg;
	struct rng r = { mix64(seed + id) };

	for (unsigned p = 0; p < PHASES; p++) {
		phase(&r, id, limits[p]);
		pthread_barrier_wait(&barrier);
		pthread_barrier_wait(&barrier);
	}
	return NULL;
}

START_TEST(mixed)
{
	pthread_t ids[THREADS];
	size_t start = resident(), bound, rss = 0;
	struct walk w;

	guard_against_hang();
	seed = stress_seed("mixed");
	ops = stress_size(50000000, HM_SANITIZE ? 1000000 : 5000000) / THREADS / PHASES;
	pthread_barrier_init(&barrier, NULL, THREADS + 1);
	for (uintptr_t t = 0; t < THREADS; t++)
		ck_assert_int_eq(pthread_create(&ids[t], NULL, work, (void *)t), 0);
	for (unsigned p = 0; p < PHASES; p++) {
		pthread_barrier_wait(&barrier);
		rss = resident() > rss ? resident() : rss;
		ck_assert_uint_eq(walk_all(false).bad, 0);
		pthread_barrier_wait(&barrier);
	}
	for (unsigned t = 0; t < THREADS; t++)
		pthread_join(ids[t], NULL);
	/* At most OWN / 2 blocks of 4 KiB live, or OWN / 32 of 20 KB, a thread: 8 MiB. */
	bound = 4 * THREADS * ((size_t)8 << 20) / HM_SUPERSLAB_SIZE;
	printf("mixed: %zu superslabs in use at most, %zu mapped, bound %zu; %zu MiB resident, "
	       "%zu before\n", (size_t)most_used, superslabs(), bound, rss >> 20, start >> 20);
	fflush(stdout);
	ck_assert_uint_le(superslabs(), bound);
	if (!HM_SANITIZE)
		ck_assert_uint_le(rss, start + bound * HM_SUPERSLAB_SIZE);
	for (uint32_t t = 0; t < THREADS; t++)
		for (unsigned i = 0; i < OWN; i++)
			if (items[t][i].p != NULL)
				take_away(&items[t][i], t);
	release_everything();
	w = walk_all(true);
	ck_assert_uint_eq(w.bad + w.lost, 0);
	/* And all of it goes back. */
	if (!HM_SANITIZE)
		ck_assert_uint_le(resident(), start + ((size_t)8 << 20));
}
END_TEST

int main(void)
{
	Suite *s = suite_create("bounded");
	TCase *t = tcase_create("stress");
	SRunner *r = srunner_create(s);
	int failed;

	tcase_set_timeout(t, HANG_SECONDS);
	tcase_add_test(t, mixed);
	suite_add_tcase(s, t);
	srunner_run_all(r, CK_NORMAL);
	failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed != 0;
}
