/*
 * first_calls.c - how long the first calls of a process take.
 *
 * Stands for: a server that was just started and gets its first request, and programs that end
 * after some thousand calls. First a request as a web server has one: REQUEST blocks, small ones
 * for headers and objects, a few buffers, all written to and freed again. Then CALLS mallocs of 16
 * to 1024 bytes, each doubling as likely as any other, one in 64 of up to 8 KiB; each block is
 * written to at its start and its end, and after each another one goes with an even chance.
 * Each malloc is timed with the first writes, whose page faults are part of its price.
 * Pattern: our own, after server.c.
 *
 *   first_calls [SEED]
 *
 * prints lines "NAME NUMBER": start_us, the processor time until main; request_us and
 * request_faults; p50_ns, p99_ns, p999_ns, max_ns and faults of the mallocs; and the file whose
 * malloc it was. Tables are static and in memory before.
 */
#include "../bench.h"

#include <sys/resource.h>

#define REQUEST 200
#define CALLS 100000
#define MARK 'f'

struct call {
	char *block;
	uint32_t ns;
};

static struct call calls[CALLS];
static uint32_t sorted[CALLS];
static uint64_t state;

static uint64_t now(clockid_t clock)
{
	struct timespec t;

	clock_gettime(clock, &t);
	return (uint64_t)t.tv_sec * 1000000000 + (uint64_t)t.tv_nsec;
}

static long faults(void)
{
	struct rusage used;

	getrusage(RUSAGE_SELF, &used);
	return used.ru_minflt;
}

/* From 2^lo to 2^hi, each doubling as likely as any other. */
static size_t scaled(size_t lo, size_t hi)
{
	size_t n = (size_t)1 << bench_between(&state, lo, hi - 1);

	return n + bench_between(&state, 0, n - 1);
}

static void request(void)
{
	static char *blocks[REQUEST];
	long before = faults();
	uint64_t start = now(CLOCK_MONOTONIC);

	for (int i = 0; i < REQUEST; i++) {
		size_t n = i % 20 == 0 ? scaled(10, 15) : bench_between(&state, 8, 500);

		blocks[i] = bench_alloc(n, MARK);
		memset(blocks[i], MARK, n);
	}
	for (int i = REQUEST; i-- > 0;)
		bench_free(blocks[i], MARK);
	start = now(CLOCK_MONOTONIC) - start;
	before = faults() - before;
	printf("request_us %.1f\nrequest_faults %ld\n", (double)start / 1e3, before);
}

static void drop(struct call *c)
{
	if (c->block != NULL)
		bench_free(c->block, MARK);
	c->block = NULL;
}

static void all_calls(void)
{
	long before = faults();

	for (size_t i = 0; i < CALLS; i++) {
		size_t n = bench_between(&state, 0, 63) == 0 ? scaled(10, 13) : scaled(4, 10);
		uint64_t start = now(CLOCK_MONOTONIC);

		calls[i].block = bench_alloc(n, MARK);
		calls[i].block[n - 1] = MARK;
		calls[i].ns = (uint32_t)(now(CLOCK_MONOTONIC) - start);
		if (bench_between(&state, 0, 1) == 0)
			drop(&calls[bench_between(&state, 0, i)]);
	}
	printf("faults %ld\n", faults() - before);
}

static int by_value(const void *a, const void *b)
{
	uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

	return x < y ? -1 : x > y;
}

int main(int argc, char **argv)
{
	uint64_t start = now(CLOCK_PROCESS_CPUTIME_ID);
	long seed = 42;

	if (argc > 2 || (argc == 2 && !bench_number(argv[1], 1, LONG_MAX, &seed)))
		bench_fail("usage: first_calls [SEED]");
	state = (uint64_t)seed;
	memset(sorted, 1, sizeof(sorted));
	for (size_t i = 0; i < CALLS; i++)
		calls[i].ns = 1;
	request();
	all_calls();
	for (size_t i = 0; i < CALLS; i++)
		sorted[i] = calls[i].ns;
	qsort(sorted, CALLS, sizeof(*sorted), by_value);
	printf("start_us %.1f\np50_ns %u\np99_ns %u\np999_ns %u\nmax_ns %u\n", (double)start / 1e3,
	       sorted[CALLS / 2], sorted[CALLS / 100 * 99], sorted[CALLS / 1000 * 999],
	       sorted[CALLS - 1]);
	printf("%s\n", bench_allocator());
	return 0;
}
