/*
 * burst_idle.c - a burst of work, then next to nothing to do; three times.
 *
 * Stands for: a server at the full hour, a build daemon, an editor that has opened a large file:
 * it holds little, then for a short time much, of all sizes, and gives it back in an order that
 * has nothing to do with the one in which it came. A part of what it always has is replaced in
 * the middle of the burst. Then it waits: first without one call of malloc, so that what is to go
 * back must have gone with the frees or by itself, then with a few calls now and then.
 * Pattern: our own.
 * Operation: a block of the burst.
 */
#include "memory.h"

#define BURSTS 3
#define KEPT 20 /* a twentieth as many blocks are always there */

static struct bench_option options[] = { MEMORY_PAUSE, { .name = NULL } };

/* Most are small; one in ten is a buffer, one in a thousand an image. */
static void *piece(uint64_t *random)
{
	size_t kind = bench_between(random, 0, 999);

	return kind == 0 ? memory_any(random, 15, 18) :
	       kind < 100 ? memory_any(random, 10, 15) :
			    memory_any(random, 4, 10);
}

static void burst(void **kept, long n_kept, void **table, long n, long begin, uint64_t *random)
{
	for (long i = 1; i <= n; i++) {
		table[i - 1] = piece(random);
		if (i % (2 * KEPT) == 0) {
			void **slot = &kept[bench_between(random, 0, (size_t)n_kept - 1)];

			memory_put(*slot);
			*slot = piece(random);
		}
		if (memory_due(i, n, 12))
			memory_sample(begin + i, "burst");
	}
	for (long i = 1, left = n; i <= n; i++) {
		memory_put(memory_take(table, &left, random));
		if (memory_due(i, n, 12))
			memory_sample(begin + n, "over");
	}
}

int main(int argc, char **argv)
{
	struct bench b = {
		.name = "burst_idle", .operations = 450000, .threads = 1, .options = options
	};
	long n, n_kept;
	void **kept, **table;

	memory_start(&b, argc, argv, false);
	memory_base();
	n = (b.operations + BURSTS - 1) / BURSTS;
	n_kept = n / KEPT + 1;
	b.operations = n * BURSTS;
	kept = memory_table((size_t)n_kept);
	for (long i = 0; i < n_kept; i++)
		kept[i] = piece(&b.seed);
	memory_sample(0, "start");
	for (long i = 0; i < BURSTS; i++) {
		table = memory_table((size_t)n);
		burst(kept, n_kept, table, n, i * n, &b.seed);
		memory_table_free(table, (size_t)n);
		memory_idle(&b, (i + 1) * n, 5, "idle");
		memory_beats(&b, (i + 1) * n, 4, "beats");
	}
	for (long i = 0; i < n_kept; i++)
		memory_put(kept[i]);
	memory_table_free(kept, (size_t)n_kept);
	memory_sample(b.operations, "end");
	return bench_end(&b);
}
