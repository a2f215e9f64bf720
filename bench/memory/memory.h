/*
 * memory.h - what the programs of this folder share: blocks that are counted, samples of the live
 * and the resident memory, threads that work when they are told to.
 *
 * A program is run as bench.h says; all of them have the option pause=MILLISECONDS, before each
 * sample of an idle phase. Its work, and so how much it holds, grows with OPERATIONS. It prints
 *
 *   base RESIDENT                          before it holds anything: data, stacks of threads
 *   at OPERATIONS LIVE RESIDENT PHASE      a sample; LIVE and RESIDENT in bytes, PHASE a word
 *   NAME OPERATIONS SECONDS OPERATIONS_PER_S PEAK_KIB ALLOCATOR          bench.h's line, the last
 *
 * LIVE is what the program itself holds, tables included, as it asked for it. RESIDENT is the
 * memory of its own that it has in pages: not those of files; of pages that processes share, its
 * part. Samples are taken at points of the work, never of time, so that the n-th sample of a
 * program has the same LIVE under every allocator; the order of threads changes nothing.
 * To sample allocates nothing.
 */
#ifndef HM_BENCH_MEMORY_H
#define HM_BENCH_MEMORY_H

#include "../bench.h"

#include <fcntl.h>
#include <semaphore.h>
#include <stdatomic.h>
#include <unistd.h>

#define MEMORY_MARK 'm'
#define MEMORY_LEAST 16 /* bytes of a block */

/* Of every program, the first of its options. */
#define MEMORY_PAUSE { .name = "pause", .value = 100, .max = 60000 }

static _Atomic long memory_live;

static inline void memory_count(long n)
{
	atomic_fetch_add_explicit(&memory_live, n, memory_order_relaxed);
}

/* A block of at least MEMORY_LEAST bytes, all of them written to. It knows its size. */
static inline void *memory_get(size_t n)
{
	void *p = bench_alloc(n, 0);

	memset(p, MEMORY_MARK, n);
	*(size_t *)p = n;
	memory_count((long)n);
	return p;
}

static inline size_t memory_size(const void *block)
{
	return *(const size_t *)block;
}

static inline void memory_put(void *block)
{
	size_t n = memory_size(block);

	if (n < MEMORY_LEAST || ((char *)block)[n - 1] != MEMORY_MARK)
		bench_fail("a block was overwritten");
	free(block);
	memory_count(-(long)n);
}

/* Of 2^lo to 2^hi bytes, each doubling as likely as any other: most blocks are small. */
static inline void *memory_any(uint64_t *random, size_t lo, size_t hi)
{
	size_t n = (size_t)1 << bench_between(random, lo, hi - 1);

	return memory_get(n + bench_between(random, 0, n - 1));
}

/*
 * The program's own pointers: a zeroed table, counted and written to, which a memset after calloc
 * is not: compilers leave it out.
 */
static inline void **memory_table(size_t n)
{
	void **table = bench_table(n, sizeof(*table));

	for (size_t i = 0; i < n; i++)
		((void *volatile *)table)[i] = NULL;
	memory_count((long)(n * sizeof(*table)));
	return table;
}

static inline void memory_table_free(void **table, size_t n)
{
	free(table);
	memory_count(-(long)(n * sizeof(*table)));
}

/* Takes any one of the n blocks out of the table; the last one comes into its place. */
static inline void *memory_take(void **table, long *n, uint64_t *random)
{
	size_t i = bench_between(random, 0, (size_t)*n - 1);
	void *block = table[i];

	table[i] = table[--*n];
	return block;
}

/* The number after NAME: in a file of such lines, in bytes. */
static inline long memory_field(const char *text, const char *name)
{
	const char *at = strstr(text, name);

	return at == NULL ? 0 : 1024 * strtol(at + strlen(name), NULL, 10);
}

static inline long memory_resident(void)
{
	static const char path[] = "/proc/self/smaps_rollup";
	static char text[4096]; /* never by two threads at once */
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t n = fd < 0 ? -1 : read(fd, text, sizeof(text) - 1);

	if (fd >= 0)
		close(fd);
	if (n > 0)
		text[n] = '\0';
	if (n <= 0 || strstr(text, "Pss_Anon:") == NULL)
		bench_fail("/proc/self/smaps_rollup has no Pss_Anon; Linux 5.3 has");
	return memory_field(text, "Pss_Anon:") + memory_field(text, "Pss_Shmem:") +
	       memory_field(text, "Private_Hugetlb:");
}

