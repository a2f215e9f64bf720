/*
 * test_limit.c - the soft and the hard limit, the handler, and the reasons of failures.
 *
 * Each test is a process of its own, so that every counter starts at 0.
 */
#include "support.h"

#include "hakmem.h"

#include "heap/room.h"
#include "heap/thread.h"
#include "os/os.h"
#include "policy/limit.h"
#include "pool/pool.h"

#include <errno.h>
#include <sys/stat.h>

#define MIB ((size_t)1 << 20)
#define BLOCKS 200000

/* The compiler is not told, and does not warn. */
static size_t hide(size_t n)
{
	__asm__("" : "+r"(n));
	return n;
}

static char *blocks[BLOCKS];
static size_t count;

static uint64_t failed(enum hm_failure why)
{
	struct hm_failure_counts c;

	hm_failure_get_counts(&c);
	return c.times[why];
}

static struct hm_limit_counts limits(void)
{
	struct hm_limit_counts c;

	hm_limit_get_counts(&c);
	return c;
}

static uint64_t purges(void)
{
	return hm_load_relaxed(&hm_os_counts.purges) + hm_load_relaxed(&hm_os_counts.unmaps);
}

/* By any of the ways; NULL only with ENOMEM. */
static void *get(size_t way, size_t n)
{
	void *p = NULL;

	errno = 77;
	switch (way % 4) {
	case 0:
		p = hak_malloc(n);
		break;
	case 1:
		p = hak_calloc(1, n);
		for (size_t i = 0; p != NULL && i < n; i += 512)
			must(((char *)p)[i] == 0);
		break;
	case 2:
		p = hak_memalign(128, n);
		break;
	case 3:
		p = hak_realloc(NULL, n);
		break;
	}
	must(errno == (p == NULL ? ENOMEM : 77));
	return p;
}

/* Until it fails. Blocks begin with their number. */
static void take_all(size_t (*size)(size_t i))
{
	char *p;

	while (count < BLOCKS && (p = get(count, size(count))) != NULL) {
		memcpy(p, &count, sizeof count);
		blocks[count++] = p;
		must(hm_room_resident() <= hm_options.limit_hard / 16 * 17 + HM_SLAB_SIZE);
	}
	must(count < BLOCKS);
}

static void drop(size_t step)
{
	for (size_t i = 0; i < count; i++) {
		if (i % step != 0 || blocks[i] == NULL)
			continue;
		must(memcmp(blocks[i], &i, sizeof i) == 0);
		hak_free(blocks[i]);
		blocks[i] = NULL;
	}
}

static size_t small(size_t i)
{
	static const size_t sizes[] = { 16, 60, 200, 1000, 5000, 20000, 100000 };

	return sizes[i * 5 % 7] + i % 16;
}

static size_t tiny(size_t i)
{
	return 500 + i % 8;
}

static size_t large(size_t i)
{
	return (3 + i % 3) * MIB;
}

static size_t mixed(size_t i)
{
	return i % 50 == 0 ? large(i) : small(i);
}

static void fill_and_again(size_t (*size)(size_t i))
{
	size_t first;

	hm_options.limit_hard = 40 * MIB;
	take_all(size);
	first = count;
	must(failed(HM_FAILURE_EXHAUSTION) == 1);
	must(failed(HM_FAILURE_MAP) == 0 && failed(HM_FAILURE_THRESHOLD) == 0);
	must(hm_room_resident() > 30 * MIB);
	drop(1);
	count = 0;
	take_all(size);
	must_say(count >= first - first / 8, "%zu, then %zu", first, count);
	drop(1);
	must(failed(HM_FAILURE_EXHAUSTION) == 2);
}

START_TEST(hard_small)
{
	fill_and_again(small);
}
END_TEST

START_TEST(hard_large)
{
	fill_and_again(large);
}
END_TEST

START_TEST(hard_mixed)
{
	fill_and_again(mixed);
}
END_TEST

