/*
 * larson.c - after P. Larson and M. Krishnan, Memory allocation for long-running
 * server applications, ISMM 1998: each thread replaces random blocks of its
 * set; after a while it ends and hands the set to a new thread.
 */
#include "base/base.h"

#include "long.h"

#define SETS 8
#define BLOCKS 1000
#define TURN 100000 /* replacements before a thread hands over */

struct set {
	struct item items[BLOCKS];
	uint32_t id, serial;
	unsigned long long operations;
};

static struct set sets[SETS];
static uint64_t seed;

static void *serve(void *arg)
{
	struct set *s = arg;
	struct rng r = { mix64(seed + s->id + ((uint64_t)s->serial << 8)) };

	for (unsigned n = 0; n < TURN && !long_over; n++) {
		struct item *it = &s->items[rng_below(&r, BLOCKS)];

		item_drop(it);
		NEED(item_make(it, 10 + rng_below(&r, 491), s->id, s->serial++));
	}
	s->operations += TURN;
	return NULL;
}

/* One set's life: thread after thread. */
static void *keep_serving(void *arg)
{
	struct set *s = arg;
	pthread_t id;

	while (!long_over) {
		NEED(pthread_create(&id, NULL, serve, s) == 0);
		pthread_join(id, NULL);
	}
	for (unsigned i = 0; i < BLOCKS; i++)
		item_drop(&s->items[i]);
	return NULL;
}

int main(int argc, char **argv)
{
	unsigned seconds = long_seconds(argc, argv);
	unsigned long long operations = 0;
	pthread_t ids[SETS];

	alarm(2 * seconds + 60);
	seed = stress_seed("larson");
	for (uint32_t i = 0; i < SETS; i++) {
		sets[i].id = i + 1;
		NEED(pthread_create(&ids[i], NULL, keep_serving, &sets[i]) == 0);
	}
	long_wait("larson", seconds);
	for (unsigned i = 0; i < SETS; i++) {
		pthread_join(ids[i], NULL);
		operations += sets[i].operations;
	}
	return long_end("larson", operations);
}
