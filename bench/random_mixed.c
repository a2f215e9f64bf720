/*
 * random_mixed.c - a heap in a steady state: small blocks of all sizes, no order.
 *
 * Stands for: a program with a few thousand live objects of 16 to 1024 bytes
 * that are made and dropped in an order that nobody can predict (an
 * interpreter, a cache, a graph). Many classes are in use at once, each list is
 * short, frees reach all over the live memory: instruction counts, cache misses
 * in metadata and compactness all show.
 * Pattern: the predecessor's random_mixed (working set of 8192 slots), made
 * deterministic; of the family of alloc-test in daanx/mimalloc-bench.
 * Operation: a random slot, emptied if it holds a block, else filled.
 */
#include "bench.h"

#define SLOTS 8192
#define SIZE_MIN 16
#define SIZE_MAX_ 1024
#define MARK 'r'

static void *slots[SLOTS];

int main(int argc, char **argv)
{
	struct bench b = bench_start("random_mixed", argc, argv, 40000000);
	uint64_t random = b.seed;

	for (long i = 0; i < b.operations; i++) {
		void **slot = &slots[bench_random(&random) % SLOTS];

		if (*slot != NULL) {
			bench_free(*slot, MARK);
			*slot = NULL;
		} else {
			*slot = bench_alloc(bench_between(&random, SIZE_MIN, SIZE_MAX_), MARK);
		}
	}
	for (int i = 0; i < SLOTS; i++)
		if (slots[i] != NULL)
			bench_free(slots[i], MARK);
	return bench_end(&b);
}
