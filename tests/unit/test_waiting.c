/*
 * test_waiting.c - slabs that nobody owns: given up, taken, woken, completed; what comes too
 * late; and many threads at it.
 */
#include "support.h"

#include "pool/pool.h"
#include "pool/waiting.h"

/* What a refill does: claims the first slab that waits, and takes what came back to it. */
static struct hm_slab *adopt(unsigned cls)
{
	struct hm_slab *s = hm_waiting_take(cls, true);

	if (s != NULL)
		hm_remote_take(s);
	return s;
}

static struct hm_base block(struct hm_slab *s, unsigned k)
{
	return hm_to_base(hm_slab_block(s, k), hm_class_is_tiny(s->cls));
}

static struct hm_slab *acquire(unsigned cls)
{
	bool zero;
	struct hm_slab *s = hm_pool_acquire(cls, &zero);

	must(s != NULL);
	hm_store_relaxed(&s->binder, &hm_late_heap); /* somebody's */
	return s;
}

/* A slab with blocks [0, home) on its free list, the others out. */
static struct hm_slab *slab_with(unsigned cls, unsigned home)
{
	struct hm_slab *s = acquire(cls);

	s->carved = s->capacity;
	hm_store_relaxed(&s->used, s->capacity);
	for (unsigned k = 0; k < home; k++)
		hm_slab_push(s, block(s, k), hm_class_is_tiny(cls));
	return s;
}

static enum hm_push push(struct hm_slab *s, unsigned k)
{
	return hm_remote_push(s, block(s, k), block(s, k), 1);
}

static bool in_pool(struct hm_slab *s)
{
	return hm_load_relaxed(&hm_superslab_of(s)->free_mask) >> hm_slab_number(s) & 1;
}

static unsigned listed_in(struct hm_slab *s)
{
	return hm_load_relaxed(&hm_remote_of(s)->waiting_class);
}

static uint32_t word_of(struct hm_slab *s)
{
	return hm_load_acquire(&hm_remote_of(s)->word);
}

/* Taken: claimed, drained, on no list. */
static void is_mine(struct hm_slab *s, unsigned home)
{
	must(s != NULL);
	must(word_of(s) == HM_REMOTE_OWNED && listed_in(s) == HM_CLASSES);
	must(hm_load_relaxed(&s->binder) == NULL && hm_list_empty(&s->node));
	must_say(hm_slab_used(s) == s->capacity - home, "used %u of %u, %u home", hm_slab_used(s),
		 s->capacity, home);
	must(hm_slab_valid(s));
}

START_TEST(given_up_and_taken)
{
	for (unsigned cls = 0; cls < HM_CLASSES; cls++) {
		struct hm_slab *s = slab_with(cls, 0);
		unsigned n = s->capacity;

		must(adopt(cls) == NULL);
		/* All out: it sleeps and nobody finds it. */
		hm_waiting_give_up(s);
		must(word_of(s) == n * HM_REMOTE_COUNT_ONE && listed_in(s) == HM_CLASSES);
		must(hm_load_relaxed(&s->binder) == NULL && adopt(cls) == NULL);
		must(hm_remote_claim_dormant(s));
		is_mine(s, 0);
		if (n > 1) {
			hm_slab_push(s, block(s, 0), hm_class_is_tiny(cls));
			hm_waiting_give_up(s);
			must(listed_in(s) == cls && (word_of(s) & HM_REMOTE_WAITING));
			must(adopt(cls == 0 ? 1 : cls - 1) == NULL);
			must(adopt(cls) == s);
			is_mine(s, 1);
			must(adopt(cls) == NULL);
		}
		/* All home: it goes to the pool. */
		for (unsigned k = n > 1 ? 1 : 0; k < n; k++)
			hm_slab_push(s, block(s, k), hm_class_is_tiny(cls));
		must(!in_pool(s));
		hm_waiting_give_up(s);
		must(in_pool(s) && adopt(cls) == NULL);
	}
}
END_TEST

/* What came while the owner made up its mind. */
START_TEST(given_up_with_blocks_on_the_way)
{
	struct hm_slab *s = slab_with(4, 0);
	unsigned n = s->capacity;

	must(push(s, 0) == HM_PUSH_OWNED);
	hm_waiting_give_up(s);
	must(listed_in(s) == 4 && adopt(4) == s);
	is_mine(s, 1);
	for (unsigned k = 1; k < n; k++)
		must(push(s, k) == HM_PUSH_OWNED);
	hm_waiting_give_up(s);
	must(in_pool(s));

	/* Not all carved: it waits even though no block is home. */
	s = acquire(4);
	s->carved = 2;
	hm_store_relaxed(&s->used, 2);
	hm_waiting_give_up(s);
	must(listed_in(s) == 4 && adopt(4) == s);
	must(hm_slab_used(s) == 2 && s->carved == 2);
}
END_TEST

