/*
 * test_background.c - the helper thread: what goes back though nobody calls, that it sleeps when
 * there is nothing, forks, failures, ends. No time is asserted but that all comes to pass within
 * half a minute.
 */
#include "support.h"

#include "hakmem.h"

#include "heap/background.h"
#include "os/os.h"
#include "os/pressure.h"
#include "policy/dirty.h"
#include "policy/options.h"
#include "pool/large.h"
#include "pool/pool.h"
#include "report/stats.h"
#include "slab/hole.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <sys/socket.h>
#include <sys/syscall.h>

#define BLOCKS 20000
#define LARGE ((size_t)5 << 20)
#define SAFE_POINT ((size_t)200 << 10)

/* Stands before libc's: a clock can stand still. */
static _Atomic bool clock_stands;

int clock_gettime(clockid_t clock, struct timespec *t)
{
	if (!clock_stands)
		return (int)syscall(SYS_clock_gettime, clock, t);
	*t = (struct timespec){ .tv_sec = 1000 };
	return 0;
}

static void rest(unsigned ms)
{
	struct timespec t = { .tv_sec = (time_t)(ms / 1000),
			      .tv_nsec = (long)(ms % 1000) * 1000000 };

	nanosleep(&t, NULL);
}

/* Until the condition holds. */
#define await(cond)                                                                                \
	do {                                                                                       \
		for (unsigned i_ = 0; i_ < 3000 && !(cond); i_++)                                  \
			rest(10);                                                                  \
		must_say(cond, "did not come: %s", #cond);                                         \
	} while (0)

/* The first line of a file of a task, or the number behind FIELD. */
static long task_file(const char *task, const char *file, const char *field, char *text, size_t cap)
{
	char path[300];
	ssize_t n;
	char *at;
	int fd;

	snprintf(path, sizeof path, "/proc/self/task/%s/%s", task, file);
	fd = open(path, O_RDONLY);
	n = fd < 0 ? 0 : read(fd, text, cap - 1);
	close(fd);
	text[n > 0 ? n : 0] = '\0';
	if (field == NULL)
		return 0;
	at = strstr(text, field);
	return at == NULL ? -1 : strtol(at + strlen(field), NULL, 10);
}

struct tasks {
	unsigned all, helpers;
	long switches; /* how often the helper has slept */
};

static struct tasks tasks(void)
{
	struct tasks t = { .switches = -1 };
	DIR *d = opendir("/proc/self/task");
	struct dirent *e;
	char text[4096];

	must(d != NULL);
	while ((e = readdir(d)) != NULL) {
		if (e->d_name[0] == '.')
			continue;
		t.all++;
		task_file(e->d_name, "comm", NULL, text, sizeof text);
		if (strcmp(text, "hakmem\n") != 0)
			continue;
		t.helpers++;
		t.switches = task_file(e->d_name, "status", "\nvoluntary_ctxt_switches:", text,
				       sizeof text);
	}
	closedir(d);
	return t;
}

static enum hm_background_state state(void)
{
	int error;

	return hm_background_get_state(&error);
}

static void begin(unsigned delay)
{
	hm_options.background = 1;
	hm_options.purge_delay = delay;
	hm_background_start();
	must(state() == HM_BACKGROUND_RUNNING);
	await(tasks().helpers == 1);
}

/* Blocks, small and large, all freed; the lists of this thread keep some. */
static void make_dirty(void)
{
	static void *blocks[BLOCKS];
	void *large = hak_malloc(LARGE);

	for (unsigned i = 0; i < BLOCKS; i++)
		must((blocks[i] = hak_malloc(2000)) != NULL);
	for (unsigned i = 0; i < BLOCKS; i++)
		hak_free(blocks[i]);
	must(large != NULL);
	hak_free(large);
}

static size_t dirty_bytes(void)
{
	struct hm_large_counts large;
	struct hm_pool_counts pool;

	hm_pool_get_counts(&pool);
	hm_large_get_counts(&large);
	return pool.dirty * HM_SLAB_SIZE + large.cached_bytes;
}

static bool sleeps(void)
{
	return hm_load_relaxed(&hm_dirty_word) == HM_DIRTY_WAKE;
}

START_TEST(off_there_is_none)
{
	struct tasks before = tasks();

	make_dirty();
	must(dirty_bytes() > LARGE);
	must(state() == HM_BACKGROUND_OFF && tasks().all == before.all && tasks().helpers == 0);
	must(hm_load_relaxed(&hm_dirty_word) == HM_DIRTY_KNOWN);
}
END_TEST

START_TEST(gives_back)
{
	begin(100);
	for (unsigned round = 0; round < 3; round++) {
		make_dirty();
		await(dirty_bytes() == 0);
		if (round == 1)
			await(sleeps());
	}
	/* A process that goes on frees what it does not use. */
	for (unsigned i = 0; i < 300; i++) {
		hak_free(hak_malloc(LARGE * 2));
		if (i == 0)
			make_dirty();
		rest(2);
	}
	await(dirty_bytes() == 0);
}
END_TEST

static void *live[BLOCKS];

static void *leave_some(void *arg)
{
	for (unsigned i = 0; i < BLOCKS; i++)
		must((live[i] = hak_malloc(100)) != NULL);
	for (unsigned i = 0; i < BLOCKS; i++)
		if (i % 400 != 0)
			hak_free(live[i]);
	return arg;
}

/* Less than what makes a thread look itself. */
START_TEST(holes_of_what_threads_left)
{
	if (HM_GUARDS == 2)
		return;
	hm_options.dirty_max = (uint64_t)64 << 20;
	begin(100);
	support_in_thread(leave_some, NULL);
	await(hm_hole_bytes() > ((size_t)1 << 20) || hm_os_page_size() > 4096);
	for (unsigned i = 0; i < BLOCKS; i += 400)
		hak_free(live[i]);
}
END_TEST

START_TEST(idle_is_asleep)
{
	long before;

	begin(100);
	make_dirty();
	await(sleeps());
	rest(100);
	before = tasks().switches;
	rest(1500);
	must_say(tasks().switches == before, "%ld more", tasks().switches - before);
	/* One wake, and it looks some times. */
	make_dirty();
	await(tasks().switches > before);
	await(sleeps() && dirty_bytes() == 0);
}
END_TEST

/* With nothing that can be purged it sleeps, too. */
static _Atomic bool refuses;

static bool refuse_purge(const char *call)
{
	return refuses && strcmp(call, "madvise") == 0;
}

START_TEST(refusals_and_a_clock_that_stands)
{
	long before;

	hm_os_fail_hook = refuse_purge;
	refuses = true;
	begin(100);
	make_dirty();
	await(sleeps());
	must(dirty_bytes() > 0);
	refuses = false;
	clock_stands = true;
	make_dirty();
	before = tasks().switches;
	await(sleeps() && dirty_bytes() == 0);
	must(tasks().switches < before + 100);
	clock_stands = false;
}
END_TEST

static bool refuse_thread(const char *call)
{
	return strcmp(call, "thread") == 0;
}

START_TEST(cannot_be_made)
{
	struct tasks before = tasks();
	int error, ends[2];
	char text[8192];
	ssize_t n;

	hm_os_fail_hook = refuse_thread;
	errno = 77;
	hm_background_start();
	must(errno == 77 && hm_background_get_state(&error) == HM_BACKGROUND_FAILED);
	must(error == EAGAIN && tasks().all == before.all);
	make_dirty();
	must(pipe(ends) == 0);
	hm_stats_print(ends[1]);
	n = read(ends[0], text, sizeof text - 1);
	must(n > 0);
	text[n] = '\0';
	must_say(strstr(text, "hakmem: background: failed (11)\n") != NULL, "%s", text);
}
END_TEST

static void *start_elsewhere(void *arg)
{
	hm_background_start();
	return arg;
}

/* It would not learn when the first thread leaves. */
START_TEST(not_from_another_thread)
{
	support_in_thread(start_elsewhere, NULL);
	must(state() == HM_BACKGROUND_OFF && tasks().helpers == 0);
}
END_TEST

#define SLOTS 512

static _Atomic(void *) slots[SLOTS];

/* Blocks go from hand to hand, threads come and go: slabs wait while the helper looks at them. */
static void *pass_on(void *arg)
{
	uint64_t r = support_seed + (uintptr_t)arg;

	for (unsigned i = 0; i < 20000; i++) {
		size_t n = 8 + support_below(&r, i % 100 == 0 ? 3000000 : i % 5 == 0 ? 20000 : 300);
		char *p = hak_malloc(n);

		must(p != NULL);
		p[0] = p[n - 1] = 1;
		hak_free(atomic_exchange(&slots[support_below(&r, SLOTS)], p));
	}
	return arg;
}

START_TEST(works_beside_others)
{
	begin(0);
	for (unsigned round = 0; round < support_times(30, 6); round++) {
		support_run_threads(4, pass_on);
		for (unsigned i = round % 8; i < SLOTS; i++)
			hak_free(atomic_exchange(&slots[i], NULL));
	}
	await(sleeps());
	for (unsigned i = 0; i < SLOTS; i++)
		hak_free(slots[i]);
	await(sleeps() && dirty_bytes() == 0);
}
END_TEST

/* ---- processes: the thread sanitizer allows no threads after such a fork ---- */

static void grow(void)
{
	void *p = hak_malloc(SAFE_POINT);

	must(p != NULL);
	hak_free(p);
}

static void child_of_helped(void *arg)
{
	(void)arg;
	must(state() == HM_BACKGROUND_OFF && tasks().all == 1);
	for (unsigned i = 0; i < 1000; i++)
		hak_free(hak_malloc(i * 100));
	must(tasks().all == 1);
	grow();
	must(state() == HM_BACKGROUND_RUNNING);
	await(tasks().helpers == 1);
	make_dirty();
	await(dirty_bytes() == 0);
	await(sleeps());
}

static void child_and_its_child(void *arg)
{
	child_of_helped(arg);
	support_must_be_silent(child_of_helped, arg);
	/* One that never had its own hands the wish on. */
	if (arg == NULL)
		support_must_be_silent(child_and_its_child, (void *)&live);
}

START_TEST(child_has_its_own)
{
	begin(100);
	make_dirty();
	support_must_be_silent(child_and_its_child, NULL);
	must(state() == HM_BACKGROUND_RUNNING && tasks().helpers == 1);
	make_dirty();
	await(dirty_bytes() == 0);
}
END_TEST

static bool clone_has_stack_first(void)
{
#if defined(__s390__)
	return true;
#else
	return false;
#endif
}

/* Without a word to us: of a thread that does not exist there nothing may be hoped. */
START_TEST(vfork_and_bare_fork)
{
	int status;
	pid_t pid;

	begin(100);
	/* Flags and stack, by turns: which is first depends on the machine. */
	pid = (pid_t)(clone_has_stack_first() ? syscall(SYS_clone, 0, SIGCHLD, 0, 0, 0) :
						syscall(SYS_clone, SIGCHLD, 0, 0, 0, 0));
	if (pid == 0) {
		grow();
		_exit(tasks().all == 1 ? 0 : 1);
	}
	must(waitpid(pid, &status, 0) == pid && status == 0);
	hm_store_relaxed(&hm_background_wanted, true);
	pid = vfork();
	if (pid == 0) {
		hm_background_restart();
		_exit(0);
	}
	must(waitpid(pid, &status, 0) == pid && status == 0);
	must(hm_load_relaxed(&hm_background_wanted));
	hm_store_relaxed(&hm_background_wanted, false);
}
END_TEST

static _Atomic bool over;

static void *busy(void *arg)
{
	while (!over) {
		void *p = hak_malloc(3000000), *q = hak_malloc(70000);

		for (unsigned i = 0; i < 200; i++)
			hak_free(hak_malloc(i * 50));
		hak_free(p);
		hak_free(q);
		if (arg != NULL)
			support_in_thread(leave_some, NULL);
	}
	return arg;
}

static void child_under_load(void *arg)
{
	alarm(60);
	for (unsigned i = 0; i < 5; i++)
		hak_free(hak_malloc(SAFE_POINT << i));
	must(state() == HM_BACKGROUND_RUNNING);
	if (arg != NULL)
		await(tasks().helpers == 1);
}

START_TEST(forks_under_load)
{
	pthread_t t[4];

	begin(0);
	for (uintptr_t i = 0; i < 4; i++)
		must(pthread_create(&t[i], NULL, busy, (void *)(i / 3)) == 0);
	for (unsigned i = 0; i < support_times(300, 40); i++)
		support_must_be_silent(child_under_load, i % 4 == 0 ? (void *)&over : NULL);
	over = true;
	for (unsigned i = 0; i < 4; i++)
		pthread_join(t[i], NULL);
	must(tasks().helpers == 1);
}
END_TEST

/* The process ends with its last thread, which is not the helper. */
static void first_thread_leaves(void *arg)
{
	alarm(60);
	grow();
	must(state() == HM_BACKGROUND_RUNNING);
	pthread_exit(arg);
}

START_TEST(ends_when_the_first_thread_does)
{
	begin(1000);
	support_must_be_silent(first_thread_leaves, NULL);
	hm_options.purge_delay = 86400000;
	support_must_be_silent(first_thread_leaves, NULL);
}
END_TEST

static void exits_at_once(void *arg)
{
	grow();
	make_dirty();
	rest((unsigned)(uintptr_t)arg);
	exit(0);
}

START_TEST(exits_while_it_works)
{
	begin(0);
	for (uintptr_t i = 0; i < support_times(60, 12); i++)
		support_must_be_silent(exits_at_once, (void *)(i % 8 * 10));
}
END_TEST

static void gives_up_root(void *arg)
{
	(void)arg;
	alarm(60);
	grow();
	await(tasks().helpers == 1);
	must(setgid(12345) == 0 && setuid(12345) == 0);
	must(setuid(0) != 0);
}

/* libc sends each thread a signal for it, and waits for all. */
START_TEST(user_changes)
{
	if (geteuid() != 0)
		return;
	begin(100);
	support_must_be_silent(gives_up_root, NULL);
}
END_TEST

/* ---- pressure ---- */

START_TEST(pressure_is_heard)
{
	struct hm_os_pressure p = { .nr = 0 };
	int ends[2], closed;

	must(socketpair(AF_UNIX, SOCK_STREAM, 0, ends) == 0);
	closed = dup(ends[0]);
	close(closed);
	p = (struct hm_os_pressure){ .fds = { ends[0], closed }, .nr = 2 };
	must(hm_os_pressure_wait(&p, 10) == HM_SLEPT && p.nr == 1 && p.fds[0] == ends[0]);
	must(hm_os_pressure_wait(&p, 10) == HM_SLEPT);
	/* What the kernel tells as it tells of pressure; not all have it for such sockets. */
	if (send(ends[1], "x", 1, MSG_OOB) == 1)
		must(hm_os_pressure_wait(&p, 10000) == HM_PRESSED);
}
END_TEST

static void *open_files(void *arg)
{
	struct hm_os_pressure p;

	hm_os_pressure_open(&p);
	must(p.nr <= HM_PRESSURE_FILES);
	return arg;
}

/* The files of the program are none of the helper's, and the reverse. */
START_TEST(files_are_apart)
{
	int before = dup(0), ends[2];
	char c;

	must(before >= 0 && pipe(ends) == 0);
	support_in_thread(open_files, NULL);
	must(fcntl(before, F_GETFD) >= 0 && dup(0) == ends[1] + 1);
	begin(0);
	make_dirty();
	await(sleeps());
	/* Nobody else has the pipe's end. */
	close(ends[1]);
	must(read(ends[0], &c, 1) == 0);
	must(dup(0) == ends[1]);
}
END_TEST

static void *find_broken(void *arg)
{
	struct hm_os_pressure p;

	hm_os_pressure_open(&p);
	hm_die("broken invariant: a test", NULL, 0, NULL, 0, NULL, 0);
	return arg;
}

static void break_there(void *arg)
{
	support_in_thread(find_broken, arg);
}

/* What it finds broken is heard, all the same. */
START_TEST(last_words)
{
	char text[1024];
	int status = support_in_child(break_there, NULL, text, sizeof text);

	must(WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT);
	must_say(strcmp(text, "hakmem: broken invariant: a test\n") == 0, "%s", text);
}
END_TEST

int main(void)
{
	const TTest *tests[20] = { off_there_is_none, gives_back, holes_of_what_threads_left,
				   idle_is_asleep, refusals_and_a_clock_that_stands,
				   cannot_be_made, not_from_another_thread, pressure_is_heard,
				   files_are_apart, works_beside_others };
	const TTest *forking[] = { child_has_its_own, vfork_and_bare_fork, forks_under_load,
				   ends_when_the_first_thread_does, exits_while_it_works,
				   user_changes, last_words };
	size_t n = 10;

	/* The sanitizers' runtimes look for threads at exit, and allow none after such a fork. */
	for (size_t i = 0; !HM_SANITIZE && i < sizeof forking / sizeof forking[0]; i++)
		tests[n++] = forking[i];
	return support_run("background", tests, n);
}