/* A thread without a heap of its own, one that is checked. */
START_TEST(hard_checked)
{
	hm_thread_start_checked();
	fill_and_again(mixed);
}
END_TEST

START_TEST(realloc_under_hard)
{
	char *p = hak_malloc(10 * MIB), *q;

	hm_options.limit_hard = 24 * MIB;
	memset(p, 7, 10 * MIB);
	/* Growing takes what is added, not the whole again. */
	q = hak_realloc(p, 20 * MIB);
	must(q != NULL && q[0] == 7 && q[10 * MIB - 1] == 7);
	errno = 77;
	must(hak_realloc(q, 30 * MIB) == NULL && errno == ENOMEM);
	must(hak_expand(q, 30 * MIB) == NULL);
	must(failed(HM_FAILURE_EXHAUSTION) == 1);
	must(q[0] == 7 && q[10 * MIB - 1] == 7 && hak_usable_size(q) >= 20 * MIB);
	/* Getting smaller needs nothing, and is no failure. */
	hm_options.limit_hard = 1;
	q = hak_realloc(q, 3 * MIB);
	must(q != NULL && q[0] == 7 && hak_usable_size(q) < 5 * MIB);
	errno = 77;
	q = hak_realloc(q, 100);
	must(q != NULL && q[0] == 7 && errno == 77);
	must(failed(HM_FAILURE_EXHAUSTION) == 1);
	hak_free(q);
}
END_TEST

/* Everything that could go went first: what is kept, on lists, and between blocks. */
START_TEST(purged_before_null)
{
	void *p;

	hm_options.dirty_max = (uint64_t)1 << 30; /* no looks for holes but those of need */
	hm_options.limit_hard = 40 * MIB;
	take_all(tiny);
	/* One block in 40 stays, and pins its page. */
	for (size_t i = 0; i < count; i++) {
		if (i % 40 == 0)
			continue;
		hak_free(blocks[i]);
		blocks[i] = NULL;
	}
	p = hak_malloc((HM_GUARDS == 2 || hm_os_page_size() != 4096 ? 1 : 20) * MIB);
	must(p != NULL);
	must(failed(HM_FAILURE_EXHAUSTION) == 1);
	hak_free(p);
	p = hak_malloc(3 * MIB); /* waits in the cache */
	hak_free(p);
	must(hm_room_resident() <= 40 * MIB);
	drop(40);
}
END_TEST

/* Pages that come back inside slabs do not go beyond it for long. */
START_TEST(holes_come_back)
{
	size_t n = 30000, over = 0;
	void *p;

	for (count = 0; count < n; count++)
		blocks[count] = hak_malloc(1000);
	for (size_t i = 0; i < n; i++)
		if (i % 16 != 0)
			hak_free(blocks[i]);
	hak_purge();
	hm_options.limit_hard = hm_room_resident() + 12 * MIB;
	p = hak_malloc(10 * MIB);
	must(p != NULL);
	for (size_t i = 0; i < n; i++)
		if (i % 16 != 0 && (blocks[i] = hak_malloc(1000)) == NULL)
			over++;
	must(hm_room_resident() <= hm_options.limit_hard / 16 * 17 + HM_SLAB_SIZE);
	must(over > 0 || HM_GUARDS == 2 || hm_os_page_size() != 4096);
	must(failed(HM_FAILURE_EXHAUSTION) == over);
}
END_TEST

/* A limit below what is live: everything fails that needs memory, at no great cost. */
START_TEST(below_live)
{
	uint64_t before;

	for (count = 0; count < 60000; count++)
		blocks[count] = hak_malloc(500);
	hm_options.limit_hard = MIB;
	must(hak_malloc(3 * MIB) == NULL);
	must(hak_malloc(200000) == NULL);
	before = purges();
	for (unsigned i = 0; i < 1000; i++) {
		must(hak_malloc(200000) == NULL);
		must(hak_malloc(4 * MIB) == NULL);
	}
	must_say(purges() - before < 200, "%" PRIu64 " purges", purges() - before);
	must(failed(HM_FAILURE_EXHAUSTION) == 2002);
	for (size_t i = 0; i < count; i++)
		hak_free(blocks[i]);
	must(hak_malloc(100000) != NULL);
	/* Not one byte. */
	hm_options.limit_hard = 1;
	must(hak_malloc(3 * MIB) == NULL && hak_malloc(300000) == NULL);
	hm_options.limit_hard = 0;
	must(hak_malloc(3 * MIB) != NULL);
}
END_TEST

