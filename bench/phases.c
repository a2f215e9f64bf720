/*
 * phases.c - batches of small blocks, freed in both orders, some of them kept.
 *
 * Stands for: an application's event loop: an event makes a few hundred small
 * blocks, the smaller the more frequent. When it is over, the younger half goes
 * in reverse order (the calls return), a quarter in order (a list is dropped),
 * and a quarter stays for later events: in a table of the thread's own
 * (kept=own), or in one that all threads share (kept=shared), so that most
 * of what is kept is freed by another thread than the one that made it.
 * Pattern: MicroQuill's SH6bench and SH8bench, after what D. Leijen, B. Zorn and
 * L. de Moura say of them ("Mimalloc: Free List Sharding in Action", 2019).
 * Operation: one malloc and one free.
 */
#include "bench.h"

#include <stdatomic.h>

#define BATCH 512
#define KEPT 8192 /* of a thread, or of all */
#define MARK 's'

static struct bench_option options[] = {
	{ .name = "kept", .words = "own|shared" },
	{ .name = NULL },
};

static void *_Atomic shared[KEPT];

/* 1 to 1023 bytes, each doubling as likely as any other. */
static size_t pick(uint64_t *random)
{
	size_t top = (size_t)1 << bench_between(random, 0, 9);

	return top + bench_between(random, 0, top - 1);
}

static void keep(void **own, void *block, uint64_t *random)
{
	size_t at = bench_between(random, 0, KEPT - 1);

	if (options[0].value != 0) {
		block = atomic_exchange(&shared[at], block);
	} else {
		void *old = own[at];

		own[at] = block;
		block = old;
	}
	if (block != NULL)
		bench_free(block, MARK);
}

static void work(struct bench_lane *lane)
{
	void *batch[BATCH], **own = bench_table(KEPT, sizeof(*own));
	uint64_t random = lane->random;
	long left = lane->operations;

	while (left > 0) {
		int n = left < BATCH ? (int)left : BATCH;

		for (int i = 0; i < n; i++)
			batch[i] = bench_alloc(pick(&random), MARK);
		for (int i = n; i-- > n / 2;)
			bench_free(batch[i], MARK);
		for (int i = 0; i < n / 4; i++)
			bench_free(batch[i], MARK);
		for (int i = n / 4; i < n / 2; i++)
			keep(own, batch[i], &random);
		left -= n;
	}
	for (int i = 0; i < KEPT; i++)
		if (own[i] != NULL)
			bench_free(own[i], MARK);
	free(own);
}

int main(int argc, char **argv)
{
	struct bench b = {
		.name = "phases", .operations = 40000000, .threads = 2, .options = options
	};

	bench_start(&b, argc, argv);
	bench_lanes(&b, work);
	for (int i = 0; i < KEPT; i++)
		if (shared[i] != NULL)
			bench_free(shared[i], MARK);
	return bench_end(&b);
}
