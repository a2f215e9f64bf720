/*
 * larson.c - a server whose threads come and go.
 *
 * Stands for: blocks of 8 to 1000 bytes that live for a random time and are
 * often freed by another thread than the one that allocated them, because
 * connections outlive the worker: a thread replaces random blocks of its table
 * for a while, then starts a new thread, hands it the table and exits. So it
 * rests on cross-thread frees, on what happens to an exiting thread's memory,
 * and on the cost of a thread's first allocations.
 * Pattern: P. Larson, M. Krishnan, "Memory Allocation for Long-Running Server
 * Applications", ISMM 1998, with a number of lives in place of a run time.
 * Operation: one free and one malloc.
 */
#include "bench.h"

#include <pthread.h>
#include <semaphore.h>

#define SLOTS 5000
#define LIFE 100000 /* operations of one thread */
#define SIZE_MIN 8
#define SIZE_MAX_ 1000
#define MARK 'l'

struct lane {
	void *slots[SLOTS];
	uint64_t random;
	long lives;
};

static sem_t finished;

static void start_life(struct lane *lane);

static void *live(void *arg)
{
	struct lane *lane = arg;

	for (long i = 0; i < LIFE; i++) {
		void **slot = &lane->slots[bench_between(&lane->random, 0, SLOTS - 1)];

		bench_free(*slot, MARK);
		*slot = bench_alloc(bench_between(&lane->random, SIZE_MIN, SIZE_MAX_), MARK);
	}
	if (--lane->lives > 0)
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
	struct bench b = bench_start("larson", argc, argv, 20000000);
	struct lane *lanes = calloc((size_t)b.threads, sizeof(*lanes));
	long lives = b.operations / b.threads / LIFE;

	if (lanes == NULL || sem_init(&finished, 0, 0) != 0)
		bench_fail("cannot start");
	lives = lives > 0 ? lives : 1;
	b.operations = lives * b.threads * LIFE;
	for (long i = 0; i < b.threads; i++) {
		lanes[i].random = b.seed + (uint64_t)i * 1000003;
		lanes[i].lives = lives;
		for (int k = 0; k < SLOTS; k++)
			lanes[i].slots[k] = bench_alloc(
				bench_between(&lanes[i].random, SIZE_MIN, SIZE_MAX_), MARK);
	}
	for (long i = 0; i < b.threads; i++)
		start_life(&lanes[i]);
	for (long i = 0; i < b.threads; i++)
		while (sem_wait(&finished) != 0)
			;
	for (long i = 0; i < b.threads; i++)
		for (int k = 0; k < SLOTS; k++)
			bench_free(lanes[i].slots[k], MARK);
	free(lanes);
	return bench_end(&b);
}
