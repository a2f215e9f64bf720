/*
 * test_lock.c - ranked locks: exclusion, sleeping, reset, and the rank checker
 * in full guard builds.
 *
 * owns: nothing.
 * called from: make check.
 */
#include "base/base.h"
#include "os/lock.h"

#include "base/assert.h"

#include "death.h"

#include <check.h>
#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <setjmp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define THREADS 4
#define ROUNDS 50000

static struct hm_lock lock = HM_LOCK_INIT(HM_RANK_POOL);
static volatile unsigned long counter; /* plain but for the compiler: the lock's to keep */

static void *count(void *arg)
{
	(void)arg;
	for (int i = 0; i < ROUNDS; i++) {
		hm_lock_take(&lock);
		counter = counter + 1;
		hm_lock_release(&lock);
	}
	return NULL;
}

START_TEST(excludes)
{
	pthread_t threads[THREADS];

	for (int i = 0; i < THREADS; i++)
		ck_assert_int_eq(pthread_create(&threads[i], NULL, count, NULL), 0);
	for (int i = 0; i < THREADS; i++)
		pthread_join(threads[i], NULL);
	ck_assert_uint_eq(counter, (unsigned long)THREADS * ROUNDS);
	ck_assert_uint_eq(hm_load_relaxed(&lock.word), 0);
}
END_TEST

static void *take_once(void *arg)
{
	errno = 12345;
	hm_lock_take(&lock);
	counter = counter + 1;
	hm_lock_release(&lock);
	*(int *)arg = errno;
	return NULL;
}

static uint64_t cpu_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
	return (uint64_t)t.tv_sec * 1000 + (uint64_t)t.tv_nsec / 1000000;
}

START_TEST(waiters_sleep_and_wake)
{
	struct timespec nap = { 0, 300 * 1000 * 1000 };
	pthread_t threads[THREADS];
	int errors[THREADS];
	uint64_t cpu;

	hm_lock_take(&lock);
	cpu = cpu_ms();
	for (int i = 0; i < THREADS; i++)
		ck_assert_int_eq(pthread_create(&threads[i], NULL, take_once, &errors[i]), 0);
	nanosleep(&nap, NULL);
	ck_assert_uint_eq(counter, 0);
	ck_assert_uint_eq(hm_load_relaxed(&lock.word), 2);
	/* Four spinners would have used what there is. */
	ck_assert_uint_lt(cpu_ms() - cpu, 150);
	hm_lock_release(&lock);
	for (int i = 0; i < THREADS; i++) {
		pthread_join(threads[i], NULL);
		ck_assert_int_eq(errors[i], 12345);
	}
	ck_assert_uint_eq(counter, THREADS);
	ck_assert_uint_eq(hm_load_relaxed(&lock.word), 0);
}
END_TEST

START_TEST(child_makes_it_anew)
{
	int status;
	pid_t pid;

	hm_lock_forking(true);
	hm_lock_take(&lock);
	pid = fork();
	ck_assert_int_ge(pid, 0);
	if (pid == 0) {
		alarm(10);
		hm_lock_reset(&lock);
		hm_lock_forking(false);
		hm_lock_take(&lock);
		hm_lock_release(&lock);
		_exit(0);
	}
	hm_lock_release(&lock);
	hm_lock_forking(false);
	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	ck_assert_int_eq(status, 0);
	ck_assert_uint_eq(hm_load_relaxed(&lock.word), 0);
}
END_TEST

static struct hm_lock low = HM_LOCK_INIT(HM_RANK_HEAPS), middle = HM_LOCK_INIT(HM_RANK_POOL),
		      peer = HM_LOCK_INIT(HM_RANK_POOL), high = HM_LOCK_INIT(HM_RANK_OS);
static jmp_buf died;
static char last_words[256];

static void catch_death(const char *text, size_t len)
{
	len = len < sizeof(last_words) ? len : sizeof(last_words) - 1;
	memcpy(last_words, text, len);
	last_words[len] = '\0';
	longjmp(died, 1);
}

/* Did the checker object? Objections leave lock and books as they were. */
static bool objects(void (*act)(struct hm_lock *), struct hm_lock *l)
{
	hm_die_hook = catch_death;
	if (setjmp(died) == 0) {
		act(l);
		return false;
	}
	hm_die_hook = NULL;
	return true;
}

static bool said(const char *what, unsigned rank, unsigned held)
{
	char text[80];

	snprintf(text, sizeof text, "%s: rank=%#x held=0x%x", what, rank, held);
	return strstr(last_words, text) != NULL;
}

static void take(struct hm_lock *l)
{
	hm_lock_take(l);
}

static void release(struct hm_lock *l)
{
	hm_lock_release(l);
}