START_TEST(woken_before_dozing)
{
	unsigned cls = 3, wake = hm_classes[3].wake;
	struct hm_slab *dozing, *woken, *later;

	ck_assert_uint_gt(wake, 4);
	for (int turn = 0; turn < 2; turn++) {
		dozing = slab_with(cls, 1);
		woken = slab_with(cls, wake);
		hm_waiting_give_up(turn == 0 ? dozing : woken);
		hm_waiting_give_up(turn == 0 ? woken : dozing);
		must(adopt(cls) == woken);
		/* One with a block or two is taken by those only who get no other. */
		must(hm_waiting_take(cls, false) == NULL);
		must(adopt(cls) == dozing);
	}
	/* A push to the mark moves it to the front. */
	dozing = slab_with(cls, wake - 2);
	later = slab_with(cls, 1);
	hm_waiting_give_up(dozing);
	hm_waiting_give_up(later);
	must(push(dozing, wake) == HM_PUSH_DONE);
	must(push(dozing, wake + 1) == HM_PUSH_WAKE);
	hm_waiting_woke(dozing, cls);
	must(hm_waiting_take(cls, false) == dozing);
	hm_remote_take(dozing);
	is_mine(dozing, wake);
	must(adopt(cls) == later);
	must(adopt(cls) == NULL);
}
END_TEST

/* The last block of a waiting slab: the pool has it back, its list has not. */
START_TEST(completed)
{
	for (unsigned cls = 0; cls < HM_CLASSES; cls++) {
		struct hm_slab *s = slab_with(cls, hm_classes[cls].capacity - 1u);

		if (s->capacity == 1)
			continue;
		hm_waiting_give_up(s);
		must(listed_in(s) == cls);
		must(push(s, s->capacity - 1u) == HM_PUSH_LAST);
		must(!in_pool(s));
		hm_waiting_complete(s, cls);
		must(in_pool(s) && listed_in(s) == HM_CLASSES && adopt(cls) == NULL);
		must(word_of(s) == HM_REMOTE_OWNED);
		/* Once more, too late: nothing. */
		hm_waiting_complete(s, cls);
		hm_waiting_woke(s, cls);
		must(in_pool(s) && adopt(cls) == NULL);
	}
}
END_TEST

/* Between the last push and its complete, another thread took the slab. */
static struct hm_slab *lost_race(unsigned cls)
{
	struct hm_slab *s = slab_with(cls, hm_classes[cls].capacity - 1u);

	hm_waiting_give_up(s);
	must(push(s, s->capacity - 1u) == HM_PUSH_LAST);
	must(adopt(cls) == s);
	is_mine(s, s->capacity);
	return s;
}

START_TEST(stale_complete)
{
	unsigned cls = 6, other = 9;
	struct hm_slab *s, *again;

	/* It is in use. */
	s = lost_race(cls);
	hm_waiting_complete(s, cls);
	hm_waiting_woke(s, cls);
	is_mine(s, s->capacity);
	must(!in_pool(s));
	/* It waits again, with blocks out. */
	hm_slab_detach(s);
	hm_slab_push(s, block(s, 0), true);
	hm_waiting_give_up(s);
	hm_waiting_complete(s, cls);
	hm_waiting_woke(s, cls);
	must(listed_in(s) == cls && adopt(cls) == s);
	is_mine(s, 1);
	/* It sleeps. */
	hm_slab_detach(s);
	hm_waiting_give_up(s);
	hm_waiting_complete(s, cls);
	hm_waiting_woke(s, cls);
	must(word_of(s) == s->capacity * HM_REMOTE_COUNT_ONE && adopt(cls) == NULL);
	/* It is of another class, in use and waiting there. */
	s = lost_race(cls);
	hm_pool_release(s);
	do
		again = slab_with(other, 1);
	while (again != s);
	hm_waiting_complete(s, cls);
	hm_waiting_woke(s, cls);
	must(!in_pool(s) && s->cls == other && word_of(s) == HM_REMOTE_OWNED);
	hm_waiting_give_up(s);
	hm_waiting_complete(s, cls);
	hm_waiting_woke(s, cls);
	must(listed_in(s) == other && adopt(cls) == NULL);
	must(adopt(other) == s);
	is_mine(s, 1);
}
END_TEST

/* Two that were last: the slab filled twice, both completes come late, one counts. */
START_TEST(two_completes)
{
	struct hm_slab *s = lost_race(6);

	hm_slab_detach(s);
	for (unsigned k = 0; k + 1 < s->capacity; k++)
		hm_slab_push(s, block(s, k), true);
	hm_waiting_give_up(s);
	must(push(s, s->capacity - 1u) == HM_PUSH_LAST);
	hm_waiting_complete(s, 6); /* the first thread's, late: does it for both */
	must(in_pool(s));
	hm_waiting_complete(s, 6);
	must(in_pool(s) && adopt(6) == NULL);
}
END_TEST

