/*
 * slow_consumer.c - a producer and a consumer that cannot keep up.
 *
 * Stands for: message queues, log shippers, a database that is slower than those who write to it:
 * one thread makes messages, another one takes them, a third as fast, and the backlog grows. Then
 * nothing new comes, and the consumer works it off while the producer sleeps: everything is freed
 * by another thread than the one that made it, which does not call malloc any more. Both wait, and
 * it begins again. In the end the producer does light work for itself.
 * Pattern: our own; bench/producer_consumer measures the time.
 * Operation: a message.
 */
#include "memory.h"

#define CYCLES 4
#define CHUNKS 15 /* of a cycle's messages; a sample after each */
#define BEHIND 3  /* the consumer takes one while so many are made */

static struct bench_option options[] = { MEMORY_PAUSE, { .name = NULL } };

struct message {
	size_t size;
	void *topic, *text;
	char state[40]; /* also what memory_put looks at */
};

static struct memory_worker producer, consumer;
static struct message **ring; /* of a cycle */

static void produce(struct memory_worker *w)
{
	for (long i = 0; i < w->share; i++) {
		struct message *m = memory_get(sizeof(*m));

		m->topic = memory_any(&w->random, 4, 6);
		m->text = memory_any(&w->random, 6, 13);
		ring[w->n++] = m;
	}
}

static void consume(struct memory_worker *w)
{
	for (long i = 0; i < w->share; i++) {
		struct message *m = ring[w->n++];

		memory_put(m->topic);
		memory_put(m->text);
		memory_put(m);
	}
}

static void light(struct memory_worker *w)
{
	for (long i = 0; i < w->share; i++)
		memory_beat();
}

/* Both work at once; what the consumer takes has been made before. */
static void both(long made, long taken, long *operations, const char *phase)
{
	producer.share = made;
	consumer.share = taken;
	if (made > 0)
		memory_tell(&producer, produce);
	memory_tell(&consumer, consume);
	if (made > 0)
		memory_await(&producer);
	memory_await(&consumer);
	*operations += made;
	memory_sample(*operations, phase);
}

static void cycle(const struct bench *b, long chunk, long *operations)
{
	producer.n = consumer.n = 0;
	for (int i = 0; i < CHUNKS; i++)
		both(chunk * BEHIND, i == 0 ? 0 : chunk, operations, "behind");
	while (consumer.n < producer.n)
		both(0, BEHIND * chunk < producer.n - consumer.n ? BEHIND * chunk :
								   producer.n - consumer.n,
		     operations, "catches-up");
	memory_idle(b, *operations, 4, "idle");
}

int main(int argc, char **argv)
{
	struct bench b = {
		.name = "slow_consumer", .operations = 400000, .threads = 2, .options = options
	};
	long chunk, all, operations = 0;

	memory_start(&b, argc, argv, true);
	if (b.threads != 2)
		bench_fail("has two threads only");
	memory_hire(&producer, 0, b.seed);
	memory_hire(&consumer, 1, b.seed);
	memory_base();
	chunk = b.operations / (CYCLES * CHUNKS * BEHIND) + 1;
	all = chunk * CHUNKS * BEHIND;
	ring = (struct message **)memory_table((size_t)all);
	for (int i = 0; i < CYCLES; i++)
		cycle(&b, chunk, &operations);
	b.operations = operations;
	for (int i = 0; i < 4; i++) {
		producer.share = 10;
		memory_pause(&b);
		memory_tell(&producer, light);
		memory_await(&producer);
		memory_sample(operations, "beats");
	}
	memory_table_free((void **)ring, (size_t)all);
	memory_dismiss(&producer);
	memory_dismiss(&consumer);
	memory_sample(operations, "end");
	return bench_end(&b);
}
