/*
 * mid.c - buffers of 8 to 32 KiB.
 *
 * Stands for: I/O buffers, pages of a database, images' rows: blocks above what
 * most allocators keep in their thread caches, of which a program holds a few
 * hundred and replaces them all the time. Only the first and the last cache
 * line are written, so the allocator's own work and the pages that it gives
 * back and takes again (faults) are what is measured. Several threads share
 * nothing.
 * Pattern: the predecessor's 8-to-32-KiB benchmark, made deterministic.
 * Operation: a random slot, emptied if it holds a block, else filled.
 */
#include "bench.h"

#define SLOTS 256 /* of a thread */
#define SIZE_MIN ((size_t)8 << 10)
#define SIZE_MAX_ ((size_t)32 << 10)
#define MARK 'm'

static void work(struct bench_lane *lane)
{
	char *slots[SLOTS] = { NULL };
	uint64_t random = lane->random;

	for (long i = 0; i < lane->operations; i++) {
		char **slot = &slots[bench_random(&random) % SLOTS];

		if (*slot != NULL) {
			bench_free(*slot, MARK);
			*slot = NULL;
		} else {
			size_t n = bench_between(&random, SIZE_MIN, SIZE_MAX_);

			*slot = bench_alloc(n, MARK);
			(*slot)[n - 1] = MARK;
		}
	}
	for (int i = 0; i < SLOTS; i++)
		if (slots[i] != NULL)
			bench_free(slots[i], MARK);
}

int main(int argc, char **argv)
{
	struct bench b = { .name = "mid", .operations = 15000000, .threads = 1 };

	bench_start(&b, argc, argv);
	bench_lanes(&b, work);
	return bench_end(&b);
}