static unsigned asked, nested;
static size_t asked_size;
static int answer;

static int frees_one(size_t n)
{
	asked++;
	asked_size = n;
	errno = 5;
	if (count == 0)
		return 0;
	hak_free(blocks[--count]);
	return 1;
}

static int says(size_t n)
{
	(void)n;
	asked++;
	return answer;
}

static int allocates(size_t n)
{
	asked++;
	if (hak_malloc(n) == NULL)
		nested++;
	hak_free(hak_malloc(20));
	hak_purge();
	return asked < 3;
}

static void *thread_block;

static void *allocate_in_thread(void *arg)
{
	thread_block = hak_malloc(10 * MIB);
	return arg;
}

START_TEST(handler)
{
	size_t before;
	void *p;

	must(hak_set_limit_handler(says) == NULL);
	must(hak_set_limit_handler(frees_one) == says);
	hm_options.limit_hard = 40 * MIB;
	for (count = 0; count < 8; count++)
		must((blocks[count] = hak_malloc(4 * MIB)) != NULL);
	must(asked == 0);
	/* As often as it takes, and errno is nobody's business. */
	errno = 77;
	p = hak_malloc(20 * MIB);
	must(p != NULL && errno == 77 && asked > 2 && asked_size == 20 * MIB);
	must(failed(HM_FAILURE_EXHAUSTION) == 0);
	hak_free(p);
	while (count < 7)
		must((blocks[count++] = hak_malloc(4 * MIB)) != NULL);
	asked = 0;
	p = hak_calloc(5, 3 * MIB);
	must(p != NULL && asked > 0 && ((char *)p)[15 * MIB - 1] == 0);
	asked = 0;
	p = hak_realloc(p, 30 * MIB);
	must(p != NULL && asked > 0 && asked_size == 30 * MIB);
	/* For what cannot be, and what the kernel refuses, it is not asked. */
	asked = 0;
	must(hak_malloc(hide(SIZE_MAX - 5000)) == NULL && asked == 0);
	before = count;
	must(hak_malloc(100 * MIB) == NULL && asked == before + 1);
	must(failed(HM_FAILURE_EXHAUSTION) == 1 && count == 0);
}
END_TEST

START_TEST(handler_that_is_wrong)
{
	void *p;

	hm_options.limit_hard = 8 * MIB;
	hak_set_limit_handler(says);
	answer = 1; /* again, and again */
	must(hak_malloc(10 * MIB) == NULL && asked == 16);
	asked = 0;
	answer = 0;
	must(hak_malloc(10 * MIB) == NULL && asked == 1);
	asked = 0;
	hak_set_limit_handler(allocates);
	must(hak_malloc(10 * MIB) == NULL && asked == 3 && nested == 3);
	p = hak_malloc(5 * MIB);
	asked = 0;
	must(hak_realloc(p, 12 * MIB) == NULL && asked == 3);
	hak_set_limit_handler(NULL);
	must(hak_malloc(10 * MIB) == NULL && asked == 3);
	/* In a thread of its own. */
	hak_set_limit_handler(says);
	support_in_thread(allocate_in_thread, NULL);
	must(thread_block == NULL && asked == 4);
	hak_free(p);
}
END_TEST

