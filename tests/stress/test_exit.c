/*
 * test_exit.c - the end of threads and of the process: destructors that
 * allocate after ours ran, pthread_exit from main, detached threads, exit
 * while others work.
 */
#include "base/base.h"

#include "stress.h"

#include <check.h>
#include <limits.h>
#include <pthread.h>
#include <signal.h>
#include <sys/wait.h>

/* exit() in a forked child leaves what the test framework has; that is no leak of ours. */
const char *__asan_default_options(void);
const char *__asan_default_options(void)
{
	return "detect_leaks=0";
}

/* The thread sanitizer ends its thread in the last round: it does not see what comes then. */
enum { LAST_ROUND = PTHREAD_DESTRUCTOR_ITERATIONS - HM_SANITIZE };

static void nothing_lost(void)
{
	struct walk w;

	release_everything();
	w = walk_all(true);
	ck_assert_uint_eq(w.bad, 0);
	ck_assert_uint_eq(w.lost, 0);
	ck_assert_uint_eq(w.free_slabs, w.superslabs * HM_SLABS);
}

static void run_thread(void *(*f)(void *), void *arg)
{
	pthread_t id;

	ck_assert_int_eq(pthread_create(&id, NULL, f, arg), 0);
	pthread_join(id, NULL);
}

static void *nothing(void *arg)
{
	return arg;
}

/* ---- destructors of thread-specific data ---- */

struct dying {
	pthread_key_t key;
	unsigned first, last; /* destructor rounds in which it allocates */
	unsigned round;
	bool early; /* the thread allocates before it dies, too */
	bool frees_only;
	struct item kept, given;
};

static struct dying *dying; /* one such thread at a time */

/* Allocates in every size, frees what the round before kept. */
static void last_will(void *arg)
{
	struct dying *d = arg;
	void *p;

	d->round++;
	if (d->round < d->last)
		pthread_setspecific(d->key, d);
	if (d->round < d->first)
		return;
	item_drop(&d->kept);
	item_drop(&d->given);
	if (d->frees_only)
		return;
	for (size_t n = 1; n < (size_t)4 << 20; n = n * 3 + 5) {
		p = hak_malloc(n);
		NEED(p != NULL);
		memset(p, 1, n < 4096 ? n : 4096);
		p = hak_realloc(p, n + n / 2);
		NEED(p != NULL);
		hak_free(p);
	}
	NEED(item_make(&d->kept, 100 * d->round, 1, d->round));
}

static void *die_slowly(void *arg)
{
	struct dying *d = arg;
	struct item it;

	if (d->early) {
		NEED(item_make(&it, 500, 2, 2));
		item_drop(&it);
	}
	pthread_setspecific(d->key, d);
	return NULL;
}

/* For all first and last rounds; what such threads leave behind does not grow. */
static void die_in_all_ways(bool early, bool frees_only, unsigned from, unsigned to)
{
	for (unsigned first = from; first <= to; first++) {
		for (unsigned last = first; last <= LAST_ROUND; last++) {
			*dying = (struct dying){ .key = dying->key, .first = first, .last = last,
						 .early = early, .frees_only = frees_only };
			ck_assert(item_make(&dying->given, 3000, 3, 3));
			run_thread(die_slowly, dying);
			ck_assert_uint_ge(dying->round, last);
			item_drop(&dying->kept);
			item_drop(&dying->given);
		}
	}
}

static void die_often(bool early, bool frees_only, unsigned from, unsigned to)
{
	static struct dying d;
	size_t before = 0, rounds = stress_size(60, 20);

	guard_against_hang();
	dying = &d;
	ck_assert_int_eq(pthread_key_create(&d.key, last_will), 0);
	for (size_t i = 0; i < rounds; i++) {
		die_in_all_ways(early, frees_only, from, to);
		if (i == 0)
			before = heaps();
	}
	printf("heaps %zu, after %zu rounds %zu\n", before, rounds, heaps());
	ck_assert_uint_le(heaps(), before);
}

#define ALL_ROUNDS 1, LAST_ROUND

START_TEST(destructors)
{
	die_often(true, false, ALL_ROUNDS);
	nothing_lost();
}
END_TEST

/* The thread's first allocation is in a destructor; ours has had its first turn by then. */
START_TEST(destructors_first)
{
	die_often(false, false, 1, 1);
	nothing_lost();
}
END_TEST

START_TEST(destructors_free_only)
{
	die_often(false, true, 1, 1);
	nothing_lost();
}
END_TEST

/* Ours may have no turn left: what such a thread holds is the next one's. */
START_TEST(destructors_last)
{
	die_often(false, false, ALL_ROUNDS);
}
END_TEST

/* ---- detached threads ---- */

static _Atomic unsigned detached_left;
static struct item mailbox[64];

static void *detached_life(void *arg)
{
	uint32_t id = (uint32_t)(uintptr_t)arg;
	struct rng r = { mix64(id) };
	struct item it;

	for (uint32_t i = 0; i < 50; i++) {
		NEED(item_make(&it, rng_size(&r, 30000), id, i));
		item_drop(&it);
	}
	NEED(item_make(&mailbox[id % 64], 1000, id, 1000));
	atomic_fetch_sub(&detached_left, 1);
	return NULL;
}

