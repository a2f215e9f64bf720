/*
 * row.c - a row for the tests of bench/run.   row MODE
 *
 * Its line of result is like a benchmark's; the mode says what is wrong with it.
 */
#include "../../bench/bench.h"

#include <unistd.h>

static void say(double seconds, const char *allocator)
{
	printf("row 1000 %.6f %.0f %ld %s\n", seconds, 1000 / seconds, bench_peak_kib(),
	       allocator);
}

/* Holds 2 MiB for the time that a few samples need. */
static double work(void)
{
	enum { BLOCKS = 20000 };
	static char *blocks[BLOCKS];
	struct timespec begin, now;
	double seconds;
	uint64_t random = 1;

	clock_gettime(CLOCK_MONOTONIC, &begin);
	do {
		for (int i = 0; i < BLOCKS; i++) {
			size_t k = bench_between(&random, 0, BLOCKS - 1);

			if (blocks[k] != NULL)
				bench_free(blocks[k], 1);
			blocks[k] = bench_alloc(bench_between(&random, 20, 180), 1);
		}
		clock_gettime(CLOCK_MONOTONIC, &now);
		seconds = (double)(now.tv_sec - begin.tv_sec) +
			  (double)(now.tv_nsec - begin.tv_nsec) / 1e9;
	} while (seconds < 0.12);
	return seconds;
}

/* One second or one and a half, whatever it took: not what it said in the run before. */
static double noise(void)
{
	FILE *f = fopen("runs", "a+");
	long runs = 0;

	if (f == NULL)
		bench_fail("runs cannot be written");
	fputc('x', f);
	runs = ftell(f);
	fclose(f);
	return runs % 2 == 0 ? 1 : 1.5;
}

int main(int argc, char **argv)
{
	const char *mode = argc > 1 ? argv[1] : "", *allocator = bench_allocator();

	if (strcmp(mode, "work") == 0)
		say(work(), allocator);
	else if (strcmp(mode, "marked") == 0)
		bench_free(bench_alloc(54321, 1), 1), say(1, allocator);
	else if (strcmp(mode, "noisy") == 0)
		say(noise(), allocator);
	else if (strcmp(mode, "steady") == 0)
		say(strstr(allocator, "other") != NULL ? 2 : 1 + noise() / 1000, allocator);
	else if (strcmp(mode, "liar") == 0)
		say(1, "/usr/lib/another.so");
	else if (strcmp(mode, "sleep") == 0)
		sleep(100);
	else if (strcmp(mode, "silent") != 0)
		return 3;
	return 0;
}
