/*
 * latency: how long a malloc or a free takes while another thread frees very much, and while what
 * it freed goes back to the system. Figures only; nothing can be asserted about them.
 *
 * Options: mib (4096), wait (500: milliseconds to go on afterwards), seed.
 * Prints the quantiles of malloc in nanoseconds and the longest free: "quiet", with nothing else
 * going on; "busy", while all is freed and some time after, in which some allocators purge by
 * themselves; "purge", while the other thread asks for a purge in the allocator's own words. What
 * is resident after the last two tells how much each gave back, and purge_ms how long it took.
 * "own_max" is the longest call during which the system did not give the processor to somebody
 * else; waiting for another thread of this program counts.
 */
#include <dlfcn.h>
#include <pthread.h>
#include <stdatomic.h>
#include <sys/resource.h>

#include "memory.h"

/* Durations by their highest four bits: an eighth exact at worst. */
#define BUCKETS 512
#define OWN 4096

struct histogram {
	size_t count[BUCKETS];
	size_t all, greatest, own_greatest;
};

static struct histogram quiet, busy, purge, quiet_frees, busy_frees, purge_frees;
static void **blocks, *own[OWN];
static size_t blocks_count;
static uint64_t seed;
static atomic_int done;

/* How often the system took this thread off its processor. */
static long taken_off(void)
{
	struct rusage used;

	getrusage(RUSAGE_THREAD, &used);
	return used.ru_nivcsw;
}

static void add(struct histogram *h, uint64_t from, uint64_t to, int own)
{
	size_t n = (size_t)(to - from), high = 0, at = n;

	while (n >> high > 15)
		high++;
	at = high * 16 + (n >> high);
	h->count[at < BUCKETS ? at : BUCKETS - 1]++;
	h->all++;
	h->greatest = n > h->greatest ? n : h->greatest;
	if (own && n > h->own_greatest)
		h->own_greatest = n;
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
	atomic_store(&done, 1);
	return arg;
}

/* libc's malloc_trim is there beside every other allocator: it comes last. */
static void *purge_all(void *arg)
{
	uint64_t *took = arg, start = nanoseconds(CLOCK_MONOTONIC);
	size_t (*hakmem)(void) = (size_t (*)(void))dlsym(RTLD_DEFAULT, "hak_purge");
	int (*jemalloc)(const char *, void *, size_t *, void *, size_t) =
		(int (*)(const char *, void *, size_t *, void *, size_t))dlsym(RTLD_DEFAULT,
									       "mallctl");
	void (*mimalloc)(int) = (void (*)(int))dlsym(RTLD_DEFAULT, "mi_collect");
	void (*tcmalloc)(void) =
		(void (*)(void))dlsym(RTLD_DEFAULT, "MallocExtension_ReleaseFreeMemory");
	int (*glibc)(size_t) = (int (*)(size_t))dlsym(RTLD_DEFAULT, "malloc_trim");

	if (hakmem != NULL)
		hakmem();
	else if (jemalloc != NULL)
		jemalloc("arena.4096.purge", NULL, NULL, NULL, 0); /* 4096: all of them */
	else if (mimalloc != NULL)
		mimalloc(1);
	else if (tcmalloc != NULL)
		tcmalloc();
	else if (glibc != NULL)
		glibc(0);
	*took = nanoseconds(CLOCK_MONOTONIC) - start;
	atomic_store(&done, 1);
	return NULL;
}

/* One of some thousand blocks at random is replaced, for so long or until it is done (0). */
static void measure(struct histogram *mallocs, struct histogram *frees, size_t milliseconds)
{
	uint64_t now = nanoseconds(CLOCK_MONOTONIC), end = now + milliseconds * 1000000;
	int going_on = milliseconds == 0;
	long off = taken_off(), off_before;

	while (going_on || now < end) {
		size_t at = random_below(&seed, OWN), n = mixed_size(&seed, MIB);
		uint64_t before = nanoseconds(CLOCK_MONOTONIC), between;

		free(own[at]);
		between = nanoseconds(CLOCK_MONOTONIC);
		own[at] = malloc(n);
		now = nanoseconds(CLOCK_MONOTONIC);
		must(own[at] != NULL, "malloc");
		*(char *)own[at] = 1;
		off_before = off;
		off = taken_off();
		add(frees, before, between, off == off_before);
		add(mallocs, between, now, off == off_before);
		going_on = milliseconds == 0 && !atomic_load(&done);
	}
}

/* While another thread does its work. */
static void measure_beside(void *(*work)(void *), void *arg, struct histogram *mallocs,
			   struct histogram *frees)
{
	pthread_t t;

	atomic_store(&done, 0);
	must(pthread_create(&t, NULL, work, arg) == 0, "pthread_create");
	measure(mallocs, frees, 0);
	pthread_join(t, NULL);
}

static void print(const char *when, const struct histogram *mallocs, const struct histogram *frees)
{
	say(1, "%s_p50_ns %zu\n%s_p99_ns %zu\n%s_p999_ns %zu\n", when, quantile(mallocs, 500), when,
	    quantile(mallocs, 990), when, quantile(mallocs, 999));
	say(1, "%s_max_ns %zu\n%s_free_max_ns %zu\n", when, mallocs->greatest, when,
	    frees->greatest);
	say(1, "%s_own_max_ns %zu\n%s_free_own_max_ns %zu\n", when, mallocs->own_greatest, when,
	    frees->own_greatest);
}

int main(int argc, char **argv)
{
	size_t bytes = option(argv, "mib", 4096) * MIB, wait = option(argv, "wait", 500);
	size_t most = bytes / 1024 + 1000, in_use = 0;
	uint64_t took;

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
	measure_beside(free_all, NULL, &busy, &busy_frees);
	measure(&busy, &busy_frees, wait);
	figure_mib("freed_mib", in_use);
	figure_mib("after_mib", resident());
	measure_beside(purge_all, &took, &purge, &purge_frees);
	figure_mib("purged_mib", resident());
	figure("purge_ms", took / 1000000);
	print("quiet", &quiet, &quiet_frees);
	print("busy", &busy, &busy_frees);
	print("purge", &purge, &purge_frees);
	return 0;
}
