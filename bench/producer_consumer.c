/*
 * producer_consumer.c - one thread allocates, another one frees.
 *
 * Stands for: pipelines and message queues: every block of 16 to 256 bytes is
 * freed by a thread that allocates nothing, so all memory has to find its way
 * back to the producer. What this costs, and whether memory grows meanwhile, is
 * the allocator's remote-free path and nothing else.
 * Pattern: C. Lever, D. Boreham, "malloc() Performance in a Multithreaded Linux
 * Environment", USENIX 2000 (xmalloc), as pairs, each with a bounded queue.
 * Operation: one malloc by the producer and its free by the consumer. THREADS
 * counts both sides.
 */
#include "bench.h"

#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>

#define RING 4096 /* blocks under way */
#define STEP 64   /* of them are passed on at once */
#define SIZE_MIN 16
#define SIZE_MAX_ 256
#define MARK 'p'

struct pair {
	_Alignas(64) _Atomic long made;
	_Alignas(64) _Atomic long eaten;
	_Alignas(64) void *ring[RING];
	uint64_t random;
	long operations;
	pthread_t producer, consumer;
};

static void *produce(void *arg)
{
	struct pair *q = arg;

	for (long i = 0; i < q->operations; i += STEP) {
		while (i + STEP - atomic_load_explicit(&q->eaten, memory_order_acquire) > RING)
			sched_yield();
		for (long k = i; k < i + STEP; k++)
			q->ring[k % RING] =
				bench_alloc(bench_between(&q->random, SIZE_MIN, SIZE_MAX_), MARK);
		atomic_store_explicit(&q->made, i + STEP, memory_order_release);
	}
	return NULL;
}

static void *consume(void *arg)
{
	struct pair *q = arg;

	for (long i = 0; i < q->operations; i += STEP) {
		while (atomic_load_explicit(&q->made, memory_order_acquire) == i)
			sched_yield();
		for (long k = i; k < i + STEP; k++)
			bench_free(q->ring[k % RING], MARK);
		atomic_store_explicit(&q->eaten, i + STEP, memory_order_release);
	}
	return NULL;
}

int main(int argc, char **argv)
{
	struct bench b = bench_start("producer_consumer", argc, argv, 20000000);
	long pairs = b.threads > 1 ? b.threads / 2 : 1;
	long each = (b.operations / pairs + STEP - 1) / STEP * STEP;
	struct pair *q = aligned_alloc(64, (size_t)pairs * sizeof(*q));

	if (q == NULL)
		bench_fail("out of memory");
	b.operations = each * pairs;
	for (long i = 0; i < pairs; i++) {
		memset(&q[i], 0, sizeof(q[i]));
		q[i].random = b.seed + (uint64_t)i * 1000003;
		q[i].operations = each;
		if (pthread_create(&q[i].producer, NULL, produce, &q[i]) != 0 ||
		    pthread_create(&q[i].consumer, NULL, consume, &q[i]) != 0)
			bench_fail("cannot create a thread");
	}
	for (long i = 0; i < pairs; i++) {
		pthread_join(q[i].producer, NULL);
		pthread_join(q[i].consumer, NULL);
	}
	free(q);
	return bench_end(&b);
}
