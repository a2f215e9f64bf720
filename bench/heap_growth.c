/*
 * heap_growth.c - what a malloc and a free cost on a heap of a given size.
 *
 * Stands for: a server or a cache that has gigabytes live. A random block is
 * looked at, freed, and replaced by one of another random size, so each pair
 * reaches for one place of a heap far larger than the caches and the TLB, and
 * an allocator for its metadata of that place. kind=bump is the control: the
 * same looks at the same random places, but the new block is the next piece of
 * one large region and free does nothing, so nobody can do with fewer misses.
 * Huge pages are asked for in the control, too. The time is that of the pairs,
 * without the filling before them.
 * Pattern: our own.
 * Operation: a pair, of a block of 16 to 1024 bytes.
 */
#include "bench.h"

#include <sys/mman.h>

#define SIZE_MIN 16
#define SIZE_MAX_ 1024
#define SIZE_MEAN ((SIZE_MIN + SIZE_MAX_) / 2)
#define MARK 'h'

enum { MIB, KIND };
enum { MALLOC, BUMP };

static struct bench_option options[] = {
	[MIB] = { .name = "mib", .value = 256, .min = 1, .max = 1 << 20 }, /* live */
	[KIND] = { .name = "kind", .value = MALLOC, .words = "malloc|bump" },
	{ .name = NULL },
};

struct region {
	char *start, *next, *end;
};

static struct region map_region(size_t size)
{
	struct region r;

	r.start = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (r.start == MAP_FAILED)
		bench_fail("out of memory");
	(void)madvise(r.start, size, MADV_HUGEPAGE);
	r.next = r.start;
	r.end = r.start + size;
	return r;
}

static char *bump(struct region *r, size_t n)
{
	char *p;

	n = (n + 15) & ~(size_t)15;
	if ((size_t)(r->end - r->next) < n)
		r->next = r->start;
	p = r->next;
	r->next += n;
	*p = MARK;
	return p;
}

static void pairs(char **slots, size_t n, long times, uint64_t *random)
{
	for (long i = 0; i < times; i++) {
		char **slot = &slots[bench_between(random, 0, n - 1)];

		bench_free(*slot, MARK);
		*slot = bench_alloc(bench_between(random, SIZE_MIN, SIZE_MAX_), MARK);
	}
}

/* The same looks at the same places. Blocks come to overlap: nobody reads them, but their marks. */
static void control_pairs(struct region *r, char **slots, size_t n, long times, uint64_t *random)
{
	static volatile char seen;

	for (long i = 0; i < times; i++) {
		char **slot = &slots[bench_between(random, 0, n - 1)];

		seen = **slot;
		*slot = bump(r, bench_between(random, SIZE_MIN, SIZE_MAX_));
	}
	(void)seen;
}

int main(int argc, char **argv)
{
	struct bench b = {
		.name = "heap_growth", .operations = 4000000, .threads = 1, .options = options
	};
	struct region r = { NULL, NULL, NULL };
	char **slots;
	size_t size, n;
	bool control;

	bench_start(&b, argc, argv);
	if (b.threads != 1)
		bench_usage(&b, "THREADS above 1");
	size = (size_t)options[MIB].value << 20;
	control = options[KIND].value == BUMP;
	n = size / SIZE_MEAN;
	slots = bench_table(n, sizeof(*slots));
	if (control)
		r = map_region(size);
	for (size_t i = 0; i < n; i++) {
		size_t want = bench_between(&b.seed, SIZE_MIN, SIZE_MAX_);

		slots[i] = control ? bump(&r, want) : bench_alloc(want, MARK);
	}
	/* The heap finds its steady state before the clock counts. */
	for (int measured = 0; measured < 2; measured++) {
		long times = measured ? b.operations : b.operations / 4;

		clock_gettime(CLOCK_MONOTONIC, &b.start);
		if (control)
			control_pairs(&r, slots, n, times, &b.seed);
		else
			pairs(slots, n, times, &b.seed);
	}
	return bench_end(&b);
}
