/*
 * handoff: many threads allocate, and put their blocks into a table; what they push out of it goes
 * to one thread that only frees. So as much lives all the time. How much is resident?
 *
 * Options: threads (16), mib (256: what the table holds), turns (4: how often it is all replaced),
 * wait (1: seconds), seed.
 * Prints live_mib; peak and end as multiples of what lives, and the end after WAIT seconds.
 */
#include <pthread.h>

#include "memory.h"

#define QUEUE 256

struct producer {
	pthread_t thread;
	uint64_t seed;
	void **blocks;
	size_t count, live;
};

static size_t threads, share, most, turns;
static struct producer *producers;

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t not_full = PTHREAD_COND_INITIALIZER, not_empty = PTHREAD_COND_INITIALIZER;
static void *queue[QUEUE];
static size_t head, tail, running;

static void hand_over(void *p)
{
	pthread_mutex_lock(&lock);
	while (head - tail == QUEUE)
		pthread_cond_wait(&not_full, &lock);
	queue[head++ % QUEUE] = p;
	pthread_cond_signal(&not_empty);
	pthread_mutex_unlock(&lock);
}

/* Half a queue at a time; NULL ends it. */
static void *reclaim(void *arg)
{
	void *taken[QUEUE / 2];
	size_t n;

	do {
		pthread_mutex_lock(&lock);
		while (head == tail)
			pthread_cond_wait(&not_empty, &lock);
		for (n = 0; n < QUEUE / 2 && tail < head; n++)
			taken[n] = queue[tail++ % QUEUE];
		pthread_cond_broadcast(&not_full);
		pthread_mutex_unlock(&lock);
		for (size_t i = 0; i < n; i++)
			free(taken[i]);
	} while (n > 0 && taken[n - 1] != NULL);
	return arg;
}

static void *new_block(struct producer *me)
{
	size_t n = mixed_size(&me->seed, MIB);
	void *p = written_block(n);

	*(size_t *)p = n;
	me->live += n;
	return p;
}

static void *produce(void *arg)
{
	struct producer *me = arg;

	while (me->live < share && me->count < most)
		me->blocks[me->count++] = new_block(me);
	for (size_t i = 0; i < turns * me->count; i++) {
		size_t at = random_below(&me->seed, me->count);
		void *old = me->blocks[at];

		me->live -= *(size_t *)old;
		me->blocks[at] = new_block(me);
		hand_over(old);
	}
	pthread_mutex_lock(&lock);
	running--;
	pthread_mutex_unlock(&lock);
	/* they live on: a thread that exits is another case */
	for (;;)
		rest(1000000);
	return NULL;
}

static size_t still_running(void)
{
	size_t n;

	pthread_mutex_lock(&lock);
	n = running;
	pthread_mutex_unlock(&lock);
	return n;
}

int main(int argc, char **argv)
{
	size_t base, peak = 0, now, live = 0, bytes = option(argv, "mib", 256) * MIB;
	pthread_t reclaimer;

	(void)argc;
	only_options(argv, "threads mib turns wait seed ");
	threads = running = option(argv, "threads", 16);
	must(threads > 0, "threads is 1 at least");
	turns = option(argv, "turns", 4);
	share = bytes / threads;
	most = share / 128 + 64;
	producers = mapped(threads * sizeof(*producers));
	producers[0].blocks = mapped(threads * most * sizeof(void *));
	base = resident();
	must(pthread_create(&reclaimer, NULL, reclaim, NULL) == 0, "pthread_create");
	for (size_t i = 0; i < threads; i++) {
		producers[i].blocks = producers[0].blocks + i * most;
		producers[i].seed = option(argv, "seed", 42) + i * 1000003;
		must(pthread_create(&producers[i].thread, NULL, produce, &producers[i]) == 0,
		     "pthread_create");
	}
	do {
		rest(10);
		now = more_than(resident(), base);
		peak = now > peak ? now : peak;
	} while (still_running() > 0);
	hand_over(NULL);
	pthread_join(reclaimer, NULL);
	for (size_t i = 0; i < threads; i++)
		live += producers[i].live;
	figure_mib("live_mib", live);
	figure_part("peak_live", peak, live);
	figure_part("end_live_0s", more_than(resident(), base), live);
	rest(option(argv, "wait", 1) * 1000);
	figure_part("end_live", more_than(resident(), base), live);
	return 0;
}
