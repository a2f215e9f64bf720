/*
 * test_fault.c - the n-th mmap, munmap, madvise or mremap fails, for every n,
 * once or from then on: NULL and ENOMEM, the heap intact, service afterwards.
 */
#include "base/base.h"

#include "os/os.h"
#include "policy/options.h"
#include "pool/large.h"

#include "stress.h"

#include <check.h>
#include <errno.h>
#include <pthread.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>

/* ---- which calls fail ---- */

static const char *failing; /* one call's name, or NULL for any */
static _Atomic unsigned calls_seen;
static unsigned fail_at;
static bool fail_on; /* and all after it */

static bool hook(const char *call)
{
	unsigned n;

	if (failing != NULL && strcmp(call, failing) != 0)
		return false;
	n = atomic_fetch_add(&calls_seen, 1) + 1;
	return fail_on ? n >= fail_at : n == fail_at;
}

/* ---- the workload: what makes every kind of call ---- */

#define ITEMS 200

static struct item items[ITEMS];
static unsigned refusals;

/* NULL must come with ENOMEM, a block leaves errno alone. */
static bool got(void *p)
{
	bool good = p != NULL ? errno == 77 : errno == ENOMEM;

	if (!good) {
		fprintf(stderr, "block %p with errno %d\n", p, errno);
		abort();
	}
	errno = 77;
	refusals += p == NULL;
	return p != NULL;
}

static void make(struct item *it, size_t n, size_t align, uint32_t serial)
{
	*it = (struct item){ .n = n, .owner = 1, .serial = serial };
	it->p = align > 16 ? hak_memalign(align, n) : hak_malloc(n);
	if (got(it->p))
		item_fill(it, 0);
}

static void resize(struct item *it, size_t n)
{
	size_t kept = n < it->n ? n : it->n;
	void *p;

	if (it->p == NULL)
		return;
	p = hak_realloc(it->p, n);
	if (got(p)) {
		it->p = p;
		it->n = n;
	}
	if (!item_whole(it, p != NULL ? kept : it->n))
		item_damaged(it, "realloc");
	item_fill(it, 0);
}

static void drop(struct item *it)
{
	item_drop(it);
	if (errno != 77) {
		fprintf(stderr, "free set errno\n");
		abort();
	}
}

static void *of_another_thread(void *arg)
{
	struct item it;

	(void)arg;
	errno = 77;
	make(&it, 700, 16, 1);
	drop(&it);
	for (unsigned i = 0; i < ITEMS; i += 5)
		drop(&items[i]);
	return NULL;
}

static void workload(void)
{
	pthread_t id;

	errno = 77;
	for (unsigned i = 0; i < ITEMS; i++)
		make(&items[i], 1 + i * i, 16, i); /* to 40 KB */
	for (unsigned i = 0; i < 10; i++) {
		drop(&items[i * 5]);
		make(&items[i * 5], (size_t)i << 18, i % 4 == 0 ? 4096 : 16, i); /* to 2.3 MB */
	}
	for (unsigned i = 0; i < 6; i++) {
		drop(&items[i]);
		make(&items[i], 10000, (size_t)1 << (17 + i), i); /* to 4 MiB alignment */
	}
	for (unsigned i = 0; i < 10; i++)
		resize(&items[i * 5], ((size_t)i << 19) + 1000);
	for (unsigned i = 0; i < 10; i++)
		resize(&items[i * 5], ((size_t)(10 - i) << 19) + 1000);
	errno = 0;
	if (pthread_create(&id, NULL, of_another_thread, NULL) == 0)
		pthread_join(id, NULL);
	hak_purge();
	errno = 77;
	for (unsigned i = 0; i < ITEMS; i += 2)
		drop(&items[i]);
	hak_purge();
	for (unsigned i = 0; i < ITEMS; i += 2)
		make(&items[i], (size_t)i << 10, 16, i);
}

/* Contents whole, slabs valid; with the calls working again there is memory, and none is lost. */
static void aftermath(void)
{
	struct walk w;

	hm_os_fail_hook = NULL;
	for (unsigned i = 0; i < ITEMS; i++)
		if (items[i].p != NULL)
			item_check(&items[i], "aftermath");
	if (walk_all(false).bad != 0)
		_exit(10);
	for (unsigned cls = 0; cls < HM_CLASSES; cls++) {
		void *p = hak_malloc(hm_class_usable(cls));

		if (p == NULL)
			_exit(11);
		hak_free(p);
	}
	hak_free(hak_malloc((size_t)20 << 20));
	for (unsigned i = 0; i < ITEMS; i++)
		item_drop(&items[i]);
	release_everything();
	w = walk_all(true);
	if (w.bad + w.lost != 0)
		_exit(12);
}

static void child(void)
{
	struct rlimit none = { 0, 0 };

	setrlimit(RLIMIT_CORE, &none);
	alarm(20);
	hm_options.dirty_max = HM_SUPERSLAB_SIZE;
	hm_options.large_cache = (size_t)8 << 20;
	hm_os_fail_hook = hook;
	workload();
	aftermath();
	_exit(0);
}