START_TEST(right_order_is_silent)
{
	for (int i = 0; i < 3; i++) {
		ck_assert(!objects(take, &low));
		ck_assert(!objects(take, &middle));
		ck_assert(!objects(take, &high));
		/* Released in any order. */
		ck_assert(!objects(release, &low));
		ck_assert(!objects(release, &high));
		ck_assert(!objects(take, &high));
		ck_assert(!objects(release, &middle));
		ck_assert(!objects(release, &high));
	}
}
END_TEST

START_TEST(wrong_order_dies)
{
	bool full = HM_GUARDS == 2;

	hm_lock_take(&middle);
	ck_assert(objects(take, &low) == full);
	ck_assert(!full || said("out of order", HM_RANK_HEAPS, 1u << HM_RANK_POOL));
	ck_assert(objects(take, &peer) == full);
	ck_assert(!objects(take, &high));
	ck_assert(!objects(release, &high));
	hm_lock_release(&middle);
	ck_assert_uint_eq(hm_load_relaxed(&low.word), !full);
}
END_TEST

START_TEST(release_unheld_dies)
{
	ck_assert(objects(release, &low) == (HM_GUARDS == 2));
	ck_assert(HM_GUARDS != 2 || said("not held", HM_RANK_HEAPS, 0));
}
END_TEST

START_TEST(fork_takes_peers)
{
	hm_lock_forking(true);
	ck_assert(!objects(take, &middle));
	ck_assert(!objects(take, &peer));
	ck_assert(objects(take, &low) == (HM_GUARDS == 2));
	ck_assert(!objects(release, &middle));
	ck_assert(!objects(release, &peer));
	hm_lock_forking(false);
	hm_lock_reset(&low);
	ck_assert(!objects(take, &low));
	ck_assert(!objects(release, &low));
}
END_TEST

START_TEST(hm_check_aborts)
{
	/* Writes its line to stderr; only the signal is looked at. */
	hm_check(counter == 1);
}
END_TEST

START_TEST(die_formats)
{
	hm_die_hook = catch_death;
	if (setjmp(died) == 0)
		hm_die("test of death", "one", 1, "none", 0, "all", UINTPTR_MAX);
	ck_assert_str_eq(last_words, sizeof(void *) == 8 ?
			 "hakmem: test of death: one=0x1 none=0x0 all=0xffffffffffffffff" :
			 "hakmem: test of death: one=0x1 none=0x0 all=0xffffffff");
	if (setjmp(died) == 0)
		hm_die("plain", NULL, 0, NULL, 0, NULL, 0);
	ck_assert_str_eq(last_words, "hakmem: plain");
}
END_TEST

/* Runs in a child; what it wrote to stderr comes back. */
static size_t words_of_child(char *buf, size_t size, const char *what)
{
	size_t len = 0;
	ssize_t n;
	int fds[2], status;
	pid_t pid;

	ck_assert_int_eq(pipe(fds), 0);
	pid = fork();
	if (pid == 0) {
		struct rlimit none = { 0, 0 };

		setrlimit(RLIMIT_CORE, &none);
		dup2(fds[1], 2);
		hm_die(what, NULL, 0, NULL, 0, NULL, 0);
	}
	close(fds[1]);
	while (len + 1 < size && (n = read(fds[0], buf + len, size - 1 - len)) > 0)
		len += (size_t)n;
	len = death_own_words(buf, len);
	close(fds[0]);
	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	ck_assert(WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT);
	return len;
}

START_TEST(die_writes_one_line)
{
	static char what[2000], buf[4096];
	size_t len = words_of_child(buf, sizeof(buf), "short");

	ck_assert_uint_eq(len, 14);
	ck_assert(memcmp(buf, "hakmem: short\n", len) == 0);
	/* Too long is cut, the line's end stays. */
	memset(what, 'x', sizeof(what) - 1);
	len = words_of_child(buf, sizeof(buf), what);
	ck_assert_uint_gt(len, 200);
	ck_assert_uint_lt(len, 1000);
	ck_assert(memchr(buf, '\n', len) == buf + len - 1);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("lock");
	TCase *t = tcase_create("lock"), *d = tcase_create("order and death");
	SRunner *r = srunner_create(s);
	int failed;

	tcase_set_timeout(t, 60);
	tcase_add_test(t, excludes);
	tcase_add_test(t, waiters_sleep_and_wake);
	tcase_add_test(t, child_makes_it_anew);
	suite_add_tcase(s, t);
	tcase_add_test(d, right_order_is_silent);
	tcase_add_test(d, wrong_order_dies);
	tcase_add_test(d, release_unheld_dies);
	tcase_add_test(d, fork_takes_peers);
	tcase_add_test_raise_signal(d, hm_check_aborts, SIGABRT);
	tcase_add_test(d, die_formats);
	tcase_add_test(d, die_writes_one_line);
	suite_add_tcase(s, d);
	srunner_run_all(r, CK_NORMAL);
	failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed != 0;
}
