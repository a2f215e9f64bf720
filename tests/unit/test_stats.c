/*
 * test_stats.c - the statistics tell the truth: bytes in use are the sum of the usable sizes of
 * what the program holds, in one thread and in many, and whatever became of the memory; the
 * counters count; output to what refuses it does no harm.
 */
#include "support.h"

#include "hakmem.h"
#include "heap/checked.h"
#include "heap/thread.h"
#include "os/os.h"
#include "os/output.h"
#include "policy/options.h"
#include "pool/pool.h"
#include "report/held.h"
#include "report/stats.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/resource.h>
#include <sys/stat.h>

#define MIB ((size_t)1 << 20)
#define HELD_MAX 200000

static void *held[HELD_MAX];
static size_t nr_held;

static void hold(void *p)
{
	must(p != NULL && nr_held < HELD_MAX);
	held[nr_held++] = p;
}

static struct hm_stats stats(void)
{
	struct hm_stats st;

	hm_stats_collect(&st);
	return st;
}

/* What the program holds, in blocks of its own counting, is what the statistics say. */
static void must_be_true(void)
{
	size_t bytes = 0, blocks = 0, class_bytes = 0;
	struct hm_stats st = stats();

	for (size_t i = 0; i < nr_held; i++) {
		bytes += held[i] == NULL ? 0 : hak_usable_size(held[i]);
		blocks += held[i] != NULL;
	}
	must_say(st.live_blocks + st.large.live == blocks, "%zu + %zu blocks, not %zu",
		 st.live_blocks, st.large.live, blocks);
	must_say(st.live_bytes + st.large.usable == bytes, "%zu + %zu bytes, not %zu",
		 st.live_bytes, st.large.usable, bytes);
	must(st.cached_blocks + st.fresh_blocks <= st.free_blocks);
	for (unsigned i = 0; i < HM_CLASSES; i++) {
		const struct hm_stats_class *c = &st.classes[i];

		class_bytes += c->live_bytes;
		must(c->live + c->free <= c->spans * hm_classes[i].capacity);
		must(c->hole_bytes <= c->spans * hm_classes[i].slabs * HM_SLAB_SIZE);
	}
	must(class_bytes == st.live_bytes);
}

/* A block of any kind; sizes of all classes and beyond. */
static void *any_block(uint64_t *r)
{
	static const size_t bounds[] = { 64, 1000, 9000, 150000, 2 * MIB, 5 * MIB };
	/* Few of the large ones. */
	unsigned k = (unsigned)support_below(r, 100);
	size_t n = support_below(r, bounds[k < 50 ? 0 : k < 80 ? 1 : k < 95 ? 2 : k < 98 ? 3 :
					  k < 99 ? 4 : 5]);

	switch (support_below(r, 6)) {
	case 0:
		return hak_calloc(1, n);
	case 1:
		return hak_aligned_alloc((size_t)16 << support_below(r, 9), n);
	case 2:
		return hak_realloc(hak_malloc(support_below(r, 2000) + 1), n + 1);
	default:
		return hak_malloc(n);
	}
}

static void churn(unsigned times, uint64_t *r)
{
	for (unsigned i = 0; i < times; i++) {
		size_t k = support_below(r, nr_held + 1);

		if (k == nr_held && nr_held < HELD_MAX) {
			hold(any_block(r));
		} else {
			hak_free(held[k]);
			held[k] = support_below(r, 2) ? any_block(r) : NULL;
		}
	}
}

START_TEST(exact_in_one_thread)
{
	uint64_t r = support_seed;

	must_be_true();
	while (nr_held < 500)
		hold(any_block(&r));
	must_be_true();
	for (unsigned i = 0; i < support_times(20, 5); i++) {
		churn(1000, &r);
		must_be_true();
	}
	hak_purge();
	must_be_true();
	for (size_t i = 0; i < nr_held; i++)
		hak_free(held[i]);
	nr_held = 0;
	must_be_true();
}
END_TEST

