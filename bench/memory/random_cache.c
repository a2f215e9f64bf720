/*
 * random_cache.c - a cache with random eviction, over many operations.
 *
 * Stands for: memcached, redis with allkeys-random, the object caches inside web servers: a key
 * and a value for each entry, values of all sizes, a limit of bytes; each new entry replaces as
 * many others, any of them, as it takes. After everything has been replaced twenty times the
 * memory looks like that of a process which has run for hours. Then half of it expires, the
 * load is gone for a while, the cache fills again, and is flushed.
 * Pattern: our own.
 * Operation: an entry that is set.
 */
#include "memory.h"

#define LIMIT 96  /* bytes of the limit for each operation: a 19th of them fills it */
#define ENTRY 600 /* bytes that an entry has at least, on the mean of a cacheful */

static struct bench_option options[] = { MEMORY_PAUSE, { .name = NULL } };

struct entry {
	size_t size;
	void *key, *value;
	char time[16]; /* also what memory_put looks at */
};

struct cache {
	void **entries;
	long n, slots, bytes, limit;
};

static long weight(const struct entry *e)
{
	return (long)(e->size + memory_size(e->key) + memory_size(e->value));
}

static void evict(struct cache *c, uint64_t *random)
{
	struct entry *e = memory_take(c->entries, &c->n, random);

	c->bytes -= weight(e);
	memory_put(e->key);
	memory_put(e->value);
	memory_put(e);
}

/* One value in a thousand is a page or an image. */
static void set(struct cache *c, uint64_t *random)
{
	struct entry *e = memory_get(sizeof(*e));

	e->key = memory_any(random, 4, 6);
	e->value = bench_between(random, 0, 999) == 0 ? memory_any(random, 15, 19)
						      : memory_any(random, 5, 13);
	while (c->n > 0 && (c->bytes + weight(e) > c->limit || c->n == c->slots))
		evict(c, random);
	c->entries[c->n++] = e;
	c->bytes += weight(e);
}

static void sets(struct cache *c, long n, long begin, int samples, const char *phase,
		 uint64_t *random)
{
	for (long i = 1; i <= n; i++) {
		set(c, random);
		if (memory_due(i, n, samples))
			memory_sample(begin + i, phase);
	}
}

static void expire(struct cache *c, long n, long operations, const char *phase, uint64_t *random)
{
	for (long i = 1; i <= n; i++) {
		evict(c, random);
		if (memory_due(i, n, 4))
			memory_sample(operations, phase);
	}
}

int main(int argc, char **argv)
{
	struct bench b = {
		.name = "random_cache", .operations = 1500000, .threads = 1, .options = options
	};
	struct cache c = { .n = 0 };
	long fill, run;

	memory_start(&b, argc, argv, false);
	memory_base();
	c.limit = LIMIT * b.operations;
	c.slots = c.limit / ENTRY + 1;
	c.entries = memory_table((size_t)c.slots);
	fill = b.operations / 16 + 1;
	run = b.operations - 2 * fill > 0 ? b.operations - 2 * fill : 1;
	b.operations = 2 * fill + run;
	sets(&c, fill, 0, 10, "fill", &b.seed);
	sets(&c, run, fill, 40, "full", &b.seed);
	expire(&c, c.n / 2, fill + run, "expire", &b.seed);
	memory_idle(&b, fill + run, 5, "idle");
	sets(&c, fill, fill + run, 10, "again", &b.seed);
	expire(&c, c.n, b.operations, "flush", &b.seed);
	memory_idle(&b, b.operations, 5, "idle");
	memory_beats(&b, b.operations, 4, "beats");
	memory_table_free(c.entries, (size_t)c.slots);
	memory_sample(b.operations, "end");
	return bench_end(&b);
}
