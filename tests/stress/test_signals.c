/*
 * test_signals.c - a storm of SIGPROF and SIGUSR1, with handlers that do not
 * allocate, hits threads that do, at any instruction.
 */
#include "base/base.h"

#include "stress.h"

#include <check.h>
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <sys/time.h>

#define THREADS 4
#define OWN 256

static _Atomic unsigned long taken;
static _Atomic bool stop;
static pthread_t workers[THREADS];
static uint64_t seed;
static struct item items[THREADS][OWN];
static _Atomic(struct item *) shared[64];

/* Uses stack, registers and errno, as handlers do. */
static void on_signal(int number)
{
	volatile char stack[1024];
	int saved = errno;

	for (size_t i = 0; i < sizeof stack; i++)
		stack[i] = (char)number;
	errno = 4711;
	hm_add_relaxed(&taken, 1);
	errno = saved;
}

static void *work(void *arg)
{
	uint32_t id = (uint32_t)(uintptr_t)arg;
	struct rng r = { mix64(seed + id) };
	struct item *own[OWN];

	for (unsigned i = 0; i < OWN; i++)
		own[i] = &items[id][i];
	for (uint32_t n = 0; !stop; n++) {
		size_t i = rng_below(&r, OWN), what = rng_below(&r, 8);

		if (what == 0) {
			own[i] = atomic_exchange(&shared[rng_below(&r, 64)], own[i]);
		} else if (own[i] == NULL) {
			continue;
		} else if (own[i]->p != NULL) {
			item_drop(own[i]);
		} else if (!item_make(own[i], rng_size(&r, what == 1 ? 100000 : 500), id, n)) {
			abort();
		}
	}
	return NULL;
}

static void *pester(void *arg)
{
	struct rng r = { mix64(seed + 99) };

	(void)arg;
	while (taken < stress_size(30000, 3000)) {
		struct timespec nap = { 0, (long)rng_below(&r, 100000) };

		for (unsigned i = 0; i < THREADS; i++)
			pthread_kill(workers[i], SIGUSR1);
		nanosleep(&nap, NULL);
	}
	return NULL;
}

START_TEST(storm)
{
	struct sigaction act = { .sa_handler = on_signal };
	struct itimerval tick = { { 0, 500 }, { 0, 500 } }, off = { { 0, 0 }, { 0, 0 } };
	pthread_t pest;
	struct walk w;

	guard_against_hang();
	seed = stress_seed("storm");
	act.sa_flags = _i == 0 ? SA_RESTART : 0;
	sigaction(SIGPROF, &act, NULL);
	sigaction(SIGUSR1, &act, NULL);
	setitimer(ITIMER_PROF, &tick, NULL);
	for (uintptr_t t = 0; t < THREADS; t++)
		ck_assert_int_eq(pthread_create(&workers[t], NULL, work, (void *)t), 0);
	ck_assert_int_eq(pthread_create(&pest, NULL, pester, NULL), 0);
	/* The pest stops first: it signals living threads only. */
	pthread_join(pest, NULL);
	stop = true;
	for (unsigned t = 0; t < THREADS; t++)
		pthread_join(workers[t], NULL);
	setitimer(ITIMER_PROF, &off, NULL);
	printf("storm: %lu signals\n", taken);
	for (unsigned t = 0; t < THREADS; t++)
		for (unsigned i = 0; i < OWN; i++)
			item_drop(&items[t][i]);
	release_everything();
	w = walk_all(true);
	ck_assert_uint_eq(w.bad + w.lost, 0);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("signals");
	TCase *t = tcase_create("stress");
	SRunner *r = srunner_create(s);
	int failed;

	tcase_set_timeout(t, HANG_SECONDS);
	tcase_add_loop_test(t, storm, 0, 2);
	suite_add_tcase(s, t);
	srunner_run_all(r, CK_NORMAL);
	failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed != 0;
}
