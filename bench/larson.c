/*
 * larson.c - a server whose threads come and go.
 *
 * Stands for: blocks of 8 to 1000 bytes that live for a random time and are
 * often freed by another thread than the one that allocated them, because
 * connections outlive the worker: a thread replaces random blocks of its table
 * for a while, then starts a new thread, hands it the table and exits. So it
 * rests on cross-thread frees, on what happens to an exiting thread's memory,
 * and on the cost of a thread's first allocations. With free=sized blocks are
 * freed as C++ does it, by a function that is told the size: C23's free_sized,
 * or else operator delete, if the allocator has one.
 * Pattern: P. Larson, M. Krishnan, "Memory Allocation for Long-Running Server
 * Applications", ISMM 1998, with a number of lives in place of a run time
 * (which seconds= brings back); larson-sized of daanx/mimalloc-bench.
 * Operation: one free and one malloc.
 */
#include "bench.h"

#include <semaphore.h>

#define SLOTS 5000
#define LIFE 100000 /* operations of one thread */
#define SIZE_MIN 8
#define SIZE_MAX_ 1000
#define MARK 'l'

struct block {
	char *p;
	size_t n;
};

struct lane {
	const struct bench *b;
	struct block slots[SLOTS];
	uint64_t random;
	long lives, lived;
};

static struct bench_option options[] = {
	{ .name = "free", .words = "plain|sized" },
	{ .name = "seconds", .max = 3600 },
	{ .name = NULL },
};

static void *(*make)(size_t) = malloc;
static void (*release_sized)(void *, size_t); /* NULL: free */
static sem_t finished;

static void start_life(struct lane *lane);

/* dlsym gives data pointers; ISO C has no cast from them. */
static void find(const char *name, void *function)
{
	void *p = dlsym(RTLD_DEFAULT, name);

	memcpy(function, &p, sizeof(p));
}

/* What goes together: free_sized takes malloc's blocks, operator delete those of new. */
static void find_sized(void)
{
	void *(*new_)(size_t);

	find("free_sized", &release_sized);
	if (release_sized != NULL)
		return;
	find("_Znwm", &new_);
	find("_ZdlPvm", &release_sized);
	if (new_ != NULL && release_sized != NULL)
		make = new_;
	else
		release_sized = NULL;
}

static void fill(struct block *block, uint64_t *random)
{
	block->n = bench_between(random, SIZE_MIN, SIZE_MAX_);
	block->p = make(block->n);
	if (block->p == NULL)
		bench_fail("out of memory");
	*block->p = MARK;
}

static void drop(struct block *block)
{
	if (*block->p != MARK)
		bench_fail("a block was overwritten");
	if (release_sized != NULL)
		release_sized(block->p, block->n);
	else
		free(block->p);
}

static void *live(void *arg)
{
	struct lane *lane = arg;

	for (long i = 0; i < LIFE; i++) {
		struct block *block = &lane->slots[bench_between(&lane->random, 0, SLOTS - 1)];

		drop(block);
		fill(block, &lane->random);
	}
	lane->lived++;
	if (bench_goes_on(lane->b, lane->lives - lane->lived))
		start_life(lane);
	else
		sem_post(&finished);
	return NULL;
}

static void start_life(struct lane *lane)
{
	pthread_t thread;

	if (pthread_create(&thread, NULL, live, lane) != 0)
		bench_fail("cannot create a thread");
	pthread_detach(thread);
}

int main(int argc, char **argv)
{
	struct bench b = {
		.name = "larson", .operations = 20000000, .threads = 2, .options = options
	};
	struct lane *lanes;

	bench_start(&b, argc, argv);
	if (options[0].value != 0)
		find_sized();
	lanes = bench_table((size_t)b.threads, sizeof(*lanes));
	if (sem_init(&finished, 0, 0) != 0)
		bench_fail("cannot start");
	for (long i = 0; i < b.threads; i++) {
		lanes[i].b = &b;
		lanes[i].random = b.seed + (uint64_t)i * 1000003;
		lanes[i].lives = b.operations / b.threads / LIFE;
		for (int k = 0; k < SLOTS; k++)
			fill(&lanes[i].slots[k], &lanes[i].random);
	}
	for (long i = 0; i < b.threads; i++)
		start_life(&lanes[i]);
	for (long i = 0; i < b.threads; i++)
		while (sem_wait(&finished) != 0)
			;
	b.operations = 0;
	for (long i = 0; i < b.threads; i++) {
		b.operations += lanes[i].lived * LIFE;
		for (int k = 0; k < SLOTS; k++)
			drop(&lanes[i].slots[k]);
	}
	free(lanes);
	return bench_end(&b);
}
