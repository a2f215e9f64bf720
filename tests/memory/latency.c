/*
 * latency: how long a malloc or a free takes while another thread frees very much, and while what
 * it freed goes back to the system. Figures only; nothing can be asserted about them.
 *
 * Options: mib (4096), wait (500: milliseconds to go on afterwards), seed.
 * Prints the quantiles of malloc in nanoseconds, first with nothing else going on, then meanwhile,
 * and the longest free.
 */
#include <pthread.h>
#include <stdatomic.h>

#include "memory.h"

/* Durations by their highest four bits: an eighth exact at worst. */
#define BUCKETS 512
#define OWN 4096

struct histogram {
	size_t count[BUCKETS];
	size_t all, greatest;
};

static struct histogram quiet, busy, quiet_frees, busy_frees;
static void **blocks, *own[OWN];
static size_t blocks_count;
static uint64_t seed;
static atomic_int freed;

static void add(struct histogram *h, uint64_t from, uint64_t to)
{
	size_t n = (size_t)(to - from), high = 0, at = n;

	while (n >> high > 15)
		high++;
	at = high * 16 + (n >> high);
	h->count[at < BUCKETS ? at : BUCKETS - 1]++;
	h->all++;
	h->greatest = n > h->greatest ? n : h->greatest;
}

/* The upper end of the bucket in which it is. */
static size_t quantile(const struct histogram *h, size_t thousandths)
{
	size_t seen = 0, wanted = h->all - h->all * (1000 - thousandths) / 1000;

	for (size_t i = 0; i < BUCKETS; i++) {
		seen += h->count[i];
		if (seen >= wanted)
			return ((i % 16 + 1) << (i / 16)) - 1;
	}
	return h->greatest;
}

static void *free_all(void *arg)
{
	for (size_t i = 0; i < blocks_count; i++)
		free(blocks[i]);
	atomic_store(&freed, 1);
	return arg;
}

/* One of some thousand blocks at random is replaced, for so long or until all is freed (0). */
static void measure(struct histogram *mallocs, struct histogram *frees, size_t milliseconds)
{
	uint64_t now = nanoseconds(CLOCK_MONOTONIC), end = now + milliseconds * 1000000;
	int going_on = milliseconds == 0;

	while (going_on || now < end) {
		size_t at = random_below(&seed, OWN), n = mixed_size(&seed, MIB);
		uint64_t before = nanoseconds(CLOCK_MONOTONIC), between;

		free(own[at]);
		between = nanoseconds(CLOCK_MONOTONIC);
		own[at] = malloc(n);
		now = nanoseconds(CLOCK_MONOTONIC);
		must(own[at] != NULL, "malloc");
		*(char *)own[at] = 1;
		add(frees, before, between);
		add(mallocs, between, now);
		going_on = milliseconds == 0 && !atomic_load(&freed);
	}
}

static void print(const char *when, const struct histogram *mallocs, const struct histogram *frees)
{
	say(1, "%s_p50_ns %zu\n%s_p99_ns %zu\n%s_p999_ns %zu\n", when, quantile(mallocs, 500), when,
	    quantile(mallocs, 990), when, quantile(mallocs, 999));
	say(1, "%s_max_ns %zu\n%s_free_max_ns %zu\n", when, mallocs->greatest, when,
	    frees->greatest);
}

int main(int argc, char **argv)
{
	size_t bytes = option(argv, "mib", 4096) * MIB, wait = option(argv, "wait", 500);
	size_t most = bytes / 1024 + 1000, in_use = 0;
	pthread_t t;

	(void)argc;
	only_options(argv, "mib wait seed ");
	must(wait > 0, "wait is 1 at least");
	seed = option(argv, "seed", 42);
	blocks = mapped(most * sizeof(*blocks));
	while (in_use < bytes && blocks_count < most) {
		size_t n = mixed_size(&seed, MIB);

		blocks[blocks_count++] = written_block(n);
		in_use += n;
	}
	shuffle(blocks, blocks_count, &seed);
	for (size_t i = 0; i < OWN; i++)
		own[i] = written_block(mixed_size(&seed, MIB));
	measure(&quiet, &quiet_frees, wait);
	must(pthread_create(&t, NULL, free_all, NULL) == 0, "pthread_create");
	measure(&busy, &busy_frees, 0);
	measure(&busy, &busy_frees, wait);
	pthread_join(t, NULL);
	figure_mib("freed_mib", in_use);
	print("quiet", &quiet, &quiet_frees);
	print("busy", &busy, &busy_frees);
	return 0;
}
