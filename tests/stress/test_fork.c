/*
 * test_fork.c - threads allocate, any of them forks; the child uses every
 * class, frees blocks of threads that vanished, and forks again.
 */
#include "base/base.h"

#include "stress.h"

#include <check.h>
#include <pthread.h>
#include <sys/wait.h>

#define THREADS 4
#define SLOTS 256
#define DEPTH 3

static _Atomic(struct item *) slots[SLOTS];
static struct item items[SLOTS + THREADS];
static _Atomic unsigned forks_left;
static _Atomic unsigned failures;
static uint64_t seed;

static bool try(void *p, size_t n)
{
	if (p == NULL)
		return false;
	memset(p, 0x77, n < 5000 ? n : 5000);
	hak_free(p);
	return true;
}

/* Every class, and large: by malloc, calloc, realloc, memalign. */
static bool use_every_class(void)
{
	for (unsigned cls = 0; cls < HM_CLASSES; cls++) {
		size_t n = hm_class_usable(cls);

		for (int i = 0; i < 3; i++)
			if (!try(hak_malloc(n), n))
				return false;
		if (!try(hak_realloc(hak_calloc(1, n), n + n / 2), n))
			return false;
		if (!try(hak_memalign(4096, n), n))
			return false;
	}
	return try(hak_malloc((size_t)9 << 20), 5000);
}

/* Blocks that lay in the slots when the process was copied: most of them of other threads. */
static bool free_the_vanished(void)
{
	for (unsigned i = 0; i < SLOTS; i++) {
		struct item *it = atomic_exchange(&slots[i], NULL);

		if (it == NULL || it->p == NULL)
			continue;
		if (!item_whole(it, it->n))
			return false;
		hak_free(it->p);
	}
	return true;
}

static void *child_thread(void *arg)
{
	bool *good = arg;

	*good = use_every_class();
	return NULL;
}

/* New threads in the child take heaps, perhaps where vanished ones stood. */
static bool threads_work(void)
{
	pthread_t ids[2];
	bool good[2] = { false, false };

	if (HM_SANITIZE)
		return true; /* the thread sanitizer refuses threads after such a fork */
	for (unsigned i = 0; i < 2; i++)
		if (pthread_create(&ids[i], NULL, child_thread, &good[i]) != 0)
			return false;
	for (unsigned i = 0; i < 2; i++)
		pthread_join(ids[i], NULL);
	return good[0] && good[1];
}

static int fork_and_wait(unsigned depth);

static void in_child(unsigned depth)
{
	int status = 0;

	alarm(30);
	if (!use_every_class())
		_exit(2);
	if (!free_the_vanished())
		_exit(3);
	if (!use_every_class() || !threads_work())
		_exit(4);
	if (depth < DEPTH)
		status = fork_and_wait(depth + 1);
	_exit(status == 0 ? 0 : 6);
}

static int fork_and_wait(unsigned depth)
{
	pid_t pid = fork();
	int status;

	if (pid < 0)
		return -1;
	if (pid == 0)
		in_child(depth);
	if (waitpid(pid, &status, 0) != pid)
		return -1;
	if (status != 0)
		fprintf(stderr, "child at depth %u: status %#x\n", depth, (unsigned)status);
	return status;
}

static void step(struct rng *r, struct item **it, uint32_t id, uint32_t serial)
{
	*it = atomic_exchange(&slots[rng_below(r, SLOTS)], *it);
	item_drop(*it);
	if (rng_below(r, 8) != 0 &&
	    !item_make(*it, rng_size(r, rng_below(r, 64) == 0 ? 4 << 20 : 20000), id, serial))
		abort();
}

static void *work(void *arg)
{
	uint32_t id = (uint32_t)(uintptr_t)arg, serial = 0;
	struct item *it = &items[SLOTS + id];
	struct rng r = { mix64(seed + id) };

	while (forks_left > 0) {
		size_t n = 1 + rng_below(&r, 500);

		while (n-- > 0)
			step(&r, &it, id, serial++);
		if (rng_below(&r, 8) == 0 && atomic_fetch_sub(&forks_left, 1) > 0) {
			if (fork_and_wait(1) != 0)
				failures++;
		} else {
			forks_left += forks_left > 1u << 30; /* went below 0: no more */
		}
	}
	return NULL;
}

START_TEST(fork_storm)
{
	pthread_t ids[THREADS];
	struct walk w;

	guard_against_hang();
	seed = stress_seed("fork_storm");
	for (unsigned i = 0; i < SLOTS; i++)
		slots[i] = &items[i];
	forks_left = (unsigned)stress_size(100, 12);
	for (uintptr_t t = 0; t < THREADS; t++)
		ck_assert_int_eq(pthread_create(&ids[t], NULL, work, (void *)t), 0);
	for (unsigned t = 0; t < THREADS; t++)
		pthread_join(ids[t], NULL);
	ck_assert_uint_eq(failures, 0);
	/* The parent is as if nothing had been. */
	for (unsigned i = 0; i < SLOTS + THREADS; i++)
		item_drop(&items[i]);
	release_everything();
	w = walk_all(true);
	ck_assert_uint_eq(w.bad + w.lost, 0);
}
END_TEST

static void chain_on(unsigned left, size_t bound);

/* A chain of forks and deaths: each child drops what it got and fills anew; nothing grows. */
static void chain(unsigned left, size_t bound)
{
	struct item mine[64] = { { .p = NULL } };
	int status;
	pid_t pid;

	alarm(60);
	for (uint32_t i = 0; i < 64; i++)
		if (!item_make(&mine[i], 50 + i * 900, left, i))
			_exit(2);
	pid = left == 0 ? -1 : fork();
	if (pid == 0) {
		for (uint32_t i = 0; i < 64; i++)
			item_drop(&mine[i]);
		if (superslabs() > bound)
			_exit(3);
		chain_on(left - 1, bound);
	}
	if (pid > 0 && (waitpid(pid, &status, 0) != pid || status != 0))
		_exit(4);
	for (uint32_t i = 0; i < 64; i++)
		item_drop(&mine[i]);
	_exit(0);
}

static void chain_on(unsigned left, size_t bound)
{
	chain(left, bound);
}

START_TEST(fork_chain)
{
	pid_t pid = fork();
	int status;

	if (pid == 0)
		chain((unsigned)stress_size(50, 10), 20);
	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	ck_assert_int_eq(status, 0);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("fork");
	TCase *t = tcase_create("stress");
	SRunner *r = srunner_create(s);
	int failed;

	tcase_set_timeout(t, HANG_SECONDS);
	tcase_add_test(t, fork_storm);
	tcase_add_test(t, fork_chain);
	suite_add_tcase(s, t);
	srunner_run_all(r, CK_NORMAL);
	failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed != 0;
}
