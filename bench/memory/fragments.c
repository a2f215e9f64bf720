/*
 * fragments.c - long-lived fragments among short-lived objects.
 *
 * Stands for: a service whose requests each leave something behind: a session, a compiled
 * pattern, an entry of a log. What they leave lies between what they needed for a moment, one
 * block in 32, on nearly every page; when the load goes the pages stay, for it. In later rounds
 * the sizes are others, so that the holes do not fit; light work on buffers goes on between the
 * rounds. What is left behind lives for two rounds.
 * Pattern: our own; M. S. Johnstone and P. R. Wilson, "The Memory Fragmentation Problem: Solved?",
 * 1998, say why it should not be a problem.
 * Operation: a block of a request.
 */
#include "memory.h"

#define ROUNDS 5
#define LEAVE 32 /* one block in so many stays */

static struct bench_option options[] = { MEMORY_PAUSE, { .name = NULL } };

/* The requests: all that they need is there at once, then goes but for what is left behind. */
static long load(void **table, long n, void **left, size_t lo, long begin, uint64_t *random)
{
	long n_left = 0;

	for (long i = 1; i <= n; i++) {
		table[i - 1] = memory_any(random, lo, lo + 5);
		if (bench_between(random, 0, LEAVE - 1) == 0 && n_left < n / LEAVE) {
			left[n_left++] = table[i - 1];
			table[i - 1] = NULL;
		}
		if (memory_due(i, n, 8))
			memory_sample(begin + i, "load");
	}
	for (long i = 1; i <= n; i++) {
		if (table[i - 1] != NULL)
			memory_put(table[i - 1]);
		if (memory_due(i, n, 4))
			memory_sample(begin + n, "answered");
	}
	return n_left;
}

/* A few buffers at a time, larger than what the requests left holes for. */
static void light(long n, long operations, uint64_t *random)
{
	void *buffers[16] = { NULL };

	for (long i = 1; i <= n; i++) {
		void **slot = &buffers[bench_between(random, 0, 15)];

		if (*slot != NULL)
			memory_put(*slot);
		*slot = memory_any(random, 11, 15);
		if (memory_due(i, n, 4))
			memory_sample(operations, "light");
	}
	for (size_t i = 0; i < sizeof(buffers) / sizeof(buffers[0]); i++)
		if (buffers[i] != NULL)
			memory_put(buffers[i]);
}

static void expire(void **left, long n, uint64_t *random)
{
	while (n > 0)
		memory_put(memory_take(left, &n, random));
}

int main(int argc, char **argv)
{
	struct bench b = {
		.name = "fragments", .operations = 1200000, .threads = 1, .options = options
	};
	void **left[ROUNDS], **table;
	long n, each, n_left[ROUNDS];

	memory_start(&b, argc, argv, false);
	memory_base();
	n = (b.operations + ROUNDS - 1) / ROUNDS;
	b.operations = n * ROUNDS;
	each = n / LEAVE + 1;
	for (long i = 0; i < ROUNDS; i++) {
		left[i] = memory_table((size_t)each);
		table = memory_table((size_t)n);
		n_left[i] = load(table, n, left[i], 4 + (size_t)i % 3, i * n, &b.seed);
		memory_table_free(table, (size_t)n);
		memory_idle(&b, (i + 1) * n, 3, "idle");
		light(n / 16 + 1, (i + 1) * n, &b.seed);
		if (i >= 2)
			expire(left[i - 2], n_left[i - 2], &b.seed);
	}
	memory_idle(&b, b.operations, 4, "idle");
	for (long i = ROUNDS - 2; i < ROUNDS; i++)
		expire(left[i], n_left[i], &b.seed);
	for (long i = 0; i < ROUNDS; i++)
		memory_table_free(left[i], (size_t)each);
	memory_sample(b.operations, "end");
	return bench_end(&b);
}
