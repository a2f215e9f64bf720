/*
 * cfrac.c - in the manner of the cfrac benchmark: long integers, each a block
 * of its own that lives for one step of a continued fraction. The convergents
 * h/k of sqrt(N) obey h^2 - N k^2 = (-1)^i q: damage to any block breaks it.
 */
#include "base/base.h"

#include "long.h"

#define FRACTION_MALLOC hak_malloc
#define FRACTION_FREE hak_free
#define FRACTION_NEED NEED
#include "../../bench/fraction.h"

#define THREADS 4
#define LIMBS_MAX 60

static unsigned long long operations[THREADS];
static uint64_t seed;

static void *work(void *arg)
{
	uintptr_t id = (uintptr_t)arg;
	struct rng r = { mix64(seed + id) };

	while (!long_over) {
		struct fraction f;

		if (!fraction_start(&f, 1000 + (uint32_t)rng_below(&r, 1000000)))
			continue;
		while (f.h->n < LIMBS_MAX && !long_over) {
			fraction_step(&f);
			operations[id] += FRACTION_BLOCKS;
		}
		fraction_end(&f);
	}
	return NULL;
}

int main(int argc, char **argv)
{
	unsigned seconds = long_seconds(argc, argv);
	unsigned long long all = 0;
	pthread_t ids[THREADS];

	alarm(2 * seconds + 60);
	seed = stress_seed("cfrac");
	for (uintptr_t i = 0; i < THREADS; i++)
		NEED(pthread_create(&ids[i], NULL, work, (void *)i) == 0);
	long_wait("cfrac", seconds);
	for (unsigned i = 0; i < THREADS; i++) {
		pthread_join(ids[i], NULL);
		all += operations[i];
	}
	return long_end("cfrac", all);
}
