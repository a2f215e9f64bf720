/*
 * producer_consumer.c - one thread allocates, another one frees.
 *
 * Stands for: pipelines and message queues: every block of 16 to 256 bytes is
 * freed by another thread, so all memory has to find its way back. What this
 * costs, and whether memory grows meanwhile, is the allocator's remote-free
 * path and nothing else. The shapes: pairs, each of a producer and a consumer;
 * out, one producer that serves all others (a dispatcher); in, one consumer of
 * all others' blocks (a logger); ring, each thread allocates for the next one
 * and frees what comes from the one before (stages).
 * Pattern: C. Lever, D. Boreham, "malloc() Performance in a Multithreaded Linux
 * Environment", USENIX 2000 (xmalloc), with bounded queues.
 * Operation: one malloc by a producer and its free by a consumer. THREADS
 * counts both sides; two is the least, and pairs leave an odd one out.
 */
#include "bench.h"

#include <sched.h>
#include <stdatomic.h>

#define RING 4096 /* blocks under way in a queue */
#define STEP 64   /* of them are passed on at once */
#define SIZE_MIN 16
#define SIZE_MAX_ 256
#define MARK 'p'

enum { PAIRS, OUT, IN, CIRCLE };

struct queue {
	_Alignas(64) _Atomic long made;
	_Alignas(64) _Atomic long eaten;
	_Alignas(64) void *ring[RING];
	uint64_t random;
	long operations;
};

static struct bench_option options[] = {
	{ .name = "shape", .words = "pairs|out|in|ring" },
	{ .name = NULL },
};

static struct queue *queues;

/* Puts a step of blocks into the queue, if there is room and not all are made. */
static bool produce(struct queue *q)
{
	long i = atomic_load_explicit(&q->made, memory_order_relaxed);
	long eaten = atomic_load_explicit(&q->eaten, memory_order_acquire);

	if (i == q->operations || i + STEP - eaten > RING)
		return false;
	for (long k = i; k < i + STEP; k++)
		q->ring[k % RING] = bench_alloc(bench_between(&q->random, SIZE_MIN, SIZE_MAX_),
						MARK);
	atomic_store_explicit(&q->made, i + STEP, memory_order_release);
	return true;
}

static bool consume(struct queue *q)
{
	long i = atomic_load_explicit(&q->eaten, memory_order_relaxed);

	if (atomic_load_explicit(&q->made, memory_order_acquire) == i)
		return false;
	for (long k = i; k < i + STEP; k++)
		bench_free(q->ring[k % RING], MARK);
	atomic_store_explicit(&q->eaten, i + STEP, memory_order_release);
	return true;
}

static bool all_eaten(const struct queue *q)
{
	return atomic_load_explicit(&q->eaten, memory_order_relaxed) == q->operations;
}

static bool all_made(const struct queue *q)
{
	return atomic_load_explicit(&q->made, memory_order_relaxed) == q->operations;
}

/* Serves some queues to put into and some to take from, until all of them are through. */
static void serve(long out, long outs, long in, long ins)
{
	bool more = true;

	while (more) {
		bool moved = false;

		more = false;
		for (long i = out; i < out + outs; i++) {
			moved |= produce(&queues[i]);
			more |= !all_made(&queues[i]);
		}
		for (long i = in; i < in + ins; i++) {
			moved |= consume(&queues[i]);
			more |= !all_eaten(&queues[i]);
		}
		if (more && !moved)
			sched_yield();
	}
}

static void work(struct bench_lane *lane)
{
	long id = lane->id, n = lane->bench->threads;

	lane->operations = queues[id].operations; /* each counts one of them */
	switch (options[0].value) {
	case PAIRS:
		serve(id / 2, id % 2 == 0, id / 2, id % 2);
		break;
	case OUT:
		serve(0, id == 0 ? n - 1 : 0, id - 1, id != 0);
		break;
	case IN:
		serve(id - 1, id != 0, 0, id == 0 ? n - 1 : 0);
		break;
	default:
		serve(id, 1, (id + n - 1) % n, 1);
	}
}

int main(int argc, char **argv)
{
	struct bench b = {
		.name = "producer_consumer", .operations = 20000000, .threads = 2,
		.options = options
	};
	long n, each;

	bench_start(&b, argc, argv);
	b.threads = b.threads > 1 ? b.threads : 2;
	if (options[0].value == PAIRS)
		b.threads -= b.threads % 2;
	n = options[0].value == PAIRS ? b.threads / 2 : b.threads - (options[0].value != CIRCLE);
	each = (b.operations / n + STEP - 1) / STEP * STEP;
	/* a queue for each thread, those without one stay empty */
	queues = aligned_alloc(64, (size_t)b.threads * sizeof(*queues));
	if (queues == NULL)
		bench_fail("out of memory");
	for (long i = 0; i < b.threads; i++) {
		memset(&queues[i], 0, sizeof(queues[i]));
		queues[i].random = b.seed + (uint64_t)i * 1000003;
		queues[i].operations = i < n ? each : 0;
	}
	bench_lanes(&b, work);
	free(queues);
	return bench_end(&b);
}
