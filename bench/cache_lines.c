/*
 * cache_lines.c - does the allocator put two threads' blocks into one cache line?
 *
 * Stands for: counters, flags and small objects that one thread writes all the
 * time. If another thread's block shares the line, both wait for it at
 * every write (false sharing). kind=thrash: each thread allocates, writes,
 * frees: only an allocator that deals neighbours out to different threads is
 * slow (active). kind=scratch: each thread begins by freeing a block that the
 * first thread made beside those of the others, and an allocator that hands it
 * out again keeps the threads in one line for good (passive).
 * Pattern: cache-thrash and cache-scratch, E. Berger, K. McKinley, R. Blumofe,
 * P. Wilson, "Hoard: A Scalable Memory Allocator for Multithreaded
 * Applications", ASPLOS 2000.
 * Operation: one malloc, WRITES writes, one free.
 */
#include "bench.h"

#define SIZE 8
#define WRITES 1000

static struct bench_option options[] = {
	{ .name = "kind", .words = "thrash|scratch" },
	{ .name = NULL },
};

static uint64_t *passed[BENCH_THREADS_MAX];

static uint64_t *make(uint64_t value)
{
	uint64_t *p = malloc(SIZE);

	if (p == NULL)
		bench_fail("out of memory");
	*p = value;
	return p;
}

static void drop(uint64_t *p, uint64_t value)
{
	if (*p != value)
		bench_fail("a block was overwritten");
	free(p);
}

static void work(struct bench_lane *lane)
{
	if (passed[lane->id] != NULL)
		drop(passed[lane->id], (uint64_t)lane->id);
	for (long i = 0; i < lane->operations; i++) {
		uint64_t first = lane->random + (uint64_t)i;
		volatile uint64_t *p = make(first);

		for (int k = 0; k < WRITES; k++)
			++*p;
		drop((uint64_t *)p, first + WRITES);
	}
}

int main(int argc, char **argv)
{
	struct bench b = {
		.name = "cache_lines", .operations = 1000000, .threads = 2, .options = options
	};

	bench_start(&b, argc, argv);
	if (options[0].value != 0)
		for (long i = 0; i < b.threads; i++)
			passed[i] = make((uint64_t)i);
	bench_lanes(&b, work);
	return bench_end(&b);
}
