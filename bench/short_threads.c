/*
 * short_threads.c - threads that live for a hundred allocations.
 *
 * Stands for: a thread for each request, parallel sections, helpers of
 * libraries: the thread makes some blocks, frees half of them and ends; its
 * parent takes the rest as the result and frees it. So it rests on what a
 * thread's first and last allocation cost, on whose the memory of an ended
 * thread is, and on whether it adds up.
 * Pattern: our own; the churn of larson without its table.
 * Operation: one thread. THREADS of them run at once.
 */
#include "bench.h"

#define BLOCKS 100
#define SIZE_MIN 16
#define SIZE_MAX_ 1024
#define MARK 't'

struct request {
	uint64_t random;
	void *result[BLOCKS / 2];
};

static void *serve(void *arg)
{
	struct request *r = arg;
	void *own[BLOCKS / 2];

	for (int i = 0; i < BLOCKS / 2; i++) {
		own[i] = bench_alloc(bench_between(&r->random, SIZE_MIN, SIZE_MAX_), MARK);
		r->result[i] = bench_alloc(bench_between(&r->random, SIZE_MIN, SIZE_MAX_), MARK);
	}
	for (int i = 0; i < BLOCKS / 2; i++)
		bench_free(own[i], MARK);
	return NULL;
}

static void work(struct bench_lane *lane)
{
	struct request r = { .random = lane->random };

	for (long i = 0; i < lane->operations; i++) {
		pthread_t thread;

		if (pthread_create(&thread, NULL, serve, &r) != 0)
			bench_fail("cannot create a thread");
		pthread_join(thread, NULL);
		for (int k = 0; k < BLOCKS / 2; k++)
			bench_free(r.result[k], MARK);
	}
}

int main(int argc, char **argv)
{
	struct bench b = { .name = "short_threads", .operations = 10000, .threads = 1 };

	bench_start(&b, argc, argv);
	bench_lanes(&b, work);
	return bench_end(&b);
}
