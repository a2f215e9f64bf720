/*
 * test_prewarm.c - before main: superslabs with their pages, the thread's heap, a slab of each
 * common class; what was there before is counted in; what the system refuses is left out.
 */
#include "support.h"

#include "heap/prewarm.h"
#include "os/os.h"
#include "policy/options.h"
#include "pool/pool.h"
#include "recount.h"

#define LARGEST 1024

/* Of n, when the constructor of this build has made some already. */
static size_t at_least(size_t n)
{
	return n > HM_PREWARM ? n : HM_PREWARM;
}

static struct hm_pool_counts counts(void)
{
	struct hm_pool_counts c;

	hm_pool_get_counts(&c);
	return c;
}

static void count_resident(struct hm_superslab *ss, void *arg)
{
	*(size_t *)arg += hm_os_resident(ss->base, HM_SUPERSLAB_SIZE);
	must(!hm_superslab_is_huge(ss) || hm_options.thp == HM_THP_ALWAYS);
}

static size_t resident(void)
{
	size_t bytes = 0;

	hm_pool_each(count_resident, &bytes);
	return bytes;
}

/* Ten blocks of each size up to the largest, as the first request would. */
static void request(void)
{
	static char *all[10 * LARGEST / 16];
	size_t k = 0;

	for (unsigned i = 0; i < 10; i++) {
		for (size_t n = 16; n <= LARGEST; n += 16, k++) {
			all[k] = hm_heap_malloc(n);
			must(all[k] != NULL);
			all[k][0] = all[k][n - 1] = 1;
		}
		for (unsigned n = 0; n < 32; n++)
			hm_heap_free(all[--k]);
	}
	while (k > 0)
		hm_heap_free(all[--k]);
}

/* The request finds all that it needs: no slab is taken, nothing mapped. */
static void first_request(size_t superslabs)
{
	struct hm_pool_counts before = counts();
	uint64_t maps = hm_load_relaxed(&hm_os_counts.maps);

	ck_assert_uint_eq(before.superslabs, at_least(superslabs));
	ck_assert_uint_eq(resident(), at_least(superslabs) * HM_SUPERSLAB_SIZE);
	ck_assert(!hm_heap_is_static(hm_tls_heap));
	request();
	ck_assert_uint_eq(counts().acquired, before.acquired);
	ck_assert_uint_eq(hm_load_relaxed(&hm_os_counts.maps), maps);
}

START_TEST(first_of_all)
{
	hm_heap_prewarm(1);
	first_request(1);
}
END_TEST

START_TEST(several)
{
	hm_heap_prewarm(4);
	first_request(4);
	hm_heap_purge();
	recount_nothing_in_use();
}
END_TEST

/* Somebody allocated before: his superslab is one of them, and keeps what it has. */
START_TEST(after_others)
{
	char *p = hm_heap_malloc(100), *q = hm_heap_malloc(5000);

	p[0] = q[4999] = 7;
	hm_heap_prewarm(2);
	ck_assert_int_eq(p[0] + q[4999], 14);
	first_request(2);
}
END_TEST

START_TEST(in_all_modes)
{
	for (unsigned thp = HM_THP_AUTO; thp <= HM_THP_ALWAYS; thp++) {
		pid_t pid = fork();
		int status;

		must(pid >= 0);
		if (pid == 0) {
			hm_options.thp = thp;
			hm_heap_prewarm(2);
			first_request(2);
			_exit(0);
		}
		must(waitpid(pid, &status, 0) == pid && status == 0);
	}
}
END_TEST

static bool refuse(const char *call)
{
	(void)call;
	return true;
}

static bool refuse_advice(const char *call)
{
	return strcmp(call, "madvise") == 0;
}

START_TEST(refused)
{
	hm_os_fail_hook = refuse;
	hm_heap_prewarm(HM_PREWARM + 2);
	ck_assert_uint_eq(counts().superslabs, HM_PREWARM);
	/* Not even advice, and nothing is populated: memory may be short. */
	hm_os_fail_hook = refuse_advice;
	hm_heap_prewarm(HM_PREWARM + 2);
	hm_os_fail_hook = NULL;
	ck_assert_uint_eq(counts().superslabs, HM_PREWARM + 2);
	request();
	hm_heap_purge();
	recount_nothing_in_use();
}
END_TEST

int main(void)
{
	const TTest *tests[] = { first_of_all, several, after_others, in_all_modes, refused };

	return SUPPORT_RUN("prewarm", tests);
}
