/*
 * prefork.c - a server that forks its workers from a process which has loaded everything.
 *
 * Stands for: Apache's prefork, gunicorn, unicorn, PHP-FPM, PostgreSQL: the parent loads code and
 * configuration, forks, and waits. Workers share its pages until one of them writes: each answers
 * requests, keeps some sessions, replaces a few of the blocks that it has inherited, and is
 * replaced by a fresh one after so many requests. In the middle the configuration is loaded
 * again and all workers are replaced; at night most of them go.
 * Resident is that of all processes together, a page that several share being counted once. Live
 * is what the parent holds and what each worker has added.
 * Pattern: our own; bench/forks measures the time.
 * Operation: a request. THREADS is the number of workers, each a process.
 */
#include "memory.h"

#include <signal.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>

#define HEAP 2       /* blocks that are loaded, for each operation */
#define CHUNKS 40    /* in which the requests are done; a sample after each */
#define LIFE 16      /* chunks after which a worker is replaced */
#define TEMPORARY 24 /* blocks of a request */

static struct bench_option options[] = { MEMORY_PAUSE, { .name = NULL } };

struct worker {
	pid_t pid;
	int fd;   /* to tell it how many requests to do, and to hear what it has then */
	long age; /* chunks */
};

struct report {
	long live, resident;
};

static struct worker workers[BENCH_THREADS_MAX];
static void **heap;
static long n_heap;

static void request(uint64_t *random, void **sessions, long n_sessions, bool *mine)
{
	void **slot = &sessions[bench_between(random, 0, (size_t)n_sessions - 1)];
	void *blocks[TEMPORARY];
	size_t at = bench_between(random, 0, (size_t)n_heap - 1);

	for (int i = 0; i < TEMPORARY; i++)
		blocks[i] = memory_any(random, 4, 13);
	if (*slot != NULL)
		memory_put(*slot);
	*slot = memory_any(random, 6, 12);
	if (bench_between(random, 0, 3) == 0) {
		if (!mine[at]) /* its parent still has it */
			memory_count((long)memory_size(heap[at]));
		memory_put(heap[at]);
		heap[at] = memory_any(random, 4, 11);
		mine[at] = true;
	}
	for (int i = TEMPORARY; i-- > 0;)
		memory_put(blocks[i]);
}

static _Noreturn void worker(int fd, long n_sessions, uint64_t random)
{
	void **sessions;
	struct report r;
	bool *mine;
	long n;

	atomic_store(&memory_live, 0);
	sessions = memory_table((size_t)n_sessions);
	mine = (bool *)memory_table((size_t)n_heap / sizeof(void *) + 1);
	while (read(fd, &n, sizeof(n)) == sizeof(n)) {
		while (n-- > 0)
			request(&random, sessions, n_sessions, mine);
		r = (struct report){ atomic_load(&memory_live), memory_resident() };
		if (write(fd, &r, sizeof(r)) != sizeof(r))
			break;
	}
	_exit(0);
}

static void start(struct worker *w, long n_sessions, uint64_t random)
{
	int fds[2];

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds) != 0)
		bench_fail("cannot make a socket");
	w->fd = fds[0];
	w->pid = fork();
	if (w->pid < 0)
		bench_fail("cannot fork");
	if (w->pid == 0) {
		/* the other workers' are the parent's, who alone is to hold them */
		for (int i = 0; i < BENCH_THREADS_MAX; i++)
			if (workers[i].fd > 0)
				close(workers[i].fd);
		if (prctl(PR_SET_PDEATHSIG, SIGKILL) == 0)
			worker(fds[1], n_sessions, random);
		_exit(1);
	}
	close(fds[1]);
}

static void stop(struct worker *w)
{
	int status;

	close(w->fd);
	w->fd = 0;
	while (waitpid(w->pid, &status, 0) != w->pid)
		if (errno != EINTR)
			bench_fail("a worker is lost");
	if (status != 0)
		bench_fail("a worker failed");
}

/* All workers do so many requests; when the last is done all say what they have. */
static void serve(long n_workers, long requests, long operations, const char *phase)
{
	long live = atomic_load(&memory_live), resident = 0;
	const long none = 0;
	struct report r;

	for (int round = 0; round < 2; round++) {
		for (long i = 0; i < n_workers; i++)
			if (send(workers[i].fd, round == 0 ? &requests : &none, sizeof(none),
				 MSG_NOSIGNAL) != sizeof(none))
				bench_fail("a worker does not listen");
		for (long i = 0; i < n_workers; i++) {
			if (read(workers[i].fd, &r, sizeof(r)) != sizeof(r))
				bench_fail("a worker has ended");
			live += round == 0 ? r.live : 0;
			resident += round == 0 ? 0 : r.resident;
		}
	}
	memory_line(operations, live, resident + memory_resident(), phase);
}

/* The parent's own: blocks from..n_heap are made, or made again. */
static void load(long from, const char *phase, uint64_t *random)
{
	for (long i = from; i < n_heap; i++) {
		if (heap[i] != NULL)
			memory_put(heap[i]);
		heap[i] = memory_any(random, 4, 11);
		if (from == 0 && memory_due(i + 1, n_heap, 8))
			memory_sample(0, phase);
	}
}

static void day(const struct bench *b, long chunk, long n_sessions)
{
	long n = b->threads, operations = 0;
	uint64_t random = b->seed;

	for (long i = 0; i < n; i++) {
		start(&workers[i], n_sessions, b->seed + (uint64_t)i * 1000003);
		workers[i].age = i * LIFE / n; /* so that they go one after another */
	}
	serve(n, 0, 0, "fork");
	for (long c = 1; c <= CHUNKS; c++) {
		bool reload = c == CHUNKS / 2;

		if (reload)
			load(n_heap / 4 * 3, "reload", &random);
		for (long i = 0; i < n; i++) {
			if (++workers[i].age <= LIFE && !reload)
				continue;
			stop(&workers[i]);
			start(&workers[i], n_sessions, b->seed + (uint64_t)(c * n + i) * 1000003);
			workers[i].age = reload ? i * LIFE / n : 0;
		}
		operations += chunk * n;
		serve(n, chunk, operations, reload ? "reload" : "serve");
	}
	for (int i = 0; i < 4; i++) {
		memory_pause(b);
		serve(n, 0, operations, "idle");
	}
	for (long i = 1 + n / 8; i < n; i++)
		stop(&workers[i]);
	for (int i = 0; i < 4; i++) {
		memory_pause(b);
		serve(1 + n / 8 < n ? 1 + n / 8 : n, 1, operations, "night");
	}
	for (long i = 0; i < n && i < 1 + n / 8; i++)
		stop(&workers[i]);
	memory_sample(operations, "alone");
}

int main(int argc, char **argv)
{
	struct bench b = {
		.name = "prefork", .operations = 80000, .threads = 8, .options = options
	};
	long chunk;

	memory_start(&b, argc, argv, true);
	memory_base();
	chunk = b.operations / (CHUNKS * b.threads) + 1;
	b.operations = chunk * CHUNKS * b.threads;
	n_heap = HEAP * b.operations;
	heap = memory_table((size_t)n_heap);
	load(0, "load", &b.seed);
	day(&b, chunk, chunk * LIFE / 2 + 1);
	for (long i = 0; i < n_heap; i++)
		memory_put(heap[i]);
	memory_table_free(heap, (size_t)n_heap);
	memory_sample(b.operations, "end");
	return bench_end(&b);
}