/* Each way that a size may come by, alone. */
START_TEST(exact_of_each_class)
{
	for (unsigned cls = 0; cls < HM_CLASSES; cls++) {
		for (unsigned i = 0; support_class_in_use(cls) && i < 5; i++)
			hold(support_alloc(cls));
		must_be_true();
	}
	for (unsigned shift = 4; shift < 24; shift++)
		for (size_t n = 1; n < 4 * MIB; n *= 7)
			hold(hak_aligned_alloc((size_t)1 << shift, n));
	must_be_true();
	for (size_t i = 0; i < nr_held; i += 2)
		held[i] = hak_realloc(held[i], hak_usable_size(held[i]) * 2);
	must_be_true();
}
END_TEST

/* 99 of 100 small blocks are freed in any order: pages go back inside slabs in use. */
START_TEST(exact_with_holes)
{
	uint64_t r = support_seed;
	struct hm_stats st;

	while (nr_held < 100000)
		hold(hak_malloc(support_below(&r, 400)));
	support_shuffle(held, nr_held, &r);
	for (size_t i = 1000; i < nr_held; i++)
		hak_free(held[i]);
	nr_held = 1000;
	must_be_true();
	/* What the pool had free may have gone unasked. */
	hak_free(hak_malloc(MIB));
	hak_purge();
	must_be_true();
	st = stats();
	if (HM_GUARDS < 2) {
		must(st.hole_bytes > 0);
		must(st.purges.bytes[HM_PURGE_HOLES] + st.purges.bytes[HM_PURGE_LEFT] > 0);
	}
	must(st.purges.bytes[HM_PURGE_ASKED] > 0 && st.purges.times[HM_PURGE_ASKED] > 0);
	while (nr_held < 20000)
		hold(hak_malloc(support_below(&r, 400)));
	must_be_true();
}
END_TEST

/* ---- other threads, which rest ---- */

#define THREADS 4
#define EACH 3000

static pthread_barrier_t barrier;
static void *of_threads[THREADS][EACH];

static void rest(void)
{
	pthread_barrier_wait(&barrier);
	pthread_barrier_wait(&barrier);
}

/* Allocates, frees half of its own and a part of its neighbour's, rests in between. */
static void *work_and_rest(void *arg)
{
	uintptr_t me = (uintptr_t)arg;
	void **mine = of_threads[me], **next = of_threads[(me + 1) % THREADS];
	uint64_t r = support_seed + me;

	for (unsigned i = 0; i < EACH; i++)
		mine[i] = any_block(&r);
	rest();
	for (unsigned i = 0; i < EACH; i += 2) {
		hak_free(mine[i]);
		mine[i] = NULL;
	}
	rest();
	for (unsigned i = 1; i < EACH / 2; i += 2) {
		hak_free(next[i]);
		next[i] = NULL;
	}
	rest();
	return NULL;
}

static void hold_those_of_threads(void)
{
	nr_held = 0;
	for (unsigned t = 0; t < THREADS; t++)
		for (unsigned i = 0; i < EACH; i++)
			hold(support_raw(of_threads[t][i] == NULL ? &barrier : of_threads[t][i]));
	for (size_t i = 0; i < nr_held; i++)
		if (held[i] == (void *)&barrier)
			held[i] = NULL;
}

static void start_threads(pthread_t t[THREADS])
{
	must(pthread_barrier_init(&barrier, NULL, THREADS + 1) == 0);
	for (uintptr_t i = 0; i < THREADS; i++)
		must(pthread_create(&t[i], NULL, work_and_rest, (void *)i) == 0);
}

START_TEST(exact_when_threads_rest)
{
	pthread_t t[THREADS];
	/* Built with prewarm, this thread has a heap already. */
	struct hm_stats at_first = stats(), st;

	start_threads(t);
	for (unsigned k = 0; k < 3; k++) {
		pthread_barrier_wait(&barrier);
		hold_those_of_threads();
		must_be_true();
		st = stats();
		must(st.threads == THREADS + at_first.threads);
		must((st.work.remote_frees > 0) == (k == 2));
		if (k > 0)
			must(st.cached_blocks > 0);
		pthread_barrier_wait(&barrier);
	}
	for (unsigned i = 0; i < THREADS; i++)
		must(pthread_join(t[i], NULL) == 0);
	must_be_true();
	st = stats();
	must(st.cached_blocks == at_first.cached_blocks && st.threads == at_first.threads);
	must(st.heaps >= THREADS);
	must(st.work.remote_pushes > 0 && st.work.remote_pushes <= st.work.remote_frees);
}
END_TEST

