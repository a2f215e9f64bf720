/*
 * pairs.c - blocks that go in the order, or against the order, in which they came.
 *
 * Stands for: lifo, the nested lifetimes of recursive code, where the block that
 * was made last goes first; fifo, queues and logs, where the oldest goes. With
 * depth=1 either is the pair malloc/free, the shortest way through an allocator.
 * lifo reuses hot blocks, fifo cold ones that lie far apart: the two
 * ends of what the reuse order of a free list is worth.
 * Pattern: M. Johnstone, P. Wilson, "The Memory Fragmentation Problem: Solved?",
 * ISMM 1998, which has these orders as the extremes of real programs.
 * Operation: one malloc and one free.
 */
#include "bench.h"

#define MARK 'o'

enum { LIFO, FIFO };
enum { ORDER, DEPTH, SIZE };

static struct bench_option options[] = {
	[ORDER] = { .name = "order", .words = "lifo|fifo" },
	[DEPTH] = { .name = "depth", .value = 1, .min = 1, .max = 10000000 },
	[SIZE] = { .name = "size", .max = 1 << 20 }, /* 0: 16 to 256 */
	{ .name = NULL },
};

static size_t pick(uint64_t *random)
{
	return options[SIZE].value > 0 ? (size_t)options[SIZE].value
				       : bench_between(random, 16, 256);
}

/* Climbs up by a random number of blocks, and down again. */
static void stack(struct bench_lane *lane, void **blocks, long depth)
{
	uint64_t random = lane->random;
	long left = lane->operations;

	while (left > 0) {
		long n = (long)bench_between(&random, 1, (size_t)depth);

		n = n < left ? n : left;
		for (long i = 0; i < n; i++)
			blocks[i] = bench_alloc(pick(&random), MARK);
		for (long i = n; i-- > 0;)
			bench_free(blocks[i], MARK);
		left -= n;
	}
}

static void queue(struct bench_lane *lane, void **blocks, long depth)
{
	uint64_t random = lane->random;
	long at = 0;

	for (long i = 0; i < lane->operations; i++) {
		if (blocks[at] != NULL)
			bench_free(blocks[at], MARK);
		blocks[at] = bench_alloc(pick(&random), MARK);
		at = at + 1 < depth ? at + 1 : 0;
	}
	for (long i = 0; i < depth; i++)
		if (blocks[i] != NULL)
			bench_free(blocks[i], MARK);
}

static void work(struct bench_lane *lane)
{
	long depth = options[DEPTH].value;
	void **blocks = bench_table((size_t)depth, sizeof(*blocks));

	if (options[ORDER].value == LIFO)
		stack(lane, blocks, depth);
	else
		queue(lane, blocks, depth);
	free(blocks);
}

int main(int argc, char **argv)
{
	struct bench b = {
		.name = "pairs", .operations = 50000000, .threads = 1, .options = options
	};

	bench_start(&b, argc, argv);
	bench_lanes(&b, work);
	return bench_end(&b);
}