/* Small blocks, from a thread whose heap is gone, under the lock of the shared one. */
START_TEST(handler_of_the_late)
{
	hak_purge(); /* a build with prewarm begins with some */
	hm_tls_heap = &hm_late_heap;
	hm_options.limit_hard = 2 * MIB;
	hak_set_limit_handler(allocates);
	for (count = 0; count < BLOCKS; count++)
		if ((blocks[count] = hak_malloc(1000)) == NULL)
			break;
	must(count > 1000 && count < 3000 && asked == 3 && nested == 3);
	while (count > 0)
		hak_free(blocks[--count]);
	must(hak_malloc(100000) != NULL);
}
END_TEST

/* Crossed once, purged once; what is free is not kept. */
START_TEST(soft)
{
	uint64_t before;

	hak_purge(); /* a build with prewarm begins with some */
	hm_options.limit_soft = 32 * MIB;
	for (count = 0; count < 6; count++)
		blocks[count] = hak_malloc(4 * MIB);
	hak_free(hak_malloc(7 * MIB));
	must(hm_room_resident() > 30 * MIB && !hm_limit_is_over());
	/* What is cached goes first: no more is held than before. */
	for (; count < 9; count++)
		blocks[count] = memset(hak_malloc(4 * MIB), 1, 4 * MIB);
	must(hm_limit_is_over() && limits().crossed > 0);
	hak_free(blocks[--count]);
	hak_free(hak_malloc(5 * MIB));
	must(hm_large_bytes() < 34 * MIB);
	before = limits().crossed;
	for (unsigned i = 0; i < 1000; i++) {
		hak_free(hak_malloc(200000 + i * 100));
		hak_free(hak_malloc(3 * MIB));
	}
	must(limits().crossed == before);
	for (; count < 5000; count++)
		blocks[count] = memset(hak_malloc(3000), 1, 3000);
	while (count > 9)
		hak_free(blocks[--count]);
	must_say(hm_pool_bytes_dirty() <= MIB, "%zu", hm_pool_bytes_dirty());
	/* It falls, and memory is kept again. */
	while (count > 1)
		hak_free(blocks[--count]);
	hak_free(hak_malloc(3 * MIB));
	must(!hm_limit_is_over());
	hak_free(hak_malloc(5 * MIB));
	must(hm_large_bytes() > 8 * MIB);
}
END_TEST

/* Taken away while it is crossed, it holds nothing up any more. */
START_TEST(soft_taken_away)
{
	hm_options.limit_soft = 16 * MIB;
	for (count = 0; count < 9; count++)
		blocks[count] = memset(hak_malloc(4 * MIB), 1, 4 * MIB);
	must(hm_limit_is_over());
	must(hak_option_set("limit_soft", "0") == 0);
	must(!hm_limit_is_over());
	hak_free(blocks[--count]);
	must(hm_large_bytes() > 34 * MIB);
}
END_TEST

/* A soft limit that cannot be met: nothing fails, and there is no purge at each call. */
START_TEST(soft_below_live)
{
	uint64_t crossed;

	hm_options.limit_soft = 1;
	for (count = 0; count < 100000; count++)
		must((blocks[count] = hak_malloc(small(count) % 3000)) != NULL);
	crossed = limits().crossed;
	must_say(crossed > 0 && crossed < 60, "%" PRIu64, crossed);
	for (unsigned i = 0; i < 10; i++) {
		for (size_t k = i; k < count; k += 10) {
			hak_free(blocks[k]);
			must((blocks[k] = hak_malloc(small(k) % 3000)) != NULL);
		}
	}
	must_say(limits().crossed - crossed < 10, "%" PRIu64, limits().crossed - crossed);
	must(failed(HM_FAILURE_EXHAUSTION) == 0);
	while (count > 0)
		hak_free(blocks[--count]);
}
END_TEST

static char root[] = "/tmp/hakmem-limit-XXXXXX", self[64];

static void put(const char *name, const char *text)
{
	char path[128];
	FILE *f;

	snprintf(path, sizeof path, "%s/%s", root, name);
	f = fopen(path, "w");
	must(f != NULL && fputs(text, f) >= 0 && fclose(f) == 0);
}

