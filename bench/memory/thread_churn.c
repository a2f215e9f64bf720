/*
 * thread_churn.c - many short threads, a few at a time, and what they leave behind.
 *
 * Stands for: a thread for each connection, parallel sections, executors that let idle threads
 * go: waves of threads, each of which makes some hundred blocks and a buffer, frees most of them
 * and ends. What it keeps goes to a table that outlives it, in place of what an earlier thread
 * has put there, which so is freed by another one. Samples are at the height of a wave and after
 * its end, when what ended threads had should serve the next, or be given back. Then half of the
 * table goes, and no thread is left but the first, which only waits.
 * Pattern: our own; bench/short_threads measures the time.
 * Operation: a thread. THREADS of them run at once.
 */
#include "memory.h"

#define BLOCKS 400 /* of a thread */
#define KEEP 40    /* of them go to the table */
#define SLOTS 16   /* of the table, for each operation */
#define SAMPLES 24 /* waves that are sampled, at the height and after the end */

static struct bench_option options[] = { MEMORY_PAUSE, { .name = NULL } };

struct request {
	void **slots; /* its part of the table, which no other thread of the wave has */
	long n;
	uint64_t random;
	pthread_t thread;
};

static pthread_barrier_t top, down;

static void keep(struct request *r, void *block)
{
	void **slot = &r->slots[bench_between(&r->random, 0, (size_t)r->n - 1)];

	if (*slot != NULL)
		memory_put(*slot);
	*slot = block;
}

static void *serve(void *arg)
{
	struct request *r = arg;
	void *blocks[BLOCKS], *buffer = memory_any(&r->random, 15, 18);

	for (int i = 0; i < BLOCKS; i++)
		blocks[i] = memory_any(&r->random, 4, 12);
	pthread_barrier_wait(&top);
	pthread_barrier_wait(&down);
	for (int i = 0; i < BLOCKS; i++)
		if (i % (BLOCKS / KEEP) == 0)
			keep(r, blocks[i]);
		else
			memory_put(blocks[i]);
	memory_put(buffer);
	return NULL;
}

/* The wave's threads take the parts of the table in turn. */
static void wave(const struct bench *b, void **table, long part, long number, bool sampled)
{
	static struct request requests[BENCH_THREADS_MAX];
	long n = b->threads, done = number * n;

	for (long i = 0; i < n; i++) {
		struct request *r = &requests[i];

		r->slots = &table[(i + number) % n * part];
		r->n = part;
		r->random = b->seed + (uint64_t)(done + i) * 1000003;
		if (pthread_create(&r->thread, NULL, serve, r) != 0)
			bench_fail("cannot create a thread");
	}
	pthread_barrier_wait(&top);
	if (sampled)
		memory_sample(done + n, "waves");
	pthread_barrier_wait(&down);
	for (long i = 0; i < n; i++)
		pthread_join(requests[i].thread, NULL);
	if (sampled)
		memory_sample(done + n, "waves");
}

static void drop(void **table, long slots, long step)
{
	for (long i = 0; i < slots; i += step)
		if (table[i] != NULL) {
			memory_put(table[i]);
			table[i] = NULL;
		}
}

int main(int argc, char **argv)
{
	struct bench b = {
		.name = "thread_churn", .operations = 6400, .threads = 16, .options = options
	};
	long waves, part;
	void **table;

	memory_start(&b, argc, argv, true);
	memory_base();
	waves = (b.operations + b.threads - 1) / b.threads;
	b.operations = waves * b.threads;
	part = SLOTS * waves;
	table = memory_table((size_t)(part * b.threads));
	if (pthread_barrier_init(&top, NULL, (unsigned)b.threads + 1) != 0 ||
	    pthread_barrier_init(&down, NULL, (unsigned)b.threads + 1) != 0)
		bench_fail("cannot make a barrier");
	for (long i = 0; i < waves; i++)
		wave(&b, table, part, i, memory_due(i + 1, waves, SAMPLES));
	memory_idle(&b, b.operations, 4, "idle");
	drop(table, part * b.threads, 2);
	memory_idle(&b, b.operations, 4, "half");
	memory_beats(&b, b.operations, 4, "beats");
	drop(table, part * b.threads, 1);
	memory_table_free(table, (size_t)(part * b.threads));
	memory_idle(&b, b.operations, 4, "end");
	return bench_end(&b);
}