static size_t threads_now(void)
{
	FILE *f = fopen("/proc/self/status", "r");
	char line[256];
	size_t n = 0;

	while (f != NULL && fgets(line, sizeof line, f) != NULL)
		if (sscanf(line, "Threads: %zu", &n) == 1)
			break;
	if (f != NULL)
		fclose(f);
	return n;
}

START_TEST(detached)
{
	size_t others, rounds = stress_size(50, 10);
	struct timespec nap = { 0, 1000000 };
	pthread_attr_t attr;
	pthread_t id;

	guard_against_hang();
	run_thread(nothing, NULL);
	others = threads_now(); /* a sanitizer may have some of its own, from the first on */
	pthread_attr_init(&attr);
	pthread_attr_setdetachstate(&attr, PTHREAD_CREATE_DETACHED);
	for (size_t i = 0; i < rounds; i++) {
		detached_left = 64;
		for (uintptr_t t = 0; t < 64; t++)
			ck_assert_int_eq(pthread_create(&id, &attr, detached_life, (void *)t), 0);
		while (detached_left > 0)
			sched_yield();
		while (threads_now() > others)
			nanosleep(&nap, NULL);
		for (unsigned t = 0; t < 64; t++)
			item_drop(&mailbox[t]);
	}
	ck_assert_uint_le(heaps(), 64 + 2);
	nothing_lost();
}
END_TEST

/* ---- the process's end; in children ---- */

static void *work_for_ever(void *arg)
{
	struct rng r = { mix64((uintptr_t)arg) };
	struct item it;

	for (uint32_t i = 0;; i++) {
		if (!item_make(&it, rng_size(&r, 300000), 1, i))
			abort();
		item_drop(&it);
	}
	return NULL;
}

static void leave_a_block(void)
{
	struct item it;

	if (!item_make(&it, 700, 9, 9))
		_exit(3);
	item_drop(&it);
}

/* exit() while others work. */
static void child_exits(void)
{
	pthread_t id;

	for (uintptr_t t = 0; t < 4; t++)
		pthread_create(&id, NULL, work_for_ever, (void *)t);
	atexit(leave_a_block);
	leave_a_block();
	usleep(2000);
	exit(7);
}

static void *work_then_exit(void *arg)
{
	struct item *it = arg;

	usleep(2000);
	item_drop(it);
	for (uint32_t i = 0; i < 1000; i++) {
		item_make(it, 1 + i * 10, 4, i);
		item_drop(it);
	}
	exit(7);
	return NULL;
}

/* main leaves by pthread_exit; a thread frees its block and ends the process. */
static void child_loses_main(void)
{
	static struct item it;
	pthread_t id;

	item_make(&it, 5000, 5, 5);
	pthread_create(&id, NULL, work_then_exit, &it);
	pthread_exit(NULL);
}

/* main is the last thread, and leaves by pthread_exit: status 0. */
static void child_is_last(void)
{
	pthread_t id;

	pthread_create(&id, NULL, nothing, NULL);
	leave_a_block();
	pthread_exit(NULL);
}

static void ends_with(void (*f)(void), int expected)
{
	size_t n = HM_SANITIZE ? 3 : stress_size(100, 20);

	guard_against_hang();
	for (size_t i = 0; i < n; i++) {
		int status;
		pid_t pid = fork();

		ck_assert_int_ge(pid, 0);
		if (pid == 0) {
			alarm(20);
			f();
			_exit(99);
		}
		ck_assert_int_eq(waitpid(pid, &status, 0), pid);
		ck_assert_msg(WIFEXITED(status) && WEXITSTATUS(status) == expected,
			      "child %zu ended with status %#x", i, (unsigned)status);
	}
}

START_TEST(exit_while_others_work)
{
	ends_with(child_exits, 7);
}
END_TEST

START_TEST(main_leaves_first)
{
	ends_with(child_loses_main, 7);
}
END_TEST

START_TEST(main_leaves_last)
{
	ends_with(child_is_last, 0);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("exit");
	TCase *t = tcase_create("threads"), *p = tcase_create("process");
	SRunner *r = srunner_create(s);
	int failed;

	tcase_set_timeout(t, HANG_SECONDS);
	tcase_add_test(t, destructors);
	tcase_add_test(t, destructors_first);
	tcase_add_test(t, destructors_free_only);
	/*
	 * After its own last round the thread sanitizer cannot bear even our destructor, and
	 * a thread of its own outlives main.
	 */
	if (HM_SANITIZE) {
		printf("destructors_last, main_leaves_last: left out under sanitizers\n");
	} else {
		tcase_add_test(t, destructors_last);
		tcase_add_test(p, main_leaves_last);
	}
	tcase_add_test(t, detached);
	suite_add_tcase(s, t);
	tcase_set_timeout(p, HANG_SECONDS);
	tcase_add_test(p, exit_while_others_work);
	tcase_add_test(p, main_leaves_first);
	suite_add_tcase(s, p);
	srunner_run_all(r, CK_NORMAL);
	failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed != 0;
}