static void remove_group(void)
{
	char command[128];

	snprintf(command, sizeof command, "rm -rf %s", root);
	must(system(command) == 0);
}

static void make_group(const char *high, const char *max)
{
	must(mkdtemp(root) != NULL);
	snprintf(self, sizeof self, "%s/self", root);
	put("self", "0::/\n");
	if (high != NULL)
		put("memory.high", high);
	if (max != NULL)
		put("memory.max", max);
	hm_cgroup_self = self;
	hm_cgroup_root = root;
}

/* The soft limit that a group makes, when the heap has grown. */
static uint64_t soft_of(const char *high, const char *max)
{
	void *p, *q;

	make_group(high, max);
	p = hak_malloc(20 * MIB);
	must(!limits().read && limits().soft == 0);
	q = hak_malloc(20 * MIB);
	must(p != NULL && q != NULL && limits().read);
	hak_stats_print(STDOUT_FILENO);
	remove_group();
	hak_free(p);
	hak_free(q);
	return limits().soft;
}

START_TEST(group_max)
{
	must(soft_of("max\n", "104857600\n") == 94371840);
}
END_TEST

START_TEST(group_high)
{
	must(soft_of("31457280\n", "104857600\n") == 31457280);
	must(limits().crossed == 1);
}
END_TEST

START_TEST(group_nothing)
{
	must(soft_of("max\n", "max\n") == 0 && limits().group.files == 2);
}
END_TEST

START_TEST(group_zero)
{
	must(soft_of(NULL, "0\n") == 1 && limits().crossed > 0);
}
END_TEST

START_TEST(group_malformed)
{
	must(soft_of("lots\n", "") == 0 && limits().group.malformed == 2);
}
END_TEST

START_TEST(group_huge)
{
	must(soft_of(NULL, "18446744073709551615\n") == 0);
}
END_TEST

/* The option is enough: nothing is read. */
START_TEST(group_not_asked)
{
	hm_options.limit_soft = 64 * MIB;
	make_group("1\n", "1\n");
	hak_free(hak_malloc(100 * MIB));
	must(!limits().read && limits().soft == 64 * MIB);
	hm_options.limit_hard = 32 * MIB;
	must(limits().soft == 28 * MIB);
	remove_group();
}
END_TEST

#define THREADS 4
static _Atomic unsigned nulls;

static void *take_and_give(void *arg)
{
	uint64_t seed = support_seed + (uintptr_t)arg;
	char *mine[64] = { NULL };

	for (unsigned i = 0; i < support_times(40000, 4000); i++) {
		size_t k = support_below(&seed, 64);
		size_t n = i % 16 == 0 ? 2 * MIB + support_below(&seed, 6 * MIB) :
					 1 + support_below(&seed, 100000);

		hak_free(mine[k]);
		mine[k] = get(i, n);
		if (mine[k] == NULL)
			hm_add_relaxed(&nulls, 1);
		else
			mine[k][n - 1] = mine[k][0] = 1;
	}
	for (size_t k = 0; k < 64; k++)
		hak_free(mine[k]);
	return NULL;
}

START_TEST(threads)
{
	hm_options.limit_hard = 48 * MIB;
	support_run_threads(THREADS, take_and_give);
	must(hm_room_resident() <= 52 * MIB);
	must(hm_load_relaxed(&nulls) > 0);
	must(failed(HM_FAILURE_EXHAUSTION) == hm_load_relaxed(&nulls));
	/* Nothing is promised any more: all of it can be had. */
	hak_purge();
	must(hak_malloc(40 * MIB) != NULL);
}
END_TEST

static size_t held_now;

static size_t measure(void)
{
	return held_now;
}

