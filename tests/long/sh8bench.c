/*
 * sh8bench.c - in the manner of MicroQuill's SmartHeap benchmark: batches of
 * small blocks, most of them short-lived, freed in both orders, some kept and
 * freed by another thread later.
 */
#include "base/base.h"

#include "long.h"

#define THREADS 8
#define BATCH 600
#define KEPT 4096

static struct item *_Atomic kept[KEPT]; /* for whoever comes next */
static struct item batches[THREADS][BATCH];
static struct item keepers[THREADS][KEPT / THREADS];
static unsigned long long operations[THREADS];
static uint64_t seed;

static size_t size_of(struct rng *r)
{
	size_t kind = rng_below(r, 100);

	return kind < 90 ? 1 + rng_below(r, 128) : kind < 99 ? 1 + rng_below(r, 1024)
							      : 1 + rng_below(r, 40000);
}

/* Puts one block up, takes another's down. */
static struct item *exchange(struct item *it, struct rng *r)
{
	it = atomic_exchange(&kept[rng_below(r, KEPT)], it);
	if (it != NULL)
		item_drop(it);
	return it;
}

static void *work(void *arg)
{
	uint32_t id = (uint32_t)(uintptr_t)arg, serial = 0, spare = 0;
	struct rng r = { mix64(seed + id) };
	struct item *set = batches[id], *held = NULL;

	while (!long_over) {
		for (unsigned i = 0; i < BATCH; i++)
			NEED(item_make(&set[i], size_of(&r), id, serial++));
		for (unsigned i = 0; i < BATCH / 2; i++)
			item_drop(&set[serial & 1 ? i : BATCH / 2 - 1 - i]);
		if (held == NULL && spare < KEPT / THREADS)
			held = &keepers[id][spare++];
		if (held != NULL) {
			NEED(item_make(held, size_of(&r), id, serial++));
			held = exchange(held, &r);
		}
		for (unsigned i = BATCH; i-- > BATCH / 2;)
			item_drop(&set[i]);
		operations[id] += 2 * BATCH + 1;
	}
	return NULL;
}

int main(int argc, char **argv)
{
	unsigned seconds = long_seconds(argc, argv);
	unsigned long long all = 0;
	pthread_t ids[THREADS];

	alarm(2 * seconds + 60);
	seed = stress_seed("sh8bench");
	for (uintptr_t i = 0; i < THREADS; i++)
		NEED(pthread_create(&ids[i], NULL, work, (void *)i) == 0);
	long_wait("sh8bench", seconds);
	for (unsigned i = 0; i < THREADS; i++) {
		pthread_join(ids[i], NULL);
		all += operations[i];
	}
	for (unsigned i = 0; i < KEPT; i++)
		if (kept[i] != NULL)
			item_drop(kept[i]);
	return long_end("sh8bench", all);
}
