/*
 * per_class.c - one size at a time.
 *
 * Stands for: a program's phases, each of which makes many objects of one type
 * and drops them all: rows of a result, nodes of a graph, packets. One class is
 * hot, its free list runs empty and full by turns, so what costs is to carve, to
 * refill and to give back. size=0 goes through all sizes in turn, a batch of
 * each: every batch meets memory that another class had before. The last block of
 * a batch stays until the next one is over, so that the heap never ends with a
 * batch, which only a benchmark does (and which costs the C library two
 * system calls a batch).
 * Pattern: bench-malloc-simple of the GNU C library's benchtests (batches of one size).
 * Operation: one malloc and its free.
 */
#include "bench.h"

#define SIZE_MAX_ 32768
#define BATCH 128       /* blocks at once ... */
#define BYTES (1 << 20) /* ... or so many bytes, if that is less */
#define MARK 'c'

static struct bench_option options[] = {
	{ .name = "size", .max = 1 << 20 },
	{ .name = NULL },
};

/* By 16 up to 128, then eight to a doubling, then from the start. */
static long next_size(long size)
{
	long step = 16;

	while (step * 16 <= size)
		step *= 2;
	return size + step <= SIZE_MAX_ ? size + step : 16;
}

/* The last one is left to the caller. */
static void batch(void **blocks, long n, size_t size)
{
	for (long i = 0; i < n; i++)
		blocks[i] = bench_alloc(size, MARK);
	for (long i = 0; i < n - 1; i++)
		bench_free(blocks[i], MARK);
}

static void work(struct bench_lane *lane)
{
	void *blocks[BATCH], *last = NULL;
	long left = lane->operations, size = options[0].value > 0 ? options[0].value : 16;

	while (left > 0) {
		long n = size * BATCH <= BYTES ? BATCH : BYTES / size;

		n = n < left ? n : left;
		batch(blocks, n, (size_t)size);
		if (last != NULL)
			bench_free(last, MARK);
		last = blocks[n - 1];
		left -= n;
		if (options[0].value == 0)
			size = next_size(size);
	}
	bench_free(last, MARK);
}

int main(int argc, char **argv)
{
	struct bench b = {
		.name = "per_class", .operations = 20000000, .threads = 1, .options = options
	};

	bench_start(&b, argc, argv);
	bench_lanes(&b, work);
	return bench_end(&b);
}
