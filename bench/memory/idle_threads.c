/*
 * idle_threads.c - hundreds of threads that mostly sleep.
 *
 * Stands for: thread pools of application servers and databases: once, at a rush, every thread
 * had something to do and has freed nearly all of it; since then a few do all the work, and the
 * others wait for a call that does not come. What each of them still has in its caches, and in
 * pages that it shares with nobody, is many times what the program holds. A second rush wakes
 * them all in another order; in the end they go.
 * Pattern: our own.
 * Operation: a block of a rush, of all threads together.
 */
#include "memory.h"

#define THREADS_MAX 1000
#define RUSHES 2
#define GROUPS 10 /* so many parts of the threads are woken one after another */
#define KEEP 64   /* a thread keeps one block in so many */
#define BUSY 4    /* threads that go on working */
#define LIGHT 20  /* times that each of them does so, between two samples */

static struct bench_option options[] = {
	MEMORY_PAUSE,
	{ .name = "idle", .value = 200, .min = BUSY, .max = THREADS_MAX },
	{ .name = NULL },
};

static struct memory_worker workers[THREADS_MAX];

static void grow(struct memory_worker *w)
{
	for (long i = 0; i < w->share; i++)
		w->blocks[w->n++] = memory_any(&w->random, 4, 12);
}

static void shrink(struct memory_worker *w)
{
	while (w->n > w->share)
		memory_put(memory_take(w->blocks, &w->n, &w->random));
}

/* A little of what a rush does, again and again. */
static void work(struct memory_worker *w)
{
	long kept = w->n;

	for (int i = 0; i < LIGHT; i++) {
		for (long k = 0; k < w->share; k++)
			w->blocks[w->n++] = memory_any(&w->random, 4, 12);
		while (w->n > kept)
			memory_put(memory_take(w->blocks, &w->n, &w->random));
	}
}

/* Gives the job to all threads, a group of them at a time. */
static void all(void (*job)(struct memory_worker *), long share, long n, long turn,
		long operations, const char *phase)
{
	for (long g = 0; g < GROUPS; g++) {
		long from = n * g / GROUPS, to = n * (g + 1) / GROUPS;

		for (long i = from; i < to; i++) {
			workers[(i * turn) % n].share = share;
			memory_tell(&workers[(i * turn) % n], job);
		}
		for (long i = from; i < to; i++)
			memory_await(&workers[(i * turn) % n]);
		memory_sample(operations, phase);
	}
}

static void few(long share, long operations)
{
	for (int i = 0; i < 8; i++) {
		for (long k = 0; k < BUSY; k++) {
			workers[k].share = share;
			memory_tell(&workers[k], work);
		}
		for (long k = 0; k < BUSY; k++)
			memory_await(&workers[k]);
		memory_sample(operations, "few");
	}
}

int main(int argc, char **argv)
{
	struct bench b = {
		.name = "idle_threads", .operations = 400000, .threads = 1, .options = options
	};
	long n, share, kept, slots;

	memory_start(&b, argc, argv, false);
	n = options[1].value;
	for (long i = 0; i < n; i++)
		memory_hire(&workers[i], i, b.seed);
	memory_base();
	share = b.operations / (RUSHES * n) + 1;
	kept = share / KEEP + 1;
	slots = share + RUSHES * kept;
	b.operations = share * RUSHES * n;
	for (long i = 0; i < n; i++)
		workers[i].blocks = memory_table((size_t)slots);
	for (long i = 1; i <= RUSHES; i++) {
		/* in the second rush the last comes first */
		all(grow, share, n, i == 1 ? 1 : n - 1, i * share * n, "rush");
		all(shrink, i * kept, n, 1, i * share * n, "calm");
		memory_idle(&b, i * share * n, 4, "idle");
		few(share / 4, i * share * n);
		memory_idle(&b, i * share * n, 4, "idle");
	}
	all(shrink, 0, n, 1, b.operations, "close");
	for (long i = 0; i < n; i++) {
		memory_table_free(workers[i].blocks, (size_t)slots);
		memory_dismiss(&workers[i]);
	}
	memory_idle(&b, b.operations, 3, "end");
	return bench_end(&b);
}
