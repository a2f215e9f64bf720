/*
 * test_producer.c - blocks made by some threads and freed by others: 1:1, 1:N,
 * N:1, a ring; memory stays in proportion to what is live. And an owner that
 * sleeps: what others free for it comes back without it.
 */
#include "base/base.h"

#include "policy/ace.h"

#include "stress.h"

#include <check.h>
#include <pthread.h>
#include <sched.h>

#define QUEUE 1024 /* blocks on their way between two threads */
#define THREADS_MAX 8

/* A queue of any number of producers and consumers: slots tried in turn. */
struct queue {
	_Atomic(struct item *) slot[QUEUE];
	_Atomic size_t head, tail;
};

static struct queue queues[THREADS_MAX];
static struct item pool_of_items[THREADS_MAX][QUEUE + THREADS_MAX * 4];
static struct queue spare[THREADS_MAX]; /* empty items, back to their producer */
static _Atomic size_t most_superslabs;
static _Atomic bool stop;
static size_t per_producer, size_max;
static uint64_t seed;

static bool put(struct queue *q, struct item *it)
{
	struct item *none = NULL;
	size_t at = hm_add_relaxed(&q->tail, 1) % QUEUE;

	return atomic_compare_exchange_strong(&q->slot[at], &none, it);
}

static struct item *get(struct queue *q)
{
	return atomic_exchange(&q->slot[hm_add_relaxed(&q->head, 1) % QUEUE], NULL);
}

static void put_wait(struct queue *q, struct item *it)
{
	while (!put(q, it))
		sched_yield();
}

static struct item *get_wait(struct queue *q)
{
	struct item *it;

	while ((it = get(q)) == NULL && !stop)
		sched_yield();
	return it;
}

static void note_superslabs(void)
{
	size_t n = superslabs(), most = most_superslabs;

	while (n > most && !atomic_compare_exchange_weak(&most_superslabs, &most, n))
		;
}

struct role {
	struct queue *in, *out;
	uint32_t id;
};

/* Items wander: the producer fills empty ones from its spare queue, the consumer empties them. */
static void *produce(void *arg)
{
	struct role *role = arg;
	struct rng r = { mix64(seed + role->id) };

	for (uint32_t i = 0; i < per_producer; i++) {
		struct item *it = get_wait(role->in);

		if (it == NULL)
			break;
		if (!item_make(it, rng_size(&r, size_max), role->id, i))
			abort();
		put_wait(role->out, it);
		if (i % 4096 == 0)
			note_superslabs();
	}
	return NULL;
}

static void *consume(void *arg)
{
	struct role *role = arg;
	struct item *it;

	while ((it = get_wait(role->in)) != NULL) {
		uint32_t owner = it->owner;

		item_drop(it);
		put_wait(&spare[owner], it);
	}
	return NULL;
}

/* Takes what the one before made, frees it, makes another for the next. */
static void *pass_round(void *arg)
{
	struct role *role = arg;
	struct rng r = { mix64(seed + role->id) };

	for (uint32_t i = 0; i < per_producer; i++) {
		struct item *it = get_wait(role->in);

		item_drop(it);
		if (!item_make(it, rng_size(&r, size_max), role->id, i))
			abort();
		put_wait(role->out, it);
		if (i % 4096 == 0)
			note_superslabs();
	}
	return NULL;
}

static void check_end(const char *what, size_t live)
{
	size_t bound = 8 + 3 * live / HM_SUPERSLAB_SIZE;
	struct walk w;

	printf("%s, to %zu bytes: %zu superslabs at most, bound %zu\n", what, size_max,
	       (size_t)most_superslabs, bound);
	release_everything();
	w = walk_all(true);
	ck_assert_uint_eq(w.bad + w.lost, 0);
	ck_assert_uint_le(most_superslabs, bound);
}

static void stock(struct queue *q, struct item *set, size_t n, uint32_t owner)
{
	for (size_t i = 0; i < n; i++) {
		set[i] = (struct item){ .owner = owner };
		put_wait(q, &set[i]);
	}
}

/* np producers, nc consumers, one queue. */
static void run(unsigned np, unsigned nc, size_t max)
{
	struct role roles[THREADS_MAX];
	pthread_t ids[THREADS_MAX];
	size_t items = QUEUE / np / 2;

	guard_against_hang();
	size_max = max;
	per_producer = stress_size(600000, 40000) / np / (max > 4096 ? 8 : 1);
	for (unsigned i = 0; i < np + nc; i++) {
		roles[i] = i < np ? (struct role){ .in = &spare[i], .out = &queues[0], .id = i }
				  : (struct role){ .in = &queues[0] };
		if (i < np)
			stock(&spare[i], pool_of_items[i], items, i);
		ck_assert_int_eq(pthread_create(&ids[i], NULL, i < np ? produce : consume,
						&roles[i]), 0);
	}
	for (unsigned i = 0; i < np; i++)
		pthread_join(ids[i], NULL);
	stop = true;
	for (unsigned i = np; i < np + nc; i++)
		pthread_join(ids[i], NULL);
	for (unsigned i = 0; i < np; i++)
		for (size_t k = 0; k < items; k++)
			item_drop(&pool_of_items[i][k]);
	/* A size is live in the worst case in each item; and each thread keeps some. */
	check_end("queue", np * items * max / 2 + (np + nc) * ((size_t)2 << 20));
}

static const struct {
	unsigned np, nc;
	size_t max;
} shapes[] = {
	{ 1, 1, 256 }, { 1, 1, 4096 }, { 1, 1, 40000 }, { 1, 4, 1024 },
	{ 4, 1, 1024 }, { 4, 1, 40000 }, { 4, 4, 1024 },
};

