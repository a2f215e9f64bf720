/*
 * size_drift.c - a working set that stays as large, of blocks whose sizes drift.
 *
 * Stands for: a server over a day: other clients, other answers, another format of what it
 * stores. How many bytes it holds does not change; what size they have does, from a hundred
 * bytes to tens of KiB and back. Old blocks go at random, so that a few of each size stay for
 * long. Memory that was given to one size has to become that of another. At night most of it
 * goes.
 * Pattern: our own, after what is said of slabs that cannot be reassigned: memcached's "slab
 * calcification", and the drift of Twitter's caches.
 * Operation: a KiB that is asked for.
 */
#include "memory.h"

#define TURNS 3 /* how often all is replaced before the sizes change */

static struct bench_option options[] = { MEMORY_PAUSE, { .name = NULL } };

static const struct step {
	size_t middle;
	const char *name;
} steps[] = {
	{ 200, "200-bytes" },
	{ 800, "800-bytes" },
	{ 3000, "3000-bytes" },
	{ 12000, "12000-bytes" },
	{ 48000, "48000-bytes" },
	{ 3000, "3000-bytes" },
	{ 800, "800-bytes" },
	{ 200, "200-bytes" },
};

#define STEPS ((long)(sizeof(steps) / sizeof(steps[0])))

struct set {
	void **table;
	long n, bytes, limit;
};

static void drop(struct set *s, uint64_t *random)
{
	void *block = memory_take(s->table, &s->n, random);

	s->bytes -= (long)memory_size(block);
	memory_put(block);
}

static void add(struct set *s, size_t size, uint64_t *random)
{
	while (s->n > 0 && s->bytes + (long)size > s->limit)
		drop(s, random);
	s->table[s->n++] = memory_get(size);
	s->bytes += (long)size;
}

/* All is replaced some times by blocks around one size. */
static void drift(struct set *s, const struct step *to, long begin, uint64_t *random)
{
	long all = TURNS * s->limit, done = 0, next = 0;

	while (done < all) {
		size_t size = bench_between(random, to->middle / 2, to->middle * 3 / 2);

		add(s, size, random);
		done += (long)size;
		if (done >= next) {
			memory_sample(begin + (done < all ? done : all) / 1024, to->name);
			next += all / 6;
		}
	}
}

int main(int argc, char **argv)
{
	struct bench b = {
		.name = "size_drift", .operations = 1800000, .threads = 1, .options = options
	};
	struct set s = { .n = 0 };
	size_t slots;
	long each;

	memory_start(&b, argc, argv, false);
	memory_base();
	each = b.operations / STEPS + 1;
	s.limit = (each * 1024) / TURNS;
	b.operations = each * STEPS;
	slots = (size_t)s.limit / (steps[0].middle / 2) + 2;
	s.table = memory_table(slots);
	for (long i = 0; i < STEPS; i++)
		drift(&s, &steps[i], i * each, &b.seed);
	memory_idle(&b, b.operations, 4, "idle");
	while (s.bytes > s.limit / 10)
		drop(&s, &b.seed);
	memory_idle(&b, b.operations, 4, "night");
	memory_beats(&b, b.operations, 4, "beats");
	while (s.n > 0)
		drop(&s, &b.seed);
	memory_table_free(s.table, slots);
	memory_sample(b.operations, "end");
	return bench_end(&b);
}