/* ---- Many threads: each block that is out stands once in a common table ---- */

#define TABLE 4096

static struct {
	unsigned cls, rounds;
	pthread_mutex_t lock;
	struct hm_base table[TABLE];
	_Atomic size_t n;
} common = { .lock = PTHREAD_MUTEX_INITIALIZER };

enum { OUT = 0x4f555421, HOME = 0x484f4d45 };

/* A mark in the block, behind its link: it leaves and comes back in turns. */
static void mark(struct hm_base b, uint32_t now, uint32_t never)
{
	char *u = hm_to_user(b, hm_class_is_tiny(common.cls)).p;

	must(hm_swap_acq_rel((_Atomic uint32_t *)(void *)(u + 16), now) != never);
}

static void hand_out(struct hm_slab *s)
{
	bool tiny = hm_class_is_tiny(s->cls);
	struct hm_base b = hm_slab_detach(s), next;

	pthread_mutex_lock(&common.lock);
	for (; b.p != NULL && common.n < TABLE; b = next) {
		next = hm_link_get(b, tiny);
		mark(b, OUT, OUT);
		common.table[common.n++] = b;
	}
	pthread_mutex_unlock(&common.lock);
	for (; b.p != NULL; b = next) {
		next = hm_link_get(b, tiny);
		hm_slab_push(s, b, tiny);
	}
}

static void take_some(struct hm_base *some, size_t *n, uint64_t *state)
{
	pthread_mutex_lock(&common.lock);
	for (*n = 0; *n < 16 && common.n > 0; ++*n) {
		size_t k = support_below(state, common.n);

		some[*n] = common.table[k];
		common.table[k] = common.table[--common.n];
	}
	pthread_mutex_unlock(&common.lock);
}

static void give_back(const struct hm_base *some, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		void *u = hm_to_user(some[i], hm_class_is_tiny(common.cls)).p;

		mark(some[i], HOME, HOME);
		hm_remote_give(NULL, support_slab_of(u), some[i], some[i], 1);
	}
}

/* Fresh blocks go on the free list as if they had been out. */
static void carve_rest(struct hm_slab *s)
{
	while (s->carved < s->capacity) {
		hm_slab_add_used(s, 1);
		hm_slab_push(s, block(s, s->carved++), hm_class_is_tiny(s->cls));
	}
}

static void take_a_slab(void)
{
	struct hm_slab *s = adopt(common.cls);

	if (s == NULL && hm_load_relaxed(&common.n) < TABLE / 2)
		s = acquire(common.cls);
	if (s == NULL)
		return;
	carve_rest(s);
	hand_out(s);
	hm_waiting_give_up(s);
}

static void *trader(void *arg)
{
	uint64_t state = support_seed + (uintptr_t)arg;
	struct hm_base some[16];
	size_t n;

	for (unsigned i = 0; i < common.rounds; i++) {
		if (support_below(&state, 3) == 0)
			take_a_slab();
		take_some(some, &n, &state);
		give_back(some, n);
	}
	return NULL;
}

static void all_traders(unsigned threads, unsigned cls, unsigned rounds)
{
	struct hm_pool_counts before, c;
	struct hm_slab *s;

	/* A build with prewarm has slabs already. */
	hm_pool_get_counts(&before);
	common.cls = cls;
	common.rounds = rounds;
	support_run_threads(threads, trader);
	give_back(common.table, common.n);
	common.n = 0;
	/* What is whole is in the pool; nothing waits and nothing is lost. */
	s = adopt(cls);
	hm_pool_get_counts(&c);
	must_say(s == NULL && c.acquired - before.acquired == c.released - before.released,
		 "%" PRIu64 " spans acquired, %" PRIu64 " released", c.acquired, c.released);
}

START_TEST(traders)
{
	static const unsigned classes[] = { 2, 15, 31, 36, 48 };
	unsigned rounds = support_times(60000, 3000);

	for (size_t t = 0; t < SUPPORT_THREAD_COUNTS; t++)
		for (size_t c = 0; c < sizeof classes / sizeof classes[0]; c++)
			all_traders(support_threads[t], classes[c], rounds / support_threads[t]);
}
END_TEST

int main(void)
{
	const TTest *tests[] = { given_up_and_taken, given_up_with_blocks_on_the_way,
				 woken_before_dozing, completed, stale_complete, two_completes,
				 traders };

	return SUPPORT_RUN("waiting", tests);
}
