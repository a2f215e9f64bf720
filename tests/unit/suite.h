/*
 * suite.h - a unit test's suite: its seed, and main's work.
 */
#ifndef HM_TESTS_SUITE_H
#define HM_TESTS_SUITE_H

#include <check.h>
#include <inttypes.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

/* Printed at the start; HM_TEST_SEED sets it. */
static uint64_t support_seed __attribute__((unused));

static inline uint64_t support_random(uint64_t *state)
{
	uint64_t z = (*state += 0x9e3779b97f4a7c15u);

	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
	z = (z ^ z >> 27) * 0x94d049bb133111ebu;
	return z ^ z >> 31;
}

/* A number below n. */
static inline size_t support_below(uint64_t *state, size_t n)
{
	return (size_t)(support_random(state) >> 16) % n;
}

/*
 * Runs the tests, each in a process of its own; main's result. Before and after each set_up and
 * tear_down, if there are any.
 */
static inline int support_run_between(const char *name, const TTest *const *tests, size_t n,
				      void (*set_up)(void), void (*tear_down)(void))
{
	const char *given = getenv("HM_TEST_SEED");
	Suite *s = suite_create(name);
	TCase *t = tcase_create(name);
	SRunner *r = srunner_create(s);
	int failed;

	support_seed = (uint64_t)time(NULL) ^ (uint64_t)getpid() << 20;
	if (given != NULL)
		support_seed = (uint64_t)strtoull(given, NULL, 0);
	printf("test_%s: HM_TEST_SEED=%" PRIu64 "\n", name, support_seed);
	fflush(stdout);
	tcase_set_timeout(t, 120);
	if (set_up != NULL)
		tcase_add_checked_fixture(t, set_up, tear_down);
	for (size_t i = 0; i < n; i++)
		tcase_add_test(t, tests[i]);
	suite_add_tcase(s, t);
	srunner_run_all(r, CK_NORMAL);
	failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed != 0;
}

static inline int support_run(const char *name, const TTest *const *tests, size_t n)
{
	return support_run_between(name, tests, n, NULL, NULL);
}

#define SUPPORT_RUN(name, tests) support_run(name, tests, sizeof(tests) / sizeof(tests[0]))

#endif
