/*
 * test_pool_threads.c - the pool under several threads: spans are exclusive, and a purge that
 * runs while others take and give back touches nothing that is in use.
 */
#include "support.h"

#include "os/os.h"
#include "policy/options.h"
#include "pool/pool.h"

#define HELD 64

static struct {
	unsigned rounds;
	_Atomic bool stop;
} work;

static unsigned whole_class(void)
{
	for (unsigned cls = 0; cls < HM_CLASSES; cls++)
		if (hm_classes[cls].slabs == HM_SLABS)
			return cls;
	return HM_CLASSES;
}

static size_t span_size(const struct hm_slab *s)
{
	return hm_classes[s->cls].slabs * HM_SLAB_SIZE;
}

static void sign(struct hm_slab *s, uintptr_t who)
{
	for (size_t i = 0; i < span_size(s); i += 4096)
		*(uintptr_t *)(void *)(hm_slab_start(s) + i) = who ^ i;
}

static bool is_signed(struct hm_slab *s, uintptr_t who)
{
	for (size_t i = 0; i < span_size(s); i += 4096)
		if (*(uintptr_t *)(void *)(hm_slab_start(s) + i) != (who ^ i))
			return false;
	return true;
}

static bool starts_zero(struct hm_slab *s)
{
	for (size_t i = 0; i < span_size(s); i += 4096)
		if (*(uintptr_t *)(void *)(hm_slab_start(s) + i) != 0)
			return false;
	return true;
}

static struct hm_slab *acquire(unsigned cls)
{
	bool zero;
	struct hm_slab *s = hm_pool_acquire(cls, &zero);

	must(s != NULL);
	if (zero)
		must_say(starts_zero(s), "class %u: the span is not zero", cls);
	return s;
}

static void *user(void *arg)
{
	uintptr_t me = (uintptr_t)arg + 1;
	uint64_t state = support_seed + me;
	struct hm_slab *held[HELD] = { NULL };

	for (unsigned i = 0; i < work.rounds; i++) {
		size_t k = support_below(&state, HELD);

		if (held[k] != NULL) {
			must_say(is_signed(held[k], me * 1000 + k), "a span in use was written to");
			hm_pool_release(held[k]);
			held[k] = NULL;
		} else {
			unsigned most = support_below(&state, 4) == 0 ? HM_CLASSES : 40;

			held[k] = acquire((unsigned)support_below(&state, most));
			sign(held[k], me * 1000 + k);
		}
	}
	for (size_t k = 0; k < HELD; k++)
		if (held[k] != NULL)
			hm_pool_release(held[k]);
	return NULL;
}

static void *purger(void *arg)
{
	(void)arg;
	while (!hm_load_relaxed(&work.stop))
		hm_pool_purge_all();
	return NULL;
}

static void all_home(void)
{
	struct hm_pool_counts c;

	hm_pool_get_counts(&c);
	ck_assert_uint_eq(c.acquired, c.released);
	ck_assert_uint_eq(c.empty, c.superslabs);
}

START_TEST(users)
{
	for (size_t t = 0; t < SUPPORT_THREAD_COUNTS; t++) {
		work.rounds = support_times(6000, 600) / support_threads[t];
		hm_options.dirty_max = t * HM_SUPERSLAB_SIZE;
		support_run_threads(support_threads[t], user);
		all_home();
	}
}
END_TEST

START_TEST(users_and_a_purger)
{
	pthread_t t;

	hm_options.dirty_max = 0;
	work.rounds = support_times(3000, 300);
	must(pthread_create(&t, NULL, purger, NULL) == 0);
	support_run_threads(2, user);
	hm_store_relaxed(&work.stop, true);
	pthread_join(t, NULL);
	all_home();
}
END_TEST

/* ---- The same, with the second thread in the middle of the first one's system call ---- */

static struct hm_slab *inside[HM_SLABS];
static unsigned calls;

/* While a superslab is purged: another thread purges all, then takes all that it finds free. */
static bool purge_and_take(const char *call)
{
	struct hm_pool_counts c;

	if (strcmp(call, "madvise") != 0 || calls++ > 0)
		return false;
	hm_pool_purge_all();
	hm_pool_get_counts(&c);
	/* The one other superslab is full. */
	for (unsigned i = 0; i < HM_SLABS && c.superslabs == 2; i++) {
		inside[i] = acquire(0);
		sign(inside[i], i + 1);
		hm_pool_get_counts(&c);
	}
	return false;
}

/*
 * A superslab of which a part was never used becomes empty and is purged, since none is kept.
 * Whatever happens meanwhile, the spans in use are whole, and all spans come back once.
 */
START_TEST(purge_inside_a_purge)
{
	struct hm_slab *full = acquire(whole_class()), *s;

	hm_options.dirty_max = 0;
	s = acquire(0);
	sign(s, 99);
	hm_os_fail_hook = purge_and_take;
	hm_pool_release(s);
	hm_os_fail_hook = NULL;
	ck_assert_uint_gt(calls, 0);
	for (unsigned i = 0; i < HM_SLABS && inside[i] != NULL; i++)
		must_say(is_signed(inside[i], i + 1), "span %u was purged while in use", i);
	for (unsigned i = 0; i < HM_SLABS && inside[i] != NULL; i++)
		hm_pool_release(inside[i]);
	/* Its memory is written to again; nobody takes it for zero. */
	for (unsigned i = 0; i < HM_SLABS; i++) {
		inside[i] = acquire(0);
		sign(inside[i], i + 1);
	}
	for (unsigned i = 0; i < HM_SLABS; i++) {
		must_say(is_signed(inside[i], i + 1), "span %u was handed out twice", i);
		hm_pool_release(inside[i]);
	}
	hm_pool_release(full);
	all_home();
}
END_TEST

int main(void)
{
	const TTest *tests[] = { users, users_and_a_purger, purge_inside_a_purge };

	return SUPPORT_RUN("pool_threads", tests);
}
