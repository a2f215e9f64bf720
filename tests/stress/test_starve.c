/*
 * test_starve.c - threads fill a small address space together: superslabs are
 * unmapped for large blocks and mapped again, while another thread purges.
 */
#include "base/base.h"

#include "os/os.h"

#include "stress.h"

#include <check.h>
#include <pthread.h>
#include <sched.h>
#include <sys/resource.h>
#include <sys/wait.h>

#define STARVING 4
#define SHARE 3000

static struct item sets[STARVING][SHARE];
static pthread_barrier_t start;
static uint64_t seed;
static _Atomic unsigned long refused;
static _Atomic bool fed;

static void *starve(void *arg)
{
	uint32_t id = (uint32_t)(uintptr_t)arg;
	struct rng r = { mix64(seed + id) };
	struct item *set = sets[id];
	size_t rounds = stress_size(100, 25);

	pthread_barrier_wait(&start);
	for (size_t round = 0; round < rounds; round++) {
		size_t max = rng_below(&r, 2) == 0 ? 60000 : (size_t)5 << 20;

		for (uint32_t i = 0; i < SHARE; i++) {
			if (!item_make(&set[i], rng_size(&r, max), id, i)) {
				hm_add_relaxed(&refused, 1);
				break;
			}
		}
		for (uint32_t i = 0; i < SHARE; i++)
			item_drop(&set[i]);
	}
	return NULL;
}

static void *purge_on(void *arg)
{
	pthread_barrier_wait(&start);
	while (!fed) {
		hak_purge();
		sched_yield();
	}
	return arg;
}

/* So much address space is left, with all threads' stacks there. */
static void limit_space(size_t more)
{
	FILE *f = fopen("/proc/self/statm", "r");
	unsigned long pages = 0;
	struct rlimit limit;

	NEED(f != NULL && fscanf(f, "%lu", &pages) == 1);
	fclose(f);
	limit.rlim_cur = limit.rlim_max = pages * (size_t)sysconf(_SC_PAGESIZE) + more;
	NEED(setrlimit(RLIMIT_AS, &limit) == 0);
}

static void starve_together(void)
{
	pthread_t ids[STARVING], purger;
	struct walk w;

	alarm(60);
	pthread_barrier_init(&start, NULL, STARVING + 2);
	NEED(pthread_create(&purger, NULL, purge_on, NULL) == 0);
	for (uintptr_t t = 0; t < STARVING; t++)
		NEED(pthread_create(&ids[t], NULL, starve, (void *)t) == 0);
	limit_space((size_t)96 << 20);
	pthread_barrier_wait(&start);
	for (unsigned t = 0; t < STARVING; t++)
		pthread_join(ids[t], NULL);
	fed = true;
	pthread_join(purger, NULL);
	printf("starve: refused %lu times, %llu unmaps\n", refused,
	       (unsigned long long)hm_os_counts.unmaps);
	fflush(stdout);
	release_everything();
	w = walk_all(true);
	_exit(w.bad + w.lost != 0 ? 4 : refused == 0 ? 5 : 0);
}

START_TEST(together)
{
	pid_t pid;
	int status;

	seed = stress_seed("starve");
	pid = fork();
	if (pid == 0)
		starve_together();
	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	ck_assert_int_eq(status, 0);
}
END_TEST

int main(void)
{
	SRunner *r;
	Suite *s;
	TCase *t;
	int failed;

	if (HM_SANITIZE) {
		printf("the sanitizers' shadow needs more address space\n");
		return 77;
	}
	s = suite_create("starve");
	t = tcase_create("stress");
	r = srunner_create(s);
	tcase_set_timeout(t, HANG_SECONDS);
	tcase_add_test(t, together);
	suite_add_tcase(s, t);
	srunner_run_all(r, CK_NORMAL);
	failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed != 0;
}