/* A child has the lists of threads that it has not. */
START_TEST(exact_in_a_child)
{
	pthread_t t[THREADS];
	int status;
	pid_t pid;

	start_threads(t);
	for (unsigned k = 0; k < 3; k++) {
		pthread_barrier_wait(&barrier);
		hold_those_of_threads();
		pid = fork();
		must(pid >= 0);
		if (pid == 0) {
			uint64_t r = support_seed;

			must_be_true();
			churn(2000, &r);
			must_be_true();
			_exit(0);
		}
		must(waitpid(pid, &status, 0) == pid && status == 0);
		pthread_barrier_wait(&barrier);
	}
	for (unsigned i = 0; i < THREADS; i++)
		must(pthread_join(t[i], NULL) == 0);
}
END_TEST

static void checked(void *arg)
{
	uint64_t r = support_seed;

	(void)arg;
	hm_thread_start_checked();
	must_be_true();
	while (nr_held < 300)
		hold(any_block(&r));
	must_be_true();
	for (unsigned i = 0; i < 5; i++) {
		churn(500, &r);
		must_be_true();
	}
	for (size_t i = 0; i < nr_held; i++)
		if (held[i] != NULL)
			held[i] = hak_realloc(held[i], support_below(&r, 3000) + 1);
	must_be_true();
	hak_purge();
	must_be_true();
}

START_TEST(exact_when_checked)
{
	support_must_be_silent(checked, NULL);
}
END_TEST

/* ---- other threads, which run ---- */

#define RUNNING_HELD 2000

static _Atomic bool stop;

static bool refuse_sometimes(const char *call)
{
	static _Atomic unsigned n;

	return strcmp(call, "mmap") == 0 && hm_add_relaxed(&n, 1) % 8 == 7;
}

/* Holds about as many blocks at any time. Those are themselves lists, as a program's are. */
static void *run(void *arg)
{
	uint64_t r = support_seed + (uintptr_t)arg;
	void **mine = calloc(RUNNING_HELD, sizeof *mine), **p;

	while (!hm_load_relaxed(&stop)) {
		size_t i = support_below(&r, RUNNING_HELD), n = support_below(&r, 100);

		hak_free(mine[i]);
		n = n < 97 ? 16 + n * 8 : n < 99 ? n * 1000 : 3 * MIB;
		p = hak_malloc(n);
		if (p != NULL)
			*p = mine[support_below(&r, RUNNING_HELD)];
		mine[i] = p;
	}
	for (unsigned i = 0; i < RUNNING_HELD; i++)
		hak_free(mine[i]);
	free(mine);
	return NULL;
}

/* Bounded, and nothing that was unmapped is read: the system refuses memory now and then. */
START_TEST(bounded_when_threads_run)
{
	pthread_t t[THREADS];
	unsigned times = support_times(300, 40);
	struct hm_stats st;
	int null = open("/dev/null", O_WRONLY);

	hm_os_fail_hook = refuse_sometimes;
	for (uintptr_t i = 0; i < THREADS; i++)
		must(pthread_create(&t[i], NULL, run, (void *)i) == 0);
	for (unsigned i = 0; i < times; i++) {
		st = stats();
		must(st.live_bytes <= st.superslab_bytes + 64 * MIB);
		must(st.cached_bytes <= 64 * MIB);
		if (i % 8 == 0)
			hak_stats_json(null);
		if (i % 16 == 0)
			hak_purge();
	}
	hm_store_relaxed(&stop, true);
	for (unsigned i = 0; i < THREADS; i++)
		must(pthread_join(t[i], NULL) == 0);
	hm_os_fail_hook = NULL;
	nr_held = 0;
	must_be_true();
	close(null);
}
END_TEST

