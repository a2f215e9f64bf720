/*
 * bench.h - what the benchmark programs share: arguments, random numbers, threads,
 * the clock, and the line of result.
 *
 * A program does a fixed amount of work that its arguments decide, so that wall
 * times compare:   PROGRAM [OPERATIONS [SEED [THREADS]]] [OPTION=VALUE]...
 * and prints       NAME OPERATIONS SECONDS OPERATIONS_PER_S PEAK_KIB ALLOCATOR
 * where ALLOCATOR is the file whose malloc the process really calls: a preload
 * that failed must not pass for a measurement. What it did, OPERATIONS, may be a
 * few more than were asked for, when its work comes in pieces, but is the same
 * under every allocator. The options of a program are in its source and in the
 * line that it prints on a wrong argument. With seconds=N, where a program has
 * it, the work goes on for that long and OPERATIONS says how far it came.
 */
#ifndef HM_BENCH_BENCH_H
#define HM_BENCH_BENCH_H

#ifndef _GNU_SOURCE
#define _GNU_SOURCE /* dladdr */
#endif

#include <dlfcn.h>
#include <errno.h>
#include <limits.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define BENCH_THREADS_MAX 256
#define BENCH_OPERATIONS_MAX 1000000000000000 /* so that sums of them fit */

/* What a program can be asked for by NAME=VALUE: a number, or one of some words. */
struct bench_option {
	const char *name;
	long value; /* the default, then what was asked for; of words the place, from 0 */
	long min, max;
	const char *words; /* "one|two|three", or NULL: a number in [min, max] */
};

/* The caller sets the defaults by name before bench_start. */
struct bench {
	const char *name;
	long operations, threads;
	struct bench_option *options; /* up to one without a name; NULL: it has none */
	uint64_t seed;
	long seconds; /* above 0: until so much time is over, instead of so many operations */
	struct timespec start;
};

/* A thread of a program and its share of the operations. */
struct bench_lane {
	_Alignas(128) const struct bench *bench;
	void (*work)(struct bench_lane *);
	long id, operations;
	uint64_t random;
	pthread_t thread;
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

static inline _Noreturn void bench_fail(const char *what)
{
	fprintf(stderr, "%s: %s\n", program_invocation_short_name, what);
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

/* n zeroed items of the program's own tables. */
static inline void *bench_table(size_t n, size_t size)
{
	void *p = calloc(n, size);

	if (p == NULL)
		bench_fail("out of memory");
	return p;
}

static inline void bench_free(void *p, char mark)
{
	if (*(char *)p != mark)
		bench_fail("a block was overwritten");
	free(p);
}

static inline _Noreturn void bench_usage(const struct bench *b, const char *argument)
{
	fprintf(stderr, "%s: bad argument '%s'; usage: %s [OPERATIONS [SEED [THREADS]]]", b->name,
		argument, b->name);
	for (const struct bench_option *o = b->options; o != NULL && o->name != NULL; o++)
		if (o->words != NULL)
			fprintf(stderr, " [%s=%s]", o->name, o->words);
		else
			fprintf(stderr, " [%s=%ld..%ld]", o->name, o->min, o->max);
	fprintf(stderr, ", at most %d threads\n", BENCH_THREADS_MAX);
	exit(1);
}

/* Is `text` a number in [min, max]? */
static inline bool bench_number(const char *text, long min, long max, long *v)
{
	char *end;

	errno = 0;
	*v = strtol(text, &end, 10);
	return end != text && *end == '\0' && errno == 0 && *v >= min && *v <= max;
}

/* The place of `text` in "one|two|three". */
static inline bool bench_word(const char *text, const char *words, long *v)
{
	size_t n = strcspn(text, "|");

	if (text[n] != '\0')
		return false;
	for (*v = 0; words != NULL; words = strchr(words, '|')) {
		words += *words == '|';
		if (strncmp(words, text, n) == 0 && (words[n] == '|' || words[n] == '\0'))
			return true;
		++*v;
	}
	return false;
}

static inline bool bench_set_option(struct bench_option *o, const char *argument)
{
	size_t n = strcspn(argument, "=");

	for (; o != NULL && o->name != NULL; o++) {
		const char *text = argument + n + 1;

		if (strlen(o->name) != n || strncmp(o->name, argument, n) != 0)
			continue;
		return o->words != NULL ? bench_word(text, o->words, &o->value)
					: bench_number(text, o->min, o->max, &o->value);
	}
	return false;
}

/* Reads the arguments and starts the clock. */
static inline void bench_start(struct bench *b, int argc, char **argv)
{
	long seed = 42, *const numbers[] = { &b->operations, &seed, &b->threads };
	const long most[] = { BENCH_OPERATIONS_MAX, LONG_MAX, BENCH_THREADS_MAX };
	size_t n = 0;

	for (int i = 1; i < argc; i++) {
		if (strchr(argv[i], '=') != NULL) {
			if (!bench_set_option(b->options, argv[i]))
				bench_usage(b, argv[i]);
		} else if (n == 3 || !bench_number(argv[i], 1, most[n], numbers[n])) {
			bench_usage(b, argv[i]);
		} else {
			n++;
		}
	}
	b->seed = (uint64_t)seed;
	for (const struct bench_option *o = b->options; o != NULL && o->name != NULL; o++)
		if (strcmp(o->name, "seconds") == 0)
			b->seconds = o->value;
	clock_gettime(CLOCK_MONOTONIC, &b->start);
}

static inline double bench_elapsed(const struct bench *b)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (double)(now.tv_sec - b->start.tv_sec) +
	       (double)(now.tv_nsec - b->start.tv_nsec) / 1e9;
}

/* Is there more to do: some work left, or in a run by time some time? Looks at the clock. */
static inline bool bench_goes_on(const struct bench *b, long left)
{
	return b->seconds > 0 ? bench_elapsed(b) < (double)b->seconds : left > 0;
}

static inline void *bench_lane_main(void *arg)
{
	struct bench_lane *lane = arg;

	lane->work(lane);
	return NULL;
}

/*
 * Work in each thread, with its own random numbers. One thread is the first one: a program
 * without threads stays one, which some allocators notice. work() may set lane->operations to
 * what it really did; their sum becomes b->operations.
 */
static inline void bench_lanes(struct bench *b, void (*work)(struct bench_lane *))
{
	static struct bench_lane lanes[BENCH_THREADS_MAX];
	long all = b->operations, n = b->threads;

	b->operations = 0;
	for (long i = 0; i < n; i++)
		lanes[i] = (struct bench_lane){ .bench = b, .work = work, .id = i,
						.operations = all / n + (i < all % n),
						.random = b->seed + (uint64_t)i * 1000003 };
	if (n == 1)
		work(&lanes[0]);
	for (long i = 0; n > 1 && i < n; i++)
		if (pthread_create(&lanes[i].thread, NULL, bench_lane_main, &lanes[i]) != 0)
			bench_fail("cannot create a thread");
	for (long i = 0; n > 1 && i < n; i++)
		pthread_join(lanes[i].thread, NULL);
	for (long i = 0; i < n; i++)
		b->operations += lanes[i].operations;
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
	double seconds = bench_elapsed(b);

	printf("%s %ld %.4f %.0f %ld %s\n", b->name, b->operations, seconds,
	       (double)b->operations / seconds, bench_peak_kib(), bench_allocator());
	return 0;
}

#endif
