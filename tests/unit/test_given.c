/*
 * Looks at slabs that wait for adoption (heap/given.c): when others free what threads that are
 * gone allocated, its pages go back unasked; when they are wanted again and again, less often; and
 * sooner when only one thread is left, and wants none of it.
 */
#include "recount.h"
#include "support.h"

#include "heap/thread.h"
#include "policy/ace.h"
#include "policy/options.h"
#include "policy/purge_count.h"
#include "pool/pool.h"

#define BLOCKS 100000
#define SIZE 200
/* Freed side by side, but for a few that pin the slabs: most of the pages are free then. */
#define RUN 1000
#define PINS 100

static void *blocks[BLOCKS];
static uint64_t state;

static size_t holes_purged(void)
{
	struct hm_purge_counts counts;

	hm_purge_get_counts(&counts);
	return (size_t)counts.bytes[HM_PURGE_HOLES];
}

/* By this thread, whose slabs are nobody's when all of their blocks are out. */
static void get(void)
{
	for (unsigned i = 0; i < BLOCKS; i++) {
		if (blocks[i] != NULL)
			continue;
		blocks[i] = hm_heap_malloc(SIZE);
		must(blocks[i] != NULL);
		memset(blocks[i], (int)(i & 0xff), SIZE);
	}
}

/* By another thread: so many tenths. */
static void *drop(void *arg)
{
	unsigned part = (unsigned)(uintptr_t)arg;

	for (unsigned run = 0; run < BLOCKS / RUN; run++) {
		if (support_below(&state, 10) >= part)
			continue;
		for (unsigned i = run * RUN; i < (run + 1) * RUN; i++) {
			if (i % PINS == 0)
				continue;
			hm_heap_free(blocks[i]);
			blocks[i] = NULL;
		}
	}
	return NULL;
}

static void begin(void)
{
	state = support_seed;
	hm_options.thp = HM_THP_NEVER;
	hm_options.dirty_max = (size_t)8 << 20;
	get();
}

static void end(void)
{
	for (unsigned i = 0; i < BLOCKS; i++) {
		const unsigned char *p = blocks[i];

		must(p == NULL || (p[0] == (i & 0xff) && memcmp(p, p + 1, SIZE - 1) == 0));
		hm_heap_free(blocks[i]);
		blocks[i] = NULL;
	}
	hm_heap_purge();
	recount_nothing_in_use();
}

START_TEST(unasked)
{
	size_t purged;

	begin();
	purged = holes_purged();
	support_in_thread(drop, (void *)10);
	purged = holes_purged() - purged;
	must_say(HM_GUARDS == 2 || purged > (size_t)BLOCKS * SIZE / 2, "%zu bytes", purged);
	end();
}
END_TEST

/* Bytes that go back while threads in turns free a part and take it again. */
static size_t turns(unsigned n)
{
	size_t purged = holes_purged();

	while (n-- > 0) {
		support_in_thread(drop, (void *)3);
		get();
	}
	return holes_purged() - purged;
}

START_TEST(in_circles)
{
	size_t first, later;

	begin();
	first = turns(20);
	later = turns(20);
	must_say(HM_GUARDS == 2 || (first > 0 && later < first / 2), "%zu, then %zu bytes", first,
		 later);
	end();
}
END_TEST

/* It is the patience that does it. */
START_TEST(without_patience)
{
	size_t first, later;

	hm_options.ace = HM_ACE_OFF;
	begin();
	first = turns(20);
	later = turns(20);
	must_say(HM_GUARDS == 2 || later > first / 2, "%zu, then %zu bytes", first, later);
	end();
}
END_TEST

static void *get_all(void *arg)
{
	get();
	return arg;
}

/*
 * Threads that are gone have allocated, and this one frees a fifth of it in small parts, less than
 * others would have looked for; `between` after each. Bytes of what went back.
 */
static size_t drop_alone(void (*between)(void))
{
	size_t purged;

	state = support_seed;
	hm_options.thp = HM_THP_NEVER;
	hm_heap_free(hm_heap_malloc(SIZE)); /* it has a heap */
	support_in_thread(get_all, NULL);
	purged = holes_purged();
	for (unsigned i = 0; i < BLOCKS / 5; i++) {
		if (i % PINS != 0) {
			hm_heap_free(blocks[i]);
			blocks[i] = NULL;
		}
		if (i % RUN == 0)
			between();
	}
	return holes_purged() - purged;
}

static void nothing(void)
{
}

START_TEST(one_is_left)
{
	size_t purged = drop_alone(nothing);

	must_say(HM_GUARDS == 2 || purged > (size_t)BLOCKS / 5 * SIZE / 8, "%zu bytes", purged);
	end();
}
END_TEST

/* What it asks for does not rest. */
static void ask(void)
{
	for (unsigned cls = 0; cls < HM_CLASSES; cls++)
		hm_given_asked(cls);
}

START_TEST(one_is_left_and_asks)
{
	size_t purged = drop_alone(ask);

	must_say(purged == 0, "%zu bytes", purged);
	end();
}
END_TEST

static pthread_barrier_t met, over;

static void *stay(void *arg)
{
	hm_heap_free(hm_heap_malloc(SIZE));
	pthread_barrier_wait(&met);
	pthread_barrier_wait(&over);
	return arg;
}

static pthread_t come(void)
{
	pthread_t t;

	pthread_barrier_init(&met, NULL, 2);
	pthread_barrier_init(&over, NULL, 2);
	must(pthread_create(&t, NULL, stay, NULL) == 0);
	pthread_barrier_wait(&met);
	return t;
}

static void go(pthread_t t)
{
	pthread_barrier_wait(&over);
	pthread_join(t, NULL);
}

START_TEST(two_are_left)
{
	pthread_t t = come();
	size_t purged = drop_alone(nothing);

	go(t);
	must_say(purged == 0, "%zu bytes", purged);
	end();
}
END_TEST

/* Some slabs are free and resident. */
static void make_dirty(void)
{
	static void *p[40];

	for (unsigned i = 0; i < 40; i++) {
		p[i] = hm_heap_malloc(60000);
		must(p[i] != NULL);
		memset(p[i], 1, 60000);
	}
	for (unsigned i = 0; i < 40; i++)
		hm_heap_free(p[i]);
	hm_release_caches(hm_tls_heap);
	must(hm_pool_bytes_dirty() >= 20 * HM_SLAB_SIZE);
}

/* A look finds that nobody took a slab since the last: what the pool has free goes. */
START_TEST(pool_rests)
{
	pthread_t t;

	hm_options.purge_delay = 3600 * 1000;
	make_dirty();
	hm_holes_look_pool();
	must(hm_pool_bytes_dirty() > 0); /* slabs were taken */
	t = come();
	hm_holes_look_pool();
	hm_holes_look_pool();
	must(hm_pool_bytes_dirty() > 0); /* others may take them */
	go(t);
	make_dirty();
	hm_holes_look_pool();
	must(hm_pool_bytes_dirty() > 0);
	for (unsigned i = 0; i < 8; i++)
		hm_holes_look_pool();
	must(hm_pool_bytes_dirty() == 0);
}
END_TEST

int main(void)
{
	const TTest *tests[] = { unasked,	       in_circles,   without_patience, one_is_left,
				 one_is_left_and_asks, two_are_left, pool_rests };

	return SUPPORT_RUN("given", tests);
}
