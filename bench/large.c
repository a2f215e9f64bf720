/*
 * large.c - blocks of 64 KiB to 32 MiB, every page of them written to.
 *
 * Stands for: images, matrices, decompressed files, big hash tables: blocks that
 * an allocator gets from the system one by one. Given back at once, each costs
 * system calls and a fault for every page; kept, it costs memory. The
 * policy between the two is what is measured, and whether a page that was
 * given back is asked for again.
 * Pattern: malloc-large of daanx/mimalloc-bench, with a wider range of sizes,
 * each doubling as likely as any other.
 * Operation: one free, one malloc, a write into each page.
 */
#include "bench.h"

#define SLOTS 16 /* of a thread */
#define SIZE_MIN_LOG 16
#define SIZE_MAX_LOG 25
#define PAGE 4096
#define MARK 'L'

/* The first page has the mark, the others the number of their slot. */
static char *fill(size_t n, char slot)
{
	char *p = bench_alloc(n, MARK);

	for (size_t i = PAGE; i < n; i += PAGE)
		p[i] = slot;
	return p;
}

static void drop(char *p, size_t n, char slot)
{
	size_t last = (n - 1) / PAGE * PAGE;

	if (p[last] != slot || p[last / 2 / PAGE * PAGE] != slot)
		bench_fail("a block was overwritten");
	bench_free(p, MARK);
}

static void work(struct bench_lane *lane)
{
	char *slots[SLOTS] = { NULL };
	size_t sizes[SLOTS];
	uint64_t random = lane->random;

	for (long i = 0; i < lane->operations; i++) {
		size_t k = bench_between(&random, 0, SLOTS - 1);
		size_t half = (size_t)1 << bench_between(&random, SIZE_MIN_LOG, SIZE_MAX_LOG - 1);

		if (slots[k] != NULL)
			drop(slots[k], sizes[k], (char)k);
		sizes[k] = half + bench_between(&random, 0, half);
		slots[k] = fill(sizes[k], (char)k);
	}
	for (size_t k = 0; k < SLOTS; k++)
		if (slots[k] != NULL)
			drop(slots[k], sizes[k], (char)k);
}

int main(int argc, char **argv)
{
	struct bench b = { .name = "large", .operations = 500, .threads = 1 };

	bench_start(&b, argc, argv);
	bench_lanes(&b, work);
	return bench_end(&b);
}