static void *only_allocate(void *arg)
{
	hak_free(hak_malloc(100));
	rest();
	return arg;
}

static struct hm_heap *others;

static void find_other(struct hm_heap *h, void *arg)
{
	(void)arg;
	if (h != hm_tls_heap)
		others = h;
}

/* What is counted when the first block on the other thread's list of the class is p. */
static size_t counted(void *p, unsigned cls)
{
	bool tiny = hm_class_is_tiny(cls);
	struct hm_base b = hm_to_base((struct hm_user){ p }, tiny), old = others->sll[cls].head;
	size_t n;

	others->sll[cls].head = p == NULL ? (struct hm_base){ NULL } : b;
	n = hm_held_on_lists(others, cls, false);
	others->sll[cls].head = old;
	return n;
}

/* Nothing but a free block of the class, in a slab in use, is taken for one. */
START_TEST(words_of_any_kind)
{
	enum { SIZE = 1000, N = 1000 };
	unsigned cls = hm_class_of(SIZE);
	bool told = HM_GUARDS >= 1 || (!HM_HEADERLESS && hm_class_is_tiny(cls));
	struct hm_base first;
	char *live, *large, *gone;
	pthread_t t;

	must(pthread_barrier_init(&barrier, NULL, 2) == 0);
	must(pthread_create(&t, NULL, only_allocate, NULL) == 0);
	pthread_barrier_wait(&barrier);
	live = hak_malloc(SIZE);
	large = hak_malloc(4 * MIB);
	hm_heaps_each(find_other, NULL);
	must(others != NULL && live != NULL && large != NULL);

	for (unsigned shift = 0; shift < 64; shift++)
		must(counted((void *)((uintptr_t)1 << shift), cls) == 0);
	must(counted(NULL, cls) == 0 && counted((void *)UINTPTR_MAX, cls) == 0);
	must(counted(&others, cls) == 0 && counted(large, cls) == 0);
	must(counted(large + 1000, cls) == 0 && counted(live + 16, cls) == 0);
	must(!told || counted(live, cls) == 0);
	must(counted(live, cls + 1) == 0 && counted(live, HM_TINY_CLASSES + 2) == 0);

	/* A free one is, also one that leads in a circle: then no more than a bound. */
	support_keep_freed();
	gone = hak_malloc(SIZE);
	hak_free(gone);
	must(counted(gone, cls) >= 1);
	first = hm_to_base((struct hm_user){ gone }, hm_class_is_tiny(cls));
	hm_link_set(first, hm_class_is_tiny(cls), first);
	must(counted(gone, cls) > 1 && counted(gone, cls) < 100000);
	hm_link_set(first, hm_class_is_tiny(cls), (struct hm_base){ NULL });

	/* In a slab that is free, and in a superslab that is unmapped. */
	for (unsigned i = 0; i < N; i++)
		hold(hak_malloc(SIZE));
	gone = held[N - 1];
	for (unsigned i = 0; i < N; i++)
		hak_free(held[i]);
	hak_free(live);
	/* Dirty: a free block in a slab that is free has its mark still. */
	hm_release_caches(hm_tls_heap);
	must(hm_slab_owner(hm_slab_at(gone)) == NULL && counted(gone, cls) == 0);
	hak_free(large);
	hak_purge();
	pthread_barrier_wait(&barrier);
	must(pthread_join(t, NULL) == 0);
	must(hm_pool_unmap_empty() > 0 && hm_registry_get(gone) == HM_REG_NONE);
	must(counted(gone, cls) == 0);
}
END_TEST

/* ---- counters ---- */