/* How many such calls there are when none fails. */
static unsigned count_calls(void)
{
	pid_t pid;
	int fds[2], status;
	unsigned n = 0;

	ck_assert_int_eq(pipe(fds), 0);
	fail_at = UINT32_MAX;
	fail_on = false;
	pid = fork();
	if (pid == 0) {
		hm_options.dirty_max = HM_SUPERSLAB_SIZE;
		hm_options.large_cache = (size_t)8 << 20;
		hm_os_fail_hook = hook;
		workload();
		n = calls_seen;
		hm_os_fail_hook = NULL;
		_exit(refusals != 0 || write(fds[1], &n, sizeof n) != sizeof n);
	}
	close(fds[1]);
	ck_assert_int_eq(read(fds[0], &n, sizeof n), sizeof n);
	close(fds[0]);
	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	ck_assert_int_eq(status, 0);
	return n;
}

static void fail_each(const char *call, bool ever)
{
	unsigned n, all, step = stress_fast() ? 11 : 1, bad = 0;

	guard_against_hang();
	failing = call;
	all = count_calls();
	for (n = 1; n <= all + 1; n += step) {
		int status;
		pid_t pid;

		fail_at = n;
		fail_on = ever;
		pid = fork();
		if (pid == 0)
			child();
		ck_assert_int_eq(waitpid(pid, &status, 0), pid);
		if (status != 0) {
			bad++;
			fprintf(stderr, "%s %u%s fails: status %#x\n", call == NULL ? "call" : call,
				n, ever ? " and all after" : "", (unsigned)status);
		}
	}
	printf("%s: %u points%s, %u bad\n", call == NULL ? "any call" : call, all,
	       ever ? " and for ever" : "", bad);
	ck_assert_uint_eq(bad, 0);
}

static const char *const calls[] = { NULL, "mmap", "munmap", "madvise", "mremap" };

START_TEST(fails_once)
{
	fail_each(calls[_i], false);
}
END_TEST

START_TEST(fails_for_ever)
{
	fail_each(calls[_i], true);
}
END_TEST

/* ---- a block moves to a place that needs a new zone, and there is no memory for one ---- */

static unsigned moves_seen;

/* From the move's first mapping on, the second one (the zone's) is refused. */
static bool refuse_second_map(const char *call)
{
	if (strcmp(call, "mremap") == 0)
		moves_seen = 1;
	return strcmp(call, "mmap") == 0 && moves_seen > 0 && ++moves_seen >= fail_at;
}

static void move_far(void)
{
	size_t gap = (size_t)9 << 30;
	struct item it;
	void *here;

	alarm(20);
	if (!item_make(&it, (size_t)8 << 20, 1, 1))
		_exit(2);
	/* The room below and around is taken, so that the block must go far. */
	for (int i = 0; i < 4; i++) {
		here = mmap(it.p - gap * (size_t)(i + 1), gap, PROT_NONE,
			    MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
		if (here == MAP_FAILED)
			_exit(77);
	}
	errno = 77;
	hm_os_fail_hook = refuse_second_map;
	resize(&it, (size_t)64 << 20);
	hm_os_fail_hook = NULL;
	item_check(&it, "moved");
	resize(&it, (size_t)128 << 20);
	item_drop(&it);
	_exit(0);
}

START_TEST(no_zone_for_a_moved_block)
{
	struct rlimit none = { 0, 0 };
	int status;

	setrlimit(RLIMIT_CORE, &none);
	for (fail_at = 2; fail_at < 7; fail_at++) {
		pid_t pid = fork();

		if (pid == 0)
			move_far();
		ck_assert_int_eq(waitpid(pid, &status, 0), pid);
		ck_assert_msg(status == 0 || (WIFEXITED(status) && WEXITSTATUS(status) == 77),
			      "mmap %u refused: status %#x", fail_at - 1, (unsigned)status);
	}
}
END_TEST

/* ---- a small address space, filled and emptied again and again ---- */

static void exhaust(void)
{
	static struct item held[100000];
	struct rlimit limit = { (size_t)256 << 20, (size_t)256 << 20 };
	struct rng r = { 1 };

	alarm(60);
	hak_free(hak_malloc(1));
	setrlimit(RLIMIT_AS, &limit);
	for (unsigned round = 0; round < stress_size(30, 9); round++) {
		size_t max = round % 3 == 0 ? 1000 : round % 3 == 1 ? 100000 : (size_t)6 << 20;
		size_t n = 0, bytes = 0;

		while (n < 100000 && item_make(&held[n], rng_size(&r, max), 1, (uint32_t)n))
			bytes += held[n++].n;
		/* The first refusal may come early by chance, but memory comes back. */
		if (n < 100000 && bytes < (size_t)32 << 20) {
			fprintf(stderr, "round %u: only %zu bytes\n", round, bytes);
			_exit(3);
		}
		while (n > 0)
			item_drop(&held[--n]);
	}
	_exit(0);
}

START_TEST(exhaust_and_recover)
{
	pid_t pid;
	int status;

	if (HM_SANITIZE)
		return; /* their shadow needs more */
	pid = fork();
	if (pid == 0)
		exhaust();
	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	ck_assert_int_eq(status, 0);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("fault");
	TCase *t = tcase_create("stress");
	SRunner *r = srunner_create(s);
	int failed;

	tcase_set_timeout(t, HANG_SECONDS);
	tcase_add_loop_test(t, fails_once, 0, 5);
	tcase_add_loop_test(t, fails_for_ever, 0, 5);
	tcase_add_test(t, no_zone_for_a_moved_block);
	tcase_add_test(t, exhaust_and_recover);
	suite_add_tcase(s, t);
	srunner_run_all(r, CK_NORMAL);
	failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed != 0;
}
