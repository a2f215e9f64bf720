/*
 * test_registry.c - the registry: any bit pattern, growth, refusal, races.
 *
 * owns: nothing.
 * called from: make check. Each test runs in a process of its own.
 */
#include "base/base.h"
#include "space/registry.h"

#include "os/os.h"

#include "suite.h"

#include <check.h>
#include <errno.h>
#include <inttypes.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define UNIT HM_SUPERSLAB_SIZE
/* Address space that one zone stands for, and all of them. */
#define ZONE_REACH ((uint64_t)1 << HM_ZONE_SHIFT)
#define REACH ((uint64_t)ZONES * ZONE_REACH)
/* Of 32 bits all is one zone. */
#define ONE_ZONE (UINTPTR_MAX <= 0xffffffffu)
#define ZONES (ONE_ZONE ? 1 : HM_ROOT_NODES * HM_NODE_ZONES)

static void *at(uint64_t address)
{
	return (void *)(uintptr_t)address;
}

static bool refuse_all(const char *call)
{
	(void)call;
	return true;
}

static const uint64_t edges[] = {
	0, 1, 16, 4096, UNIT - 1, UNIT, REACH - 1, REACH, REACH + 1, UINTPTR_MAX, UINTPTR_MAX - 1,
	UINTPTR_MAX - UNIT + 1, UINTPTR_MAX / 2, UINTPTR_MAX / 2 + 1, /* non-canonical */
	UINTPTR_MAX / 3, 0xffff800000000000u, 0x0000800000000000u,
};
#define EDGES (sizeof(edges) / sizeof(edges[0]))

START_TEST(any_pattern_is_answered)
{
	uint64_t state = support_seed;
	enum hm_reg_kind kind = HM_REG_LARGE;

	for (size_t i = 0; i < EDGES; i++)
		ck_assert_int_eq(hm_registry_get(at(edges[i])), HM_REG_NONE);
	ck_assert(hm_registry_set(at(REACH - ZONE_REACH), HM_REG_LARGE));
	for (int i = 0; i < 1000000; i++) {
		uintptr_t p = (uintptr_t)support_random(&state);

		/* Shifts bring it into reach every so often. */
		p >>= support_random(&state) & (sizeof(p) * 8 - 1);
		if (p - (REACH - ZONE_REACH) < UNIT)
			continue;
		if (hm_registry_get(at(p)) != HM_REG_NONE)
			ck_abort_msg("something at %#" PRIxPTR, p);
	}
	ck_assert_ptr_null(hm_registry_next(at(REACH - ZONE_REACH + UNIT), &kind));
	ck_assert_int_eq(kind, HM_REG_NONE);
}
END_TEST

START_TEST(set_get_and_go)
{
	uint64_t base = ZONE_REACH / 2;

	for (int kind = HM_REG_SUPERSLAB; kind <= HM_REG_LARGE_SHIFTED; kind++) {
		ck_assert(hm_registry_set(at(base + 12345), (enum hm_reg_kind)kind));
		ck_assert_int_eq(hm_registry_get(at(base)), kind);
		ck_assert_int_eq(hm_registry_get(at(base + UNIT - 1)), kind);
		ck_assert_int_eq(hm_registry_get(at(base - 1)), HM_REG_NONE);
		ck_assert_int_eq(hm_registry_get(at(base + UNIT)), HM_REG_NONE);
	}
	ck_assert(hm_registry_set(at(base), HM_REG_NONE));
	ck_assert_int_eq(hm_registry_get(at(base)), HM_REG_NONE);
}
END_TEST

START_TEST(beyond_reach)
{
	for (size_t i = 0; i < EDGES; i++) {
		if (edges[i] < REACH)
			continue;
		ck_assert(!hm_registry_set(at(edges[i]), HM_REG_SUPERSLAB));
		ck_assert(hm_registry_set(at(edges[i]), HM_REG_NONE));
		ck_assert_int_eq(hm_registry_get(at(edges[i])), HM_REG_NONE);
		ck_assert_ptr_null(hm_registry_next(at(edges[i]), &(enum hm_reg_kind){ 0 }));
	}
}
END_TEST

START_TEST(growth_refused_and_later_not)
{
	uint64_t p = 2 * ZONE_REACH;
	uint64_t before;

	/* Two zones are there already, the others are asked of the OS. */
	ck_assert(hm_registry_set(at(0), HM_REG_LARGE));
	ck_assert(hm_registry_set(at(ZONE_REACH), HM_REG_LARGE));
	hm_os_fail_hook = refuse_all;
	errno = 12345;
	ck_assert(!hm_registry_set(at(p), HM_REG_SUPERSLAB));
	ck_assert_int_eq(hm_registry_get(at(p)), HM_REG_NONE);
	ck_assert(hm_registry_set(at(p), HM_REG_NONE));
	ck_assert(hm_registry_set(at(ZONE_REACH + UNIT), HM_REG_SUPERSLAB));
	ck_assert_int_eq(errno, 12345);
	hm_os_fail_hook = NULL;
	ck_assert(hm_registry_set(at(p), HM_REG_SUPERSLAB));
	ck_assert_int_eq(hm_registry_get(at(p)), HM_REG_SUPERSLAB);
	/* Made once: a set and a clear of what has been set need no OS. */
	hm_os_fail_hook = refuse_all;
	before = hm_load_relaxed(&hm_os_counts.maps);
	ck_assert(hm_registry_set(at(p), HM_REG_NONE));
	ck_assert(hm_registry_set(at(p + UNIT), HM_REG_LARGE));
	ck_assert_uint_eq(hm_load_relaxed(&hm_os_counts.maps), before);
}
END_TEST

