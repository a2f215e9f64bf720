/*
 * golden.c - the loops whose instructions golden.sh counts.
 *
 *   golden CASE N M    N rounds of the case, M of the same loop without the calls
 *   golden list        the cases: name, two numbers of rounds, blocks in a round
 *   golden which       the file that has this process's malloc
 *
 * With I(N, M) the instructions of the whole process, I(b, a) - I(a, b) is
 * (b - a) times what one round costs beyond its loop: start and exit cancel.
 * The calls go through the PLT of an ordinary program built with -O2.
 */
#include <dlfcn.h>
#include <pthread.h>
#include <semaphore.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#define always_inline inline __attribute__((always_inline))

#define BATCH 100
#define SUPERSLAB ((uintptr_t)2 << 20)
#define ZONE ((uintptr_t)4 << 30)
#define WIDE_SIZE 1000
#define WIDE ((long)(64 * SUPERSLAB / 1024)) /* blocks of WIDE_SIZE in 64 superslabs */
#define HAND_OVER 4096

static size_t sizes[BATCH];
static unsigned order[BATCH];
static void *held[BATCH];
static void **wide;
static unsigned *wide_order;
static char dummy[16384];

/* Without the calls: the compiler may assume as little of the result as of malloc's. */
static always_inline void *take(size_t n, bool real)
{
	void *p = dummy;

	if (real)
		return malloc(n);
	__asm__ volatile("" : "+r"(p) : "r"(n) : "memory");
	return p;
}

static always_inline void drop(void *p, bool real)
{
	if (real)
		free(p);
	else
		__asm__ volatile("" : : "r"(p) : "memory");
}

static uint32_t next_random(void)
{
	static uint64_t state = 42;

	state = state * 6364136223846793005u + 1442695040888963407u;
	return (uint32_t)(state >> 32);
}

static void fill_order(unsigned *a, unsigned n)
{
	for (unsigned i = 0; i < n; i++)
		a[i] = i;
	for (unsigned i = n - 1; i > 0; i--) {
		unsigned k = next_random() % (i + 1), t = a[i];

		a[i] = a[k];
		a[k] = t;
	}
}

static always_inline void run_pair(long rounds, size_t size, bool real)
{
	for (long i = 0; i < rounds; i++)
		drop(take(size, real), real);
}

/* C23's, which is what C++'s operator delete with a size is here. */
void free_sized(void *p, size_t n) __attribute__((weak));

static always_inline void run_sized(long rounds, bool real)
{
	for (long i = 0; i < rounds; i++) {
		void *p = take(32, real);

		if (real)
			free_sized(p, 32);
		else
			drop(p, false);
	}
}

static always_inline void run_calloc(long rounds, bool real)
{
	for (long i = 0; i < rounds; i++)
		drop(real ? calloc(1, 64) : take(64, false), real);
}

static always_inline void run_batch(long rounds, bool shuffled, bool real)
{
	for (long i = 0; i < rounds; i++) {
		for (unsigned k = 0; k < BATCH; k++)
			held[k] = take(sizes[k], real);
		for (unsigned k = 0; k < BATCH; k++)
			drop(held[shuffled ? order[k] : k], real);
	}
}

/* Two blocks of one class, in two superslabs, go out and come back in turns. */
static always_inline void run_miss(long rounds, bool real)
{
	for (long i = 0; i < rounds; i++) {
		void *p = take(WIDE_SIZE, real), *q = take(WIDE_SIZE, real);

		drop(p, real);
		drop(q, real);
	}
}

