/*
 * random_mixed.c - a heap in a steady state: small blocks of all sizes, no order.
 *
 * Stands for: a program with live objects of 16 to 1024 bytes that are made and
 * dropped in an order that nobody can predict (an interpreter, a cache, a
 * graph). Many classes are in use at once, each list is short, frees reach all
 * over the live memory: instruction counts, cache misses in metadata and
 * compactness all show. With ws=256 everything is in the first cache, with the
 * default of 8192 in the second, with a million every access misses caches and
 * TLB. Several threads share nothing, so they show what threads cost as such.
 * Pattern: the predecessor's random_mixed (working set of 8192 slots), made
 * deterministic; of the family of alloc-test in daanx/mimalloc-bench.
 * Operation: a random slot, emptied if it holds a block, else filled.
 */
#include "bench.h"

#define SIZE_MIN 16
#define SIZE_MAX_ 1024
#define MARK 'r'

static struct bench_option options[] = {
	{ .name = "ws", .value = 8192, .min = 1, .max = 100000000 }, /* slots of a thread */
	{ .name = NULL },
};

static void work(struct bench_lane *lane)
{
	size_t n = (size_t)options[0].value;
	void **slots = bench_table(n, sizeof(*slots));
	uint64_t random = lane->random;

	for (long i = 0; i < lane->operations; i++) {
		void **slot = &slots[bench_between(&random, 0, n - 1)];

		if (*slot != NULL) {
			bench_free(*slot, MARK);
			*slot = NULL;
		} else {
			*slot = bench_alloc(bench_between(&random, SIZE_MIN, SIZE_MAX_), MARK);
		}
	}
	for (size_t i = 0; i < n; i++)
		if (slots[i] != NULL)
			bench_free(slots[i], MARK);
	free(slots);
}

int main(int argc, char **argv)
{
	struct bench b = {
		.name = "random_mixed", .operations = 40000000, .threads = 1, .options = options
	};

	bench_start(&b, argc, argv);
	bench_lanes(&b, work);
	return bench_end(&b);
}
