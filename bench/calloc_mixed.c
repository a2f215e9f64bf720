/*
 * calloc_mixed.c - zeroed blocks of mixed sizes.
 *
 * Stands for: records, tables and buffers that their user wants to be zero. All
 * of a block is written before it goes, so that the next one has to be
 * cleared; memory that is new from the system need not be, and an allocator that
 * knows this saves the work. size is the largest block.
 * Pattern: our own; random_mixed with calloc.
 * Operation: one calloc and one free.
 */
#include "bench.h"

#define SLOTS 4096 /* of a thread */
#define SIZE_MIN_LOG 4
#define MARK 'z'

static struct bench_option options[] = {
	{ .name = "size", .value = 2048, .min = 32, .max = 1 << 26 },
	{ .name = NULL },
};

/* 16 to size, each doubling as likely as any other. */
static size_t pick(uint64_t *random, size_t doublings, size_t max)
{
	size_t low = (size_t)1 << (SIZE_MIN_LOG + bench_between(random, 0, doublings));
	size_t n = low + bench_between(random, 0, low - 1);

	return n < max ? n : max;
}

static char *make(size_t n, uint64_t *random)
{
	char *p = calloc(1, n);

	if (p == NULL)
		bench_fail("out of memory");
	if ((p[0] | p[n / 2] | p[n - 1] | p[bench_between(random, 0, n - 1)]) != 0)
		bench_fail("a block of calloc was not zero");
	memset(p, MARK, n);
	return p;
}

static void work(struct bench_lane *lane)
{
	char *slots[SLOTS] = { NULL };
	size_t max = (size_t)options[0].value, doublings = 0;
	uint64_t random = lane->random;

	while (max >> (SIZE_MIN_LOG + 1 + doublings) > 1)
		doublings++;
	for (long i = 0; i < lane->operations; i++) {
		char **slot = &slots[bench_random(&random) % SLOTS];

		if (*slot != NULL)
			bench_free(*slot, MARK);
		*slot = make(pick(&random, doublings, max), &random);
	}
	for (int i = 0; i < SLOTS; i++)
		if (slots[i] != NULL)
			bench_free(slots[i], MARK);
}

int main(int argc, char **argv)
{
	struct bench b = {
		.name = "calloc_mixed", .operations = 10000000, .threads = 1, .options = options
	};

	bench_start(&b, argc, argv);
	bench_lanes(&b, work);
	return bench_end(&b);
}