/* Leaves two free blocks that lie in two units of `unit` bytes. */
static void prepare_miss(uintptr_t unit)
{
	void *first = malloc(WIDE_SIZE), *p;

	/* Nothing more can be mapped near the first one. */
	do
		p = unit == SUPERSLAB ? MAP_FAILED :
			mmap(NULL, SUPERSLAB, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	while (p != MAP_FAILED && ((uintptr_t)p ^ (uintptr_t)first) < unit);
	for (long left = WIDE; left > 0; left--) {
		p = malloc(WIDE_SIZE);
		if (((uintptr_t)p ^ (uintptr_t)first) >= unit) {
			free(first);
			free(p);
			return;
		}
	}
	exit(1);
}

static always_inline void run_wide(long rounds, size_t size, bool real)
{
	for (long i = 0; i < rounds; i++) {
		for (long k = 0; k < WIDE; k++)
			wide[k] = take(size, real);
		for (long k = 0; k < WIDE; k++)
			drop(wide[wide_order[k]], real);
	}
}

static void prepare_wide(size_t size)
{
	wide = malloc((size_t)WIDE * sizeof(*wide));
	wide_order = malloc((size_t)WIDE * sizeof(*wide_order));
	fill_order(wide_order, WIDE);
	run_wide(1, size, true);
}

static always_inline void run_fresh(long rounds, bool real)
{
	for (long i = 0; i < rounds; i++) {
		void *p = take(32, real);

		__asm__ volatile("" : : "r"(p));
	}
}

static always_inline void run_realloc(long rounds, bool real)
{
	void *p = malloc(100);

	for (long i = 0; i < rounds; i++) {
		size_t n = 97 + ((size_t)i & 7);

		if (real)
			p = realloc(p, n);
		else
			__asm__ volatile("" : "+r"(p) : "r"(n) : "memory");
	}
	free(p);
}

static sem_t full, empty;
static void *shared[HAND_OVER];
static bool remote_real;

static always_inline void eat(bool real)
{
	for (unsigned k = 0; k < HAND_OVER; k++)
		drop(shared[k], real);
}

static always_inline void make(bool real)
{
	for (unsigned k = 0; k < HAND_OVER; k++)
		shared[k] = take(64, real);
}

static void *consume(void *arg)
{
	for (long i = *(long *)arg; i > 0; i--) {
		sem_wait(&full);
		if (remote_real)
			eat(true);
		else
			eat(false);
		sem_post(&empty);
	}
	return NULL;
}

/* In lockstep: whoever waits runs nothing, so the count hangs on the blocks alone. */
static void run_remote(long rounds, bool real)
{
	pthread_t thread;

	remote_real = real;
	sem_init(&full, 0, 0);
	sem_init(&empty, 0, 0);
	if (pthread_create(&thread, NULL, consume, &rounds) != 0)
		exit(1);
	for (long i = 0; i < rounds; i++) {
		if (real)
			make(true);
		else
			make(false);
		sem_post(&full);
		sem_wait(&empty);
	}
	pthread_join(thread, NULL);
}

#define BOTH(call_real, call_empty) (real ? call_real : call_empty)

static void run_case(const char *name, long rounds, bool real)
{
	if (strcmp(name, "pair") == 0)
		BOTH(run_pair(rounds, 32, true), run_pair(rounds, 32, false));
	else if (strcmp(name, "mid") == 0)
		BOTH(run_pair(rounds, 16384, true), run_pair(rounds, 16384, false));
	else if (strcmp(name, "sized") == 0)
		BOTH(run_sized(rounds, true), run_sized(rounds, false));
	else if (strcmp(name, "calloc") == 0)
		BOTH(run_calloc(rounds, true), run_calloc(rounds, false));
	else if (strcmp(name, "batch") == 0)
		BOTH(run_batch(rounds, false, true), run_batch(rounds, false, false));
	else if (strcmp(name, "shuffled") == 0)
		BOTH(run_batch(rounds, true, true), run_batch(rounds, true, false));
	else if (strcmp(name, "miss") == 0 || strcmp(name, "far") == 0)
		BOTH(run_miss(rounds, true), run_miss(rounds, false));
	else if (strcmp(name, "wide") == 0)
		BOTH(run_wide(rounds, WIDE_SIZE, true), run_wide(rounds, WIDE_SIZE, false));
	else if (strcmp(name, "small") == 0)
		BOTH(run_wide(rounds, 16, true), run_wide(rounds, 16, false));
	else if (strcmp(name, "fresh") == 0)
		BOTH(run_fresh(rounds, true), run_fresh(rounds, false));
	else if (strcmp(name, "realloc") == 0)
		BOTH(run_realloc(rounds, true), run_realloc(rounds, false));
	else if (strcmp(name, "remote") == 0)
		run_remote(rounds, real);
}

/* How many rounds make the two runs, and how many blocks a round has. */
static const struct {
	const char *name;
	long few, many, blocks;
} cases[] = {
	{ "pair", 1000, 11000, 1 },
	{ "batch", 20, 120, BATCH },
	{ "shuffled", 20, 120, BATCH },
	{ "miss", 1000, 6000, 2 },
	{ "far", 1000, 6000, 2 },
	{ "wide", 1, 2, WIDE },
	{ "small", 1, 2, WIDE },
	{ "fresh", 4096, 36864, 1 },
	{ "calloc", 1000, 11000, 1 },
	{ "mid", 1000, 11000, 1 },
	{ "remote", 4, 12, HAND_OVER },
	{ "realloc", 1000, 11000, 1 },
	{ "sized", 1000, 11000, 1 },
};

#define CASES (sizeof(cases) / sizeof(cases[0]))

static int list(void)
{
	for (size_t i = 0; i < CASES; i++)
		printf("%s %ld %ld %ld\n", cases[i].name, cases[i].few, cases[i].many,
		       cases[i].blocks);
	return 0;
}

static int which(void)
{
	Dl_info info;
	void *f = dlsym(RTLD_DEFAULT, "malloc");

	puts(f != NULL && dladdr(f, &info) != 0 ? info.dli_fname : "unknown");
	return 0;
}

int main(int argc, char **argv)
{
	if (argc == 2 && strcmp(argv[1], "which") == 0)
		return which();
	if (argc == 2 && strcmp(argv[1], "list") == 0)
		return list();
	if (argc != 4)
		return 2;
	for (unsigned i = 0; i < BATCH; i++)
		sizes[i] = 16 + next_random() % (512 - 16 + 1);
	fill_order(order, BATCH);
	if (strcmp(argv[1], "miss") == 0)
		prepare_miss(SUPERSLAB);
	if (strcmp(argv[1], "far") == 0)
		prepare_miss(ZONE);
	if (strcmp(argv[1], "wide") == 0)
		prepare_wide(WIDE_SIZE);
	if (strcmp(argv[1], "small") == 0)
		prepare_wide(16);
	run_case(argv[1], atol(argv[2]), true);
	run_case(argv[1], atol(argv[3]), false);
	return 0;
}
