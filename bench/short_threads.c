/*
 * short_threads.c - threads that live for a hundred allocations.
 *
 * Stands for: a thread for each request, parallel sections, helpers of
 * libraries: the thread makes some blocks, frees half of them and ends; its
 * parent takes the rest as the result and frees it. So it rests on what a
 * thread's first and last allocation cost, on whose the memory of an ended
 * thread is, and on whether it adds up. With rounds=N it first makes and frees
 * as many blocks N times, of up to max=BYTES: threads that live long enough to
 * need what allocators keep of freed memory, and end when they would know how much.
 * Pattern: our own; the churn of larson without its table.
 * Operation: one thread. THREADS of them run at once.
 */
#include "bench.h"

#define BLOCKS 100
#define SIZE_MIN 16
#define SIZE_MAX_ 1024
#define MARK 't'

static struct bench_option options[] = {
	{ .name = "rounds", .max = 1000000 },
	{ .name = "max", .value = SIZE_MAX_, .min = SIZE_MIN, .max = 1 << 20 },
	{ .name = NULL },
};

struct request {
	uint64_t random;
	void *result[BLOCKS / 2];
};

static void warm_up(uint64_t *random)
{
	void *blocks[BLOCKS];

	for (long i = 0; i < options[0].value; i++) {
		for (int k = 0; k < BLOCKS; k++)
			blocks[k] = bench_alloc(bench_between(random, SIZE_MIN,
							      (size_t)options[1].value), MARK);
		for (int k = 0; k < BLOCKS; k++)
			bench_free(blocks[k], MARK);
	}
}

static void *serve(void *arg)
{
	struct request *r = arg;
	void *own[BLOCKS / 2];

	warm_up(&r->random);
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
	struct bench b = {
		.name = "short_threads", .operations = 10000, .threads = 1, .options = options
	};

	bench_start(&b, argc, argv);
	bench_lanes(&b, work);
	return bench_end(&b);
}