static inline void memory_write(const char *text, int n)
{
	if (write(STDOUT_FILENO, text, (size_t)n) != n)
		bench_fail("cannot write");
}

static inline void memory_line(long operations, long live, long resident, const char *phase)
{
	char text[128];
	int n = snprintf(text, sizeof(text), "at %ld %ld %ld %s\n", operations, live, resident,
			 phase);

	memory_write(text, n);
}

static inline void memory_sample(long operations, const char *phase)
{
	memory_line(operations, atomic_load(&memory_live), memory_resident(), phase);
}

/* bench_start; a program without threads can be told one of them. */
static inline void memory_start(struct bench *b, int argc, char **argv, bool threads)
{
	bench_start(b, argc, argv);
	if (!threads && b->threads != 1)
		bench_fail("has one thread only");
}

static inline void memory_base(void)
{
	char text[64];
	int n = snprintf(text, sizeof(text), "base %ld\n", memory_resident());

	memory_write(text, n);
}

/* Is a sample due after `done` of `all`? It is `samples` times on the way, if all >= samples. */
static inline bool memory_due(long done, long all, long samples)
{
	return done * samples / all != (done - 1) * samples / all;
}

static inline void memory_pause(const struct bench *b)
{
	struct timespec t = { .tv_sec = b->options[0].value / 1000,
			      .tv_nsec = b->options[0].value % 1000 * 1000000 };

	while (nanosleep(&t, &t) != 0 && errno == EINTR)
		continue;
}

/* Nothing happens, not a single call of malloc: a sample after each of n pauses. */
static inline void memory_idle(const struct bench *b, long operations, int n, const char *phase)
{
	for (int i = 0; i < n; i++) {
		memory_pause(b);
		memory_sample(operations, phase);
	}
}

/* What a process does that nobody asks anything of: timers, a log line, a health check. */
static inline void memory_beat(void)
{
	uint64_t random = 1;
	void *blocks[40];

	for (size_t i = 0; i < sizeof(blocks) / sizeof(blocks[0]); i++)
		blocks[i] = memory_any(&random, 4, 11);
	for (size_t i = 0; i < sizeof(blocks) / sizeof(blocks[0]); i++)
		memory_put(blocks[i]);
}

/* The same with a few calls after each pause. */
static inline void memory_beats(const struct bench *b, long operations, int n, const char *phase)
{
	for (int i = 0; i < n; i++) {
		memory_pause(b);
		memory_beat();
		memory_sample(operations, phase);
	}
}

/* A thread that sleeps until it is given a job. */
struct memory_worker {
	_Alignas(64) sem_t go;
	sem_t done;
	void (*job)(struct memory_worker *); /* NULL: to end */
	long id, share; /* share: how much to do, as the job understands it */
	uint64_t random;
	void **blocks; /* its own, n of them */
	long n;
	pthread_t thread;
};

static inline void *memory_worker_main(void *arg)
{
	struct memory_worker *w = arg;

	for (;;) {
		while (sem_wait(&w->go) != 0)
			continue;
		if (w->job == NULL)
			return NULL;
		w->job(w);
		sem_post(&w->done);
	}
}

static inline void memory_hire(struct memory_worker *w, long id, uint64_t seed)
{
	pthread_attr_t attr;

	*w = (struct memory_worker){ .id = id, .random = seed + (uint64_t)id * 1000003 };
	pthread_attr_init(&attr);
	pthread_attr_setstacksize(&attr, 256 << 10); /* there may be a thousand */
	if (sem_init(&w->go, 0, 0) != 0 || sem_init(&w->done, 0, 0) != 0 ||
	    pthread_create(&w->thread, &attr, memory_worker_main, w) != 0)
		bench_fail("cannot create a thread");
	pthread_attr_destroy(&attr);
}

static inline void memory_tell(struct memory_worker *w, void (*job)(struct memory_worker *))
{
	w->job = job;
	sem_post(&w->go);
}

static inline void memory_await(struct memory_worker *w)
{
	while (sem_wait(&w->done) != 0)
		continue;
}

static inline void memory_dismiss(struct memory_worker *w)
{
	memory_tell(w, NULL);
	pthread_join(w->thread, NULL);
}

#endif