/* What is promised and not yet there counts. */
START_TEST(reserve)
{
	hm_options.limit_hard = 16 * MIB;
	must(hm_limit_reserve(10 * MIB, measure));
	must(!hm_limit_reserve(10 * MIB, measure) && !hm_limit_reserve(SIZE_MAX, measure));
	must(hm_limit_reserve(6 * MIB, measure) && !hm_limit_reserve(1, measure));
	hm_limit_settle(6 * MIB);
	held_now = 6 * MIB;
	must(!hm_limit_reserve(1, measure));
	hm_limit_settle(10 * MIB);
	must(hm_limit_reserve(10 * MIB, measure));
	hm_limit_settle(10 * MIB);
	held_now = SIZE_MAX / 2;
	must(!hm_limit_reserve(1, measure));
	hm_options.limit_hard = 0;
	must(hm_limit_reserve(PTRDIFF_MAX, measure));
}
END_TEST

static _Atomic bool stop;

static void *work(void *arg)
{
	while (!hm_load_relaxed(&stop))
		hak_free(hak_malloc(3 * MIB));
	return arg;
}

/* Whatever another thread was about to do at the fork. */
START_TEST(forked)
{
	pthread_t t;

	hm_options.limit_hard = 24 * MIB;
	must(hm_limit_reserve(8 * MIB, measure)); /* of a thread that stopped there */
	must(pthread_create(&t, NULL, work, NULL) == 0);
	for (unsigned i = 0; i < 50; i++) {
		int status;
		pid_t pid = fork();

		must(pid >= 0);
		if (pid == 0) {
			hak_purge();
			_exit(hak_malloc(18 * MIB) == NULL);
		}
		must(waitpid(pid, &status, 0) == pid);
		must_say(status == 0, "%#x", (unsigned)status);
	}
	hm_store_relaxed(&stop, true);
	must(pthread_join(t, NULL) == 0);
}
END_TEST

START_TEST(reason_threshold)
{
	void *p = hak_malloc(10), *out;
	struct hm_failure_counts c;
	uint64_t n = 0;

#define REFUSED(call)                                                                              \
	do {                                                                                       \
		must((call) == NULL && errno == ENOMEM);                                           \
		must(failed(HM_FAILURE_THRESHOLD) == ++n);                                         \
		errno = 0;                                                                         \
	} while (0)
	REFUSED(hak_malloc(hide(PTRDIFF_MAX)));
	REFUSED(hak_malloc(hide((size_t)PTRDIFF_MAX + 1)));
	REFUSED(hak_malloc(hide(SIZE_MAX)));
	REFUSED(hak_calloc(hide(SIZE_MAX / 2), 3));
	REFUSED(hak_calloc(1, hide(PTRDIFF_MAX)));
	REFUSED(hak_realloc(p, hide(SIZE_MAX)));
	REFUSED(hak_realloc(p, hide(PTRDIFF_MAX)));
	REFUSED(hak_reallocarray(p, hide(SIZE_MAX / 2), 3));
	REFUSED(hak_memalign(64, hide(SIZE_MAX)));
	REFUSED(hak_memalign(64, hide(PTRDIFF_MAX - 64)));
	REFUSED(hak_aligned_alloc(hide(SIZE_MAX / 4 + 1), hide(PTRDIFF_MAX)));
	REFUSED(hak_valloc(hide(PTRDIFF_MAX)));
	REFUSED(hak_pvalloc(hide(PTRDIFF_MAX)));
	must(hak_posix_memalign(&out, 64, hide(SIZE_MAX)) == ENOMEM);
	must(failed(HM_FAILURE_THRESHOLD) == ++n);
	hak_free(p);
	p = hak_malloc(3 * MIB);
	REFUSED(hak_realloc(p, hide(PTRDIFF_MAX)));
	hm_failure_get_counts(&c);
	must(c.last_size[HM_FAILURE_THRESHOLD] == PTRDIFF_MAX && c.map_errno == 0);
	must(c.times[HM_FAILURE_EXHAUSTION] == 0 && c.times[HM_FAILURE_MAP] == 0);
	/* What the caller is told is wrong is none of these. */
	must(hak_memalign(SIZE_MAX, 1) == NULL && errno == EINVAL);
	must(hak_expand(p, hide(SIZE_MAX)) == NULL);
	must(failed(HM_FAILURE_THRESHOLD) == n);
	hak_free(p);
}
END_TEST