START_TEST(counters)
{
	struct hm_stats a = stats(), b;
	void *p = hak_malloc(8 * MIB);

	hak_free(p);
	hak_free(hak_malloc(8 * MIB));
	b = stats();
	must(b.large.misses == a.large.misses + 1 && b.large.hits == a.large.hits + 1);
	must(b.large.allocated == 2 && b.large.freed == 2 && b.large.cached > 0);
	p = hak_malloc(20 * MIB);
	must(stats().large.grown == b.large.grown + 1);
	hak_free(p);
	a = stats();
	must(hak_purge() >= 16 * MIB);
	b = stats();
	must(b.purges.bytes[HM_PURGE_ASKED] - a.purges.bytes[HM_PURGE_ASKED] >= 16 * MIB);
	must(b.purges.times[HM_PURGE_ASKED] > a.purges.times[HM_PURGE_ASKED]);
	must(b.work.refills == a.work.refills);

	/* Of a size that prewarm sets nothing up for. */
	hold(hak_malloc(2000));
	b = stats();
	must(b.work.refills == a.work.refills + 1 && b.classes[hm_class_of(2000)].refills == 1);
	must(b.superslabs > 0 && b.faults.minor > 0 && b.faults.most_resident > 0);
	must((b.fills[HM_FILL_8] == 1 || HM_PREWARM > 0) &&
	     b.classes[hm_class_of(2000)].spans == 1);
	must(b.classes[hm_class_of(2000)].fresh > 0);
}
END_TEST

/* Dirty memory beyond its bound, and after its delay. */
START_TEST(reasons)
{
	struct hm_stats st;

	hm_options.dirty_max = 0;
	for (unsigned i = 0; i < 200; i++)
		hold(hak_malloc(60000));
	for (size_t i = 0; i < nr_held; i++)
		hak_free(memset(held[i], 1, 60000));
	nr_held = 0;
	st = stats();
	must(st.purges.bytes[HM_PURGE_BOUND] > 0);
	must(st.purges.bytes[HM_PURGE_ASKED] == 0 && st.purges.bytes[HM_PURGE_LIMIT] == 0);

	hm_options.dirty_max = 64 * MIB;
	hm_options.limit_hard = 8 * MIB;
	for (void *p; (p = hak_malloc(60000)) != NULL;)
		hold(p);
	st = stats();
	must(st.failures.times[HM_FAILURE_EXHAUSTION] == 1);
	must(st.failures.last_size[HM_FAILURE_EXHAUSTION] == 60000);
	must_be_true();
}
END_TEST

/* ---- output ---- */

static void write_both(int fd)
{
	errno = 77;
	hak_stats_print(fd);
	must(errno == 77);
	hak_stats_json(fd);
	must(errno == 77);
}

START_TEST(output_that_is_refused)
{
	struct rlimit small = { 100, RLIM_INFINITY };
	char name[] = "/tmp/hakmem-stats.XXXXXX";
	int ends[2], fd;
	sigset_t pending;

	hold(hak_malloc(100));
	write_both(-1);
	write_both(1000);
	fd = open("/dev/full", O_WRONLY);
	if (fd >= 0)
		write_both(fd);
	fd = open("/dev/null", O_RDONLY);
	write_both(fd);
	/* Nobody reads: with SIGPIPE's default action the process would end. */
	must(signal(SIGPIPE, SIG_DFL) != SIG_ERR && signal(SIGXFSZ, SIG_DFL) != SIG_ERR);
	must(pipe(ends) == 0);
	close(ends[0]);
	write_both(ends[1]);
	fd = mkstemp(name);
	must(fd >= 0 && unlink(name) == 0);
	must(setrlimit(RLIMIT_FSIZE, &small) == 0);
	write_both(fd);
	must(sigpending(&pending) == 0 && !sigismember(&pending, SIGPIPE) &&
	     !sigismember(&pending, SIGXFSZ));
	must_be_true();
}
END_TEST

/* One that the program has pending stays so. */
START_TEST(a_pending_signal_stays)
{
	int ends[2];
	sigset_t set;

	must(sigemptyset(&set) == 0 && sigaddset(&set, SIGPIPE) == 0);
	must(sigprocmask(SIG_BLOCK, &set, NULL) == 0 && raise(SIGPIPE) == 0);
	must(pipe(ends) == 0);
	close(ends[0]);
	write_both(ends[1]);
	must(sigpending(&set) == 0 && sigismember(&set, SIGPIPE));
}
END_TEST

