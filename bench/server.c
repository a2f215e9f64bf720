/*
 * server.c - clients come, ask, and go; the load swells and falls.
 *
 * Stands for: web and database servers. A connection has a state, a buffer and
 * a life of some requests; a request has a few short headers, a body that grows
 * as it arrives, a tree of small objects and an answer, all of them gone when it
 * is answered; one in eight leaves an entry in a cache, in place of another.
 * The number of connections goes up and down by a factor of eight, so memory
 * should, too. With several threads one request in sixteen ends with the
 * connection in the hands of the next thread, which will free what this one made.
 * Pattern: our own, after nginx, redis and P. Larson and M. Krishnan (see larson.c).
 * Operation: an event: a client comes, asks or goes.
 */
#include "bench.h"

#define CLIENTS 2000 /* of a thread, at most */
#define TIDE 100000  /* events from a high to the next low */
#define CACHE 4096
#define WAITING 64 /* between two threads, at most */
#define SLICE 1000 /* events between two looks at the clock */
#define MARK 'v'

struct client {
	struct client *next;
	char *state, *buffer;
	long requests; /* to go */
};

struct worker {
	uint64_t random;
	long n, events;
	struct client *clients[CLIENTS];
	char *cache[CACHE];
	pthread_mutex_t lock; /* of what follows: clients on their way to this worker */
	struct client *waiting;
	long n_waiting;
};

static struct bench_option options[] = {
	{ .name = "seconds", .max = 3600 },
	{ .name = NULL },
};

static struct worker *workers;

static size_t upto(struct worker *w, size_t lo, size_t hi)
{
	return bench_between(&w->random, lo, hi);
}

/* From 2^lo to 2^hi, each doubling as likely as any other. */
static size_t scaled(struct worker *w, size_t lo, size_t hi)
{
	size_t n = (size_t)1 << upto(w, lo, hi - 1);

	return n + upto(w, 0, n - 1);
}

static struct client *take_waiting(struct worker *w)
{
	struct client *c;

	pthread_mutex_lock(&w->lock);
	c = w->waiting;
	if (c != NULL) {
		w->waiting = c->next;
		w->n_waiting--;
	}
	pthread_mutex_unlock(&w->lock);
	return c;
}

static bool hand_over(struct client *c, struct worker *to)
{
	bool room;

	pthread_mutex_lock(&to->lock);
	room = to->n_waiting < WAITING;
	if (room) {
		c->next = to->waiting;
		to->waiting = c;
		to->n_waiting++;
	}
	pthread_mutex_unlock(&to->lock);
	return room;
}

static void arrive(struct worker *w, bool several)
{
	struct client *c = several ? take_waiting(w) : NULL;

	if (c == NULL) {
		c = bench_alloc(sizeof(*c), 0);
		c->state = bench_alloc(upto(w, 500, 3000), MARK);
		c->buffer = bench_alloc(4096, MARK);
		c->requests = (long)upto(w, 1, 60);
	}
	w->clients[w->n++] = c;
}

static void leave(struct client *c)
{
	bench_free(c->buffer, MARK);
	bench_free(c->state, MARK);
	free(c);
}

static char *body(struct worker *w)
{
	size_t want = scaled(w, 6, 14), n = want < 256 ? want : 256;
	char *p = bench_alloc(n, MARK);

	while (n < want) {
		n = 2 * n < want ? 2 * n : want;
		p = realloc(p, n);
		if (p == NULL)
			bench_fail("out of memory");
		p[n - 1] = MARK;
	}
	return p;
}

static void request(struct worker *w)
{
	char *headers[12], *objects[16], *answer, *text;
	size_t n_headers = upto(w, 4, 12), n_objects = upto(w, 4, 16);

	for (size_t i = 0; i < n_headers; i++)
		headers[i] = bench_alloc(upto(w, 8, 120), MARK);
	text = body(w);
	for (size_t i = 0; i < n_objects; i++)
		objects[i] = bench_alloc(upto(w, 32, 200), MARK);
	answer = bench_alloc(scaled(w, 9, 15), MARK);
	if (upto(w, 0, 7) == 0) {
		char **entry = &w->cache[upto(w, 0, CACHE - 1)];

		if (*entry != NULL)
			bench_free(*entry, MARK);
		*entry = bench_alloc(scaled(w, 6, 11), MARK);
	}
	for (size_t i = n_objects; i-- > 0;)
		bench_free(objects[i], MARK);
	bench_free(text, MARK);
	for (size_t i = 0; i < n_headers; i++)
		bench_free(headers[i], MARK);
	bench_free(answer, MARK);
}

/* One event: towards the number of clients that the tide wants, or a request. */
static void event(struct worker *w, long threads, struct worker *next)
{
	long t = w->events++ % (2 * TIDE), up = t < TIDE ? t : 2 * TIDE - t;
	long want = CLIENTS / 8 + (CLIENTS - CLIENTS / 8 - 1) * up / TIDE;
	struct client **slot, *c;

	if (w->n < want) {
		arrive(w, threads > 1);
		return;
	}
	slot = &w->clients[upto(w, 0, (size_t)w->n - 1)];
	c = *slot;
	if (w->n == want && --c->requests > 0) {
		request(w);
		if (threads == 1 || upto(w, 0, 15) != 0 || !hand_over(c, next))
			return;
	} else {
		leave(c);
	}
	*slot = w->clients[--w->n];
}

static void work(struct bench_lane *lane)
{
	long threads = lane->bench->threads;
	struct worker *w = &workers[lane->id];

	while (bench_goes_on(lane->bench, lane->operations - w->events)) {
		long left = lane->operations - w->events;

		left = lane->bench->seconds > 0 || left > SLICE ? SLICE : left;
		while (left-- > 0)
			event(w, threads, &workers[(lane->id + 1) % threads]);
	}
	lane->operations = w->events;
	for (long i = 0; i < w->n; i++)
		leave(w->clients[i]);
	for (int i = 0; i < CACHE; i++)
		if (w->cache[i] != NULL)
			bench_free(w->cache[i], MARK);
}

int main(int argc, char **argv)
{
	struct bench b = {
		.name = "server", .operations = 2000000, .threads = 2, .options = options
	};

	bench_start(&b, argc, argv);
	workers = bench_table((size_t)b.threads, sizeof(*workers));
	for (long i = 0; i < b.threads; i++) {
		workers[i].random = b.seed + (uint64_t)i * 1000003;
		pthread_mutex_init(&workers[i].lock, NULL);
	}
	bench_lanes(&b, work);
	for (long i = 0; i < b.threads; i++)
		for (struct client *c = workers[i].waiting, *next; c != NULL; c = next) {
			next = c->next;
			leave(c);
		}
	free(workers);
	return bench_end(&b);
}