START_TEST(walk_finds_all_in_order)
{
	uint64_t state = support_seed;
	uintptr_t set[200], *end = set;
	enum hm_reg_kind kind;
	void *p;

	for (int i = 0; i < 200; i++) {
		uint64_t any = support_random(&state) & (REACH - 1) & ~(uint64_t)(UNIT - 1);
		uintptr_t a = (uintptr_t)any;

		/* The ends (0 excepted: the walk's NULL; of 32 bits the last), and of a zone. */
		if (i < 3)
			a = (uintptr_t)(i == 0 ? UNIT :
					i == 1 ? REACH - UNIT * (ONE_ZONE ? 2 : 1) :
						 ZONE_REACH - UNIT * (ONE_ZONE ? 3 : 1));
		if (ONE_ZONE && a >= REACH - UNIT)
			continue;
		if (a == 0 || hm_registry_get(at(a)) != HM_REG_NONE)
			continue;
		ck_assert(hm_registry_set(at(a), (enum hm_reg_kind)(1 + i % 3)));
		*end++ = a;
	}
	for (uintptr_t from = 0, found = 0;; from = (uintptr_t)p + UNIT, found++) {
		p = hm_registry_next(at(from), &kind);
		if (p == NULL) {
			ck_assert_uint_eq(found, (uintptr_t)(end - set));
			break;
		}
		ck_assert_uint_ge((uintptr_t)p, from);
		ck_assert_int_eq(kind, hm_registry_get(p));
		for (uintptr_t *s = set; s < end; s++)
			ck_assert(*s < from || *s >= (uintptr_t)p);
	}
}
END_TEST

#define WRITERS 3
#define SPREAD 64

static _Atomic bool stop;
static _Atomic unsigned wrong;

static pthread_barrier_t together;

/* Refuses nothing: holds up the one that makes a zone, for the others to arrive. */
static bool dawdle(const char *call)
{
	struct timespec nap = { 0, 200 * 1000 };

	(void)call;
	nanosleep(&nap, NULL);
	return false;
}

/* Each writer has units of its own in zones that all of them make. */
static void *writer(void *arg)
{
	uintptr_t mine = (uintptr_t)arg;

	for (uintptr_t round = 0; round < 300; round++) {
		for (uintptr_t i = 0; i < SPREAD; i++) {
			void *p = at(i * (REACH / SPREAD) + (mine + 1) * UNIT);
			enum hm_reg_kind kind = round % 2 == 0 ? HM_REG_LARGE : HM_REG_NONE;

			if (round == 0)
				pthread_barrier_wait(&together);
			if (!hm_registry_set(p, kind) || hm_registry_get(p) != kind)
				hm_add_relaxed(&wrong, 1);
		}
	}
	return NULL;
}

/* Looks at the writers' units, and at those next to them, which are never set. */
static void *reader(void *arg)
{
	(void)arg;
	while (!hm_load_relaxed(&stop)) {
		for (uintptr_t i = 0; i < SPREAD; i++) {
			uint64_t base = i * (REACH / SPREAD);
			enum hm_reg_kind kind = hm_registry_get(at(base + UNIT));

			if (kind != HM_REG_NONE && kind != HM_REG_LARGE)
				hm_add_relaxed(&wrong, 1);
			if (hm_registry_get(at(base + (WRITERS + 1) * UNIT)) != HM_REG_NONE)
				hm_add_relaxed(&wrong, 1);
		}
	}
	return NULL;
}

START_TEST(concurrent_growth)
{
	pthread_t writers[WRITERS], watcher;
	uint64_t before = hm_load_relaxed(&hm_os_counts.maps);

	ck_assert_int_eq(pthread_barrier_init(&together, NULL, WRITERS), 0);
	hm_os_fail_hook = dawdle;
	ck_assert_int_eq(pthread_create(&watcher, NULL, reader, NULL), 0);
	for (uintptr_t i = 0; i < WRITERS; i++)
		ck_assert_int_eq(pthread_create(&writers[i], NULL, writer, (void *)i), 0);
	for (int i = 0; i < WRITERS; i++)
		pthread_join(writers[i], NULL);
	hm_store_relaxed(&stop, true);
	pthread_join(watcher, NULL);
	ck_assert_uint_eq(hm_load_relaxed(&wrong), 0);
	/* No leaf was made twice. */
	ck_assert_uint_le(hm_load_relaxed(&hm_os_counts.maps) - before, SPREAD);
}
END_TEST

START_TEST(fork_with_the_lock)
{
	int status;
	pid_t pid;

	hm_registry_fork_take();
	pid = fork();
	ck_assert_int_ge(pid, 0);
	hm_registry_fork_release(pid == 0);
	alarm(20);
	ck_assert(hm_registry_set(at(REACH - ZONE_REACH), HM_REG_LARGE));
	if (pid == 0)
		_exit(hm_registry_get(at(REACH - ZONE_REACH)) == HM_REG_LARGE ? 0 : 1);
	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	ck_assert_int_eq(status, 0);
}
END_TEST

int main(void)
{
	const TTest *tests[] = {
		any_pattern_is_answered, set_get_and_go, walk_finds_all_in_order,
		concurrent_growth, fork_with_the_lock, beyond_reach, growth_refused_and_later_not,
	};

	/* Where there is one zone nothing is beyond it. */
	return support_run("registry", tests, sizeof tests / sizeof tests[0] - (ONE_ZONE ? 2 : 0));
}