static bool refuse(const char *call)
{
	return strcmp(call, "mmap") == 0 || strcmp(call, "mremap") == 0;
}

START_TEST(reason_map)
{
	char *p = hak_malloc(3 * MIB), *q = hak_malloc(1000);
	struct hm_failure_counts c;
	uint64_t n = 0;
	void *out;

	/* All of the superslab, first. */
	for (; count < BLOCKS; count++) {
		hm_os_fail_hook = refuse;
		blocks[count] = hak_malloc(20000);
		if (blocks[count] == NULL)
			break;
	}
	n = failed(HM_FAILURE_MAP);
	must(n == 1);
#undef REFUSED
#define REFUSED(call)                                                                              \
	do {                                                                                       \
		errno = 0;                                                                         \
		must((call) == NULL && errno == ENOMEM);                                           \
		must(failed(HM_FAILURE_MAP) == ++n);                                               \
	} while (0)
	REFUSED(hak_malloc(4 * MIB));
	REFUSED(hak_calloc(1, 4 * MIB));
	REFUSED(hak_memalign(4 * MIB, 4 * MIB));
	REFUSED(hak_aligned_alloc(64, 300000));
	REFUSED(hak_malloc(300000));
	REFUSED(hak_calloc(3, 100000));
	REFUSED(hak_realloc(p, 40 * MIB));
	REFUSED(hak_realloc(q, 300000));
	must(hak_posix_memalign(&out, 64, 300000) == ENOMEM);
	must(failed(HM_FAILURE_MAP) == ++n);
	/* Shorter in another place would be nice, and is not needed. */
	must(hak_realloc(p, 2500000) == p);
	hm_failure_get_counts(&c);
	must(c.map_errno == ENOMEM && c.times[HM_FAILURE_MAP] == n);
	must(c.times[HM_FAILURE_EXHAUSTION] == 0 && c.times[HM_FAILURE_THRESHOLD] == 0);
	hm_os_fail_hook = NULL;
	must(hak_malloc(4 * MIB) != NULL);
	/* More than there are addresses, of 32 bits some of them: the kernel's own refusal. */
	errno = 0;
	while (hak_malloc(hide((size_t)PTRDIFF_MAX / 2)) != NULL)
		must(sizeof(void *) == 4);
	must(errno == ENOMEM && failed(HM_FAILURE_MAP) == ++n);
}
END_TEST

START_TEST(statistics)
{
	char text[8192];
	size_t len = 0;
	int ends[2];
	ssize_t n;

	hm_options.limit_hard = 10 * MIB;
	must(hak_malloc(20 * MIB) == NULL);
	must(hak_malloc(hide(SIZE_MAX)) == NULL);
	must(pipe(ends) == 0);
	hak_stats_print(ends[1]);
	close(ends[1]);
	while ((n = read(ends[0], text + len, sizeof text - 1 - len)) > 0)
		len += (size_t)n;
	text[len] = '\0';
	must(strstr(text, "  hard                     1          10485760\n") != NULL);
	must(strstr(text, "  exhaustion               1          20971520\n") != NULL);
	must(strstr(text, "  threshold                1") != NULL);
	must(strstr(text, "  map fail                 0                 0\n") != NULL);
	must(strstr(text, "  group unread") != NULL);
}
END_TEST

int main(void)
{
	const TTest *const tests[] = {
		hard_small, hard_large, hard_mixed, hard_checked, realloc_under_hard,
		purged_before_null, holes_come_back, below_live, handler, handler_that_is_wrong,
		handler_of_the_late, soft, soft_taken_away, soft_below_live, group_max, group_high,
		group_nothing, group_zero, group_malformed, group_huge, group_not_asked, threads,
		reserve, forked, reason_threshold, reason_map, statistics,
	};

	return SUPPORT_RUN("limit", tests);
}