/* Of many threads' heaps the text is long, and a small pipe that does not block takes parts. */
static void *read_all(void *arg)
{
	static char text[MIB];
	size_t len = 0;
	ssize_t n;

	while ((n = read(*(int *)arg, text + len, len % 97 + 1)) > 0 && len < sizeof text - 100)
		len += (size_t)n;
	text[len] = '\0';
	return text;
}

START_TEST(output_in_parts)
{
	enum { MANY = 60 };
	pthread_t t[MANY], reader;
	unsigned depth = 0, heaps = 0;
	size_t own = stats().threads;
	void *result;
	int ends[2];

	must(pthread_barrier_init(&barrier, NULL, MANY + 1) == 0);
	for (unsigned i = 0; i < MANY; i++)
		must(pthread_create(&t[i], NULL, only_allocate, NULL) == 0);
	pthread_barrier_wait(&barrier);
	must(pipe2(ends, O_NONBLOCK) == 0 && fcntl(ends[0], F_SETFL, 0) == 0);
	(void)fcntl(ends[1], F_SETPIPE_SZ, 4096);
	must(pthread_create(&reader, NULL, read_all, &ends[0]) == 0);
	hak_stats_json(ends[1]);
	close(ends[1]);
	must(pthread_join(reader, &result) == 0);
	pthread_barrier_wait(&barrier);
	for (unsigned i = 0; i < MANY; i++)
		must(pthread_join(t[i], NULL) == 0);
	for (const char *c = result; *c != '\0'; c++) {
		depth += (unsigned)(*c == '{' || *c == '[') - (unsigned)(*c == '}' || *c == ']');
		must(*c == '\n' ? depth == 0 && c[1] == '\0' : depth > 0 || c[1] == '\n');
	}
	for (const char *c = result; (c = strstr(c, "\"state\":\"thread\"")) != NULL; c++)
		heaps++;
	must_say(heaps == MANY + own, "%u heaps", heaps);
}
END_TEST

START_TEST(files_to_append_to)
{
	char dir[] = "/tmp/hakmem-stats.XXXXXX";
	struct stat st;
	int fd;

	must(mkdtemp(dir) != NULL && chdir(dir) == 0);
	for (unsigned i = 1; i <= 2; i++) {
		fd = hm_os_open_append("file");
		must(fd >= 0);
		hak_stats_json(fd);
		must(fstat(fd, &st) == 0 && (st.st_mode & 0777) == 0600);
		must(st.st_size > 1000 * (int)i);
		close(fd);
	}
	errno = 77;
	must(hm_os_open_append(".") == -1 && hm_os_open_append("no/file") == -1);
	must(symlink("file", "symbolic") == 0 && hm_os_open_append("symbolic") == -1);
	must(symlink("absent", "dangling") == 0 && hm_os_open_append("dangling") == -1);
	must(mkfifo("fifo", 0600) == 0 && hm_os_open_append("fifo") == -1);
	must(hm_os_open_append("/dev/null") == -1);
	must(link("file", "hard") == 0 && hm_os_open_append("hard") == -1);
	must(unlink("hard") == 0);
	if (geteuid() == 0) {
		must(chown("file", 65534, 65534) == 0 && hm_os_open_append("file") == -1);
	}
	must(unlink("file") == 0 && unlink("symbolic") == 0 && unlink("dangling") == 0);
	must(unlink("fifo") == 0 && chdir("/") == 0 && rmdir(dir) == 0);
}
END_TEST

int main(void)
{
	const TTest *const tests[] = {
		exact_in_one_thread, exact_of_each_class, exact_with_holes,
		exact_when_threads_rest, exact_in_a_child, exact_when_checked,
		bounded_when_threads_run, words_of_any_kind, counters, reasons,
		output_that_is_refused, a_pending_signal_stays, output_in_parts,
		files_to_append_to,
	};

	return SUPPORT_RUN("stats", tests);
}
