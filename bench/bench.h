/*
 * bench.h - what the benchmark programs share: arguments, random numbers, the
 * clock, and the line of result.
 *
 * A program does a fixed amount of work that its arguments decide, so that wall
 * times compare:   PROGRAM [OPERATIONS [SEED [THREADS]]]
 * and prints       NAME OPERATIONS SECONDS OPERATIONS_PER_S PEAK_KIB ALLOCATOR
 * where ALLOCATOR is the file whose malloc the process really calls: a preload
 * that failed must not pass for a measurement.
 */
#ifndef HM_BENCH_BENCH_H
#define HM_BENCH_BENCH_H

#ifndef _GNU_SOURCE
#define _GNU_SOURCE /* dladdr */
#endif

#include <dlfcn.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

struct bench {
	const char *name;
	long operations, threads;
	uint64_t seed;
	struct timespec start;
};

/* Multiplies cost little beside malloc; the upper bits are the good ones. */
static inline uint32_t bench_random(uint64_t *state)
{
	*state = *state * 6364136223846793005u + 1442695040888963407u;
	return (uint32_t)(*state >> 32);
}

/* A number in [lo, hi]. */
static inline size_t bench_between(uint64_t *state, size_t lo, size_t hi)
{
	return lo + (size_t)(((uint64_t)bench_random(state) * (hi - lo + 1)) >> 32);
}

static inline void bench_fail(const char *what)
{
	fprintf(stderr, "bench: %s\n", what);
	exit(1);
}

/* A block that is written to, as its user would. The mark is looked at when it is freed. */
static inline void *bench_alloc(size_t n, char mark)
{
	char *p = malloc(n);

	if (p == NULL)
		bench_fail("out of memory");
	*p = mark;
	return p;
}

static inline void bench_free(void *p, char mark)
{
	if (*(char *)p != mark)
		bench_fail("a block was overwritten");
	free(p);
}

static inline long bench_argument(int argc, char **argv, int i, long dflt)
{
	char *end;
	long v;

	if (i >= argc)
		return dflt;
	v = strtol(argv[i], &end, 10);
	if (*end != '\0' || v <= 0)
		bench_fail("arguments: [OPERATIONS [SEED [THREADS]]], each a number above 0");
	return v;
}

static inline struct bench bench_start(const char *name, int argc, char **argv, long operations)
{
	struct bench b = { .name = name };

	b.operations = bench_argument(argc, argv, 1, operations);
	b.seed = (uint64_t)bench_argument(argc, argv, 2, 42);
	b.threads = bench_argument(argc, argv, 3, 2);
	clock_gettime(CLOCK_MONOTONIC, &b.start);
	return b;
}

/* Of this program alone: getrusage would count what its parent had before exec. */
static inline long bench_peak_kib(void)
{
	char line[256];
	long kib = 0;
	FILE *f = fopen("/proc/self/status", "re");

	while (f != NULL && fgets(line, sizeof(line), f) != NULL)
		if (sscanf(line, "VmHWM: %ld", &kib) == 1)
			break;
	if (f != NULL)
		fclose(f);
	return kib;
}

/* The object that has all four of the names; "mixed" when they are of several. */
static inline const char *bench_allocator(void)
{
	static const char *const names[] = { "malloc", "free", "calloc", "realloc" };
	const char *found = NULL;
	Dl_info info;

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		void *f = dlsym(RTLD_DEFAULT, names[i]);

		if (f == NULL || dladdr(f, &info) == 0)
			return "unknown";
		if (found != NULL && strcmp(found, info.dli_fname) != 0)
			return "mixed";
		found = info.dli_fname;
	}
	return found;
}

static inline int bench_end(const struct bench *b)
{
	struct timespec end;
	double seconds;
	long peak = bench_peak_kib();

	clock_gettime(CLOCK_MONOTONIC, &end);
	seconds = (double)(end.tv_sec - b->start.tv_sec) +
		  (double)(end.tv_nsec - b->start.tv_nsec) / 1e9;
	printf("%s %ld %.4f %.0f %ld %s\n", b->name, b->operations, seconds,
	       (double)b->operations / seconds, peak, bench_allocator());
	return 0;
}

#endif