START_TEST(queue)
{
	seed = stress_seed("queue");
	run(shapes[_i].np, shapes[_i].nc, shapes[_i].max);
}
END_TEST

START_TEST(ring)
{
	enum { RING = 6, ITEMS = 200 };
	struct role roles[RING];
	pthread_t ids[RING];

	guard_against_hang();
	seed = stress_seed("ring");
	size_max = 2000;
	per_producer = stress_size(60000, 5000);
	for (unsigned i = 0; i < RING; i++)
		stock(&queues[i], pool_of_items[i], ITEMS, i);
	for (unsigned i = 0; i < RING; i++) {
		roles[i] = (struct role){ &queues[i], &queues[(i + 1) % RING], i };
		ck_assert_int_eq(pthread_create(&ids[i], NULL, pass_round, &roles[i]), 0);
	}
	for (unsigned i = 0; i < RING; i++)
		pthread_join(ids[i], NULL);
	for (unsigned i = 0; i < RING; i++)
		for (unsigned k = 0; k < ITEMS; k++)
			item_drop(&pool_of_items[i][k]);
	check_end("ring", RING * ITEMS * size_max + RING * ((size_t)2 << 20));
}
END_TEST

/* ---- the owner sleeps ---- */

#define HELD 200000
#define HELPERS 4

static struct item *held;
static size_t nr_held;
static pthread_barrier_t filled, morning;
static size_t holes; /* the owner itself frees every holes-th before it sleeps */

static void *sleep_in(void *arg)
{
	struct rng r = { mix64(seed) };

	(void)arg;
	for (uint32_t i = 0; i < nr_held; i++)
		NEED(item_make(&held[i], 1 + rng_below(&r, size_max), 1, i));
	for (size_t i = 0; holes != 0 && i < nr_held; i += holes)
		item_drop(&held[i]);
	pthread_barrier_wait(&filled);
	pthread_barrier_wait(&morning);
	return NULL;
}

/* Frees its share of the owner's blocks, and makes as many of its own. */
static void *help(void *arg)
{
	size_t share = nr_held / HELPERS, from = (uintptr_t)arg * share;
	struct rng r = { mix64(seed + 1 + (uintptr_t)arg) };

	for (size_t i = from; i < from + share; i++)
		item_drop(&held[i]);
	for (uint32_t i = 0; i < share; i++)
		NEED(item_make(&held[from + i], 1 + rng_below(&r, size_max), 2, i));
	return NULL;
}

/* Slabs that one heap keeps partly free at most, when it is not alone. */
static size_t partial_bound(size_t max)
{
	size_t slabs = 0;

	for (unsigned cls = 0; cls <= hm_class_of(max); cls++)
		slabs += (hm_ace_partial_max(2) + 1) * hm_classes[cls].slabs;
	return slabs;
}

static size_t slabs_used(void)
{
	struct walk w = walk_all(false);

	ck_assert_uint_eq(w.bad, 0);
	return w.superslabs * HM_SLABS - w.free_slabs;
}

static void owner_asleep(size_t max, size_t hole)
{
	size_t before, asleep, after, bound;
	pthread_t owner, ids[HELPERS];
	struct walk w;

	guard_against_hang();
	size_max = max;
	holes = hole;
	nr_held = stress_size(HELD, HELD / 10) / (max > 2000 ? 20 : 1);
	held = calloc(nr_held, sizeof *held);
	hak_free(hak_malloc(1)); /* two heaps: the sleeper is not alone */
	pthread_barrier_init(&filled, NULL, 2);
	pthread_barrier_init(&morning, NULL, 2);
	ck_assert_int_eq(pthread_create(&owner, NULL, sleep_in, NULL), 0);
	pthread_barrier_wait(&filled);
	before = slabs_used();
	for (uintptr_t i = 0; i < HELPERS; i++)
		ck_assert_int_eq(pthread_create(&ids[i], NULL, help, (void *)i), 0);
	for (unsigned i = 0; i < HELPERS; i++)
		pthread_join(ids[i], NULL);
	asleep = slabs_used();
	for (size_t i = 0; i < nr_held; i++)
		item_drop(&held[i]);
	release_everything();
	after = slabs_used();
	pthread_barrier_wait(&morning);
	pthread_join(owner, NULL);
	printf("owner asleep, to %zu bytes, holes %zu: %zu slabs, doubled by others %zu, "
	       "all freed %zu\n", max, hole, before, asleep, after);
	fflush(stdout);
	free(held);
	release_everything();
	w = walk_all(true);
	ck_assert_uint_eq(w.bad + w.lost, 0);
	/* The others lived on what they freed; what is left is what the sleeper's lists hold. */
	bound = before / 4 + 64 * HELPERS + (hole != 0 ? partial_bound(max) : 0);
	ck_assert_uint_le(asleep, before + bound);
	ck_assert_uint_le(after, bound);
}

static const size_t sleepers[][2] = { { 200, 0 }, { 2000, 0 }, { 100000, 0 },
				      { 200, 10 }, { 2000, 10 }, { 100000, 10 } };

START_TEST(sleeper)
{
	seed = stress_seed("sleeper");
	owner_asleep(sleepers[_i][0], sleepers[_i][1]);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("producer");
	TCase *t = tcase_create("stress");
	SRunner *r = srunner_create(s);
	int failed;

	tcase_set_timeout(t, HANG_SECONDS);
	tcase_add_loop_test(t, queue, 0, sizeof shapes / sizeof *shapes);
	tcase_add_test(t, ring);
	tcase_add_loop_test(t, sleeper, 0, sizeof sleepers / sizeof *sleepers);
	suite_add_tcase(s, t);
	srunner_run_all(r, CK_NORMAL);
	failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed != 0;
}
