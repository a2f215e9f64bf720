/*
 * test_remote.c - the remote head: every transition of its word and every outcome of a push,
 * against a model; and many threads that push at once.
 */
#include "support.h"

#include "pool/pool.h"
#include "slab/remote.h"

/* A claim leaves the list where it is; the new owner takes it. */
static void claim_and_take(struct hm_slab *s)
{
	hm_remote_claim_waiting(s);
	hm_remote_take(s);
}

static uint32_t word_of(struct hm_slab *s)
{
	return hm_load_acquire(&hm_remote_of(s)->word);
}

static struct hm_base block(struct hm_slab *s, unsigned k)
{
	return hm_to_base(hm_slab_block(s, k), hm_class_is_tiny(s->cls));
}

/* A slab whose blocks are all out. */
static struct hm_slab *full_slab(unsigned cls)
{
	bool zero;
	struct hm_slab *s = hm_pool_acquire(cls, &zero);

	must(s != NULL);
	s->carved = s->capacity;
	hm_store_relaxed(&s->used, s->capacity);
	return s;
}

/* Links blocks [from, from + n) and pushes them. */
static enum hm_push push(struct hm_slab *s, unsigned from, unsigned n)
{
	bool tiny = hm_class_is_tiny(s->cls);

	for (unsigned k = from; k + 1 < from + n; k++)
		hm_link_set(block(s, k), tiny, block(s, k + 1));
	return hm_remote_push(s, block(s, from), block(s, from + n - 1), n);
}

static unsigned length(struct hm_slab *s, struct hm_base b)
{
	bool tiny = hm_class_is_tiny(s->cls);
	unsigned n = 0;

	for (; b.p != NULL; b = hm_link_get(b, tiny)) {
		must(hm_slab_is_block(s, hm_to_user(b, tiny).p));
		must(n++ < s->capacity);
	}
	return n;
}

/* The state of the slab is as expected, down to the counts. */
static void expect(struct hm_slab *s, uint32_t flags, unsigned count, unsigned listed,
		   unsigned used, unsigned free_blocks)
{
	uint32_t w = word_of(s);

	must((w & (HM_REMOTE_OWNED | HM_REMOTE_WAITING)) == flags);
	must_say(hm_remote_count(w) == count, "count %u, not %u", hm_remote_count(w), count);
	must(length(s, support_remote_list(s)) == listed);
	must((listed != 0) == hm_remote_pending(s));
	must_say(hm_slab_used(s) == used, "used %u, not %u", hm_slab_used(s), used);
	must(length(s, s->free) == free_blocks);
}

START_TEST(owned_push_and_take)
{
	for (unsigned cls = 0; cls < HM_CLASSES; cls++) {
		struct hm_slab *s = full_slab(cls);
		unsigned n = s->capacity, half = n / 2;

		expect(s, HM_REMOTE_OWNED, 0, 0, n, 0);
		must(hm_remote_take(s) == 0);
		must(!hm_remote_claim_dormant(s));
		if (half > 0) {
			must(push(s, 0, half) == HM_PUSH_OWNED);
			expect(s, HM_REMOTE_OWNED, half, half, n, 0);
			must(!hm_remote_claim_dormant(s));
			expect(s, HM_REMOTE_OWNED, half, half, n, 0);
			must(hm_remote_take(s) == half);
			expect(s, HM_REMOTE_OWNED, 0, 0, n - half, half);
		}
		for (unsigned k = half; k < n; k++)
			must(push(s, k, 1) == HM_PUSH_OWNED);
		expect(s, HM_REMOTE_OWNED, n - half, n - half, n - half, half);
		must(hm_remote_take(s) == n - half);
		expect(s, HM_REMOTE_OWNED, 0, 0, 0, n);
		must(hm_slab_valid(s));
	}
}
END_TEST

START_TEST(dormant_is_claimed_by_a_push)
{
	for (unsigned cls = 0; cls < HM_CLASSES; cls++) {
		struct hm_slab *s = full_slab(cls);
		unsigned n = s->capacity, some = n > 2 ? n / 3 : 1;

		must(hm_remote_sleep(s));
		expect(s, 0, n, 0, n, 0);
		must(push(s, 0, some) == HM_PUSH_CLAIMED);
		expect(s, HM_REMOTE_OWNED, 0, 0, n - some, some);
		must(hm_slab_valid(s));
		if (some < n)
			must(push(s, some, n - some) == HM_PUSH_OWNED && hm_remote_take(s) > 0);
		expect(s, HM_REMOTE_OWNED, 0, 0, 0, n);
		/* All of it in one push. */
		hm_slab_detach(s);
		must(hm_remote_sleep(s));
		must(push(s, 0, n) == HM_PUSH_CLAIMED);
		expect(s, HM_REMOTE_OWNED, 0, 0, 0, n);
	}
}
END_TEST

START_TEST(dormant_is_claimed_by_name)
{
	for (unsigned cls = 0; cls < HM_CLASSES; cls++) {
		struct hm_slab *s = full_slab(cls);
		unsigned n = s->capacity;

		must(hm_remote_sleep(s));
		must(hm_remote_claim_dormant(s));
		expect(s, HM_REMOTE_OWNED, 0, 0, n, 0);
		must(!hm_remote_claim_dormant(s));
		expect(s, HM_REMOTE_OWNED, 0, 0, n, 0);
	}
}
END_TEST

/* A push that came first: the owner does not get rid of the slab. */
START_TEST(giving_up_fails_when_blocks_came)
{
	for (unsigned cls = 0; cls < HM_CLASSES; cls++) {
		struct hm_slab *s = full_slab(cls);
		unsigned n = s->capacity;

		must(push(s, 0, 1) == HM_PUSH_OWNED);
		must(!hm_remote_sleep(s));
		expect(s, HM_REMOTE_OWNED, 1, 1, n, 0);
		must(!hm_remote_wait(s));
		expect(s, HM_REMOTE_OWNED, 1, 1, n, 0);
		must(hm_remote_take(s) == 1);
		expect(s, HM_REMOTE_OWNED, 0, 0, n - 1, 1);
		if (n > 1) {
			must(hm_remote_wait(s));
			expect(s, HM_REMOTE_WAITING, n - 1, 0, n - 1, 1);
		}
	}
}
END_TEST

/* From `back` blocks at home up to all, `step` at a time: where the push says wake and last. */
static void fill_waiting(struct hm_slab *s, unsigned step)
{
	unsigned n = s->capacity, wake = hm_classes[s->cls].wake, home = 1, wakes = 0;

	must(push(s, 0, 1) == HM_PUSH_OWNED && hm_remote_take(s) == 1);
	must(hm_remote_wait(s));
	while (home < n) {
		unsigned k = step < n - home ? step : n - home;
		enum hm_push what = push(s, home, k), expected = HM_PUSH_DONE;

		if (home + k == n)
			expected = HM_PUSH_LAST;
		else if (home < wake && home + k >= wake)
			expected = HM_PUSH_WAKE;
		must_say(what == expected, "class %u: %u home, %d", s->cls, home + k, what);
		wakes += what == HM_PUSH_WAKE;
		home += k;
		must(!hm_remote_claim_dormant(s));
		expect(s, HM_REMOTE_WAITING, n - home, home - 1, n - 1, 1);
	}
	must(wakes <= 1);
	claim_and_take(s);
	expect(s, HM_REMOTE_OWNED, 0, 0, 0, n);
	must(hm_slab_valid(s));
	hm_slab_detach(s);
}

START_TEST(waiting_wakes_once_and_ends)
{
	for (unsigned cls = 0; cls < HM_CLASSES; cls++) {
		struct hm_slab *s = full_slab(cls);
		unsigned most = s->capacity < 600 ? s->capacity : 600;

		if (s->capacity < 2)
			continue;
		for (unsigned step = most < 20 ? 1 : most / 9; step <= most; step += 1 + most / 7)
			fill_waiting(s, step);
		/* Claimed half way. */
		must(push(s, 0, 1) == HM_PUSH_OWNED && hm_remote_take(s) == 1);
		must(hm_remote_wait(s));
		if (s->capacity > 2) {
			enum hm_push what = push(s, 1, 1);

			must(what == HM_PUSH_DONE || what == HM_PUSH_WAKE);
			claim_and_take(s);
			expect(s, HM_REMOTE_OWNED, 0, 0, s->capacity - 2u, 2);
		}
	}
}
END_TEST

/* A slab that a thread gave up before all its blocks were carved. */
START_TEST(waiting_with_fresh_blocks)
{
	struct hm_slab *s = full_slab(5);

	s->carved = 3;
	hm_store_relaxed(&s->used, 3);
	must(hm_remote_wait(s));
	must(push(s, 0, 2) == HM_PUSH_DONE);
	expect(s, HM_REMOTE_WAITING, 1, 2, 3, 0);
	must(push(s, 2, 1) == HM_PUSH_LAST);
	claim_and_take(s);
	expect(s, HM_REMOTE_OWNED, 0, 0, 0, 3);
	must(hm_slab_valid(s));
}
END_TEST

/* What the model knows: who has it, and which blocks are out. */
struct model {
	struct hm_slab *s;
	bool out[HM_SLAB_SIZE / HM_ALIGN];
	unsigned nr_out, listed, free_blocks;
	enum { OWNED, DORMANT, WAITING } state;
};

static void model_push(struct model *m, uint64_t *state)
{
	unsigned n = m->s->capacity, from = (unsigned)support_below(state, n), k = 0;
	unsigned wake = n - hm_classes[m->s->cls].wake;
	unsigned most = 1 + (unsigned)support_below(state, n);
	enum hm_push what, expected = m->state == OWNED ? HM_PUSH_OWNED : HM_PUSH_DONE;

	while (from + k < n && k < most && m->out[from + k])
		m->out[from + k++] = false;
	if (k == 0)
		return;
	if (m->state == DORMANT)
		expected = HM_PUSH_CLAIMED;
	else if (m->state == WAITING && m->nr_out == k)
		expected = HM_PUSH_LAST;
	else if (m->state == WAITING && m->nr_out > wake && m->nr_out - k <= wake)
		expected = HM_PUSH_WAKE;
	what = push(m->s, from, k);
	must_say(what == expected, "a push of %u of %u in state %d: %d, not %d", k, m->nr_out,
		 m->state, what, expected);
	m->nr_out -= k;
	if (m->state == DORMANT)
		m->free_blocks += k;
	else
		m->listed += k;
	if (m->state == DORMANT)
		m->state = OWNED;
}

static void model_claim(struct model *m)
{
	must(hm_remote_claim_dormant(m->s) == (m->state == DORMANT));
	if (m->state == DORMANT) {
		m->state = OWNED;
	} else if (m->state == WAITING) {
		claim_and_take(m->s);
		m->state = OWNED;
		m->free_blocks += m->listed;
		m->listed = 0;
	}
}

/* The owner takes what came, hands all out or gives the slab up. */
static void model_own(struct model *m, uint64_t *state)
{
	struct hm_slab *s = m->s;

	if (m->state != OWNED)
		return;
	switch (support_below(state, 3)) {
	case 0:
		must(hm_remote_take(s) == m->listed);
		m->free_blocks += m->listed;
		m->listed = 0;
		break;
	case 1:
		for (struct hm_base b = hm_slab_detach(s); b.p != NULL;
		     b = hm_link_get(b, hm_class_is_tiny(s->cls)))
			m->out[(size_t)((char *)b.p - (char *)block(s, 0).p) /
			       hm_classes[s->cls].stride] = true;
		m->nr_out += m->free_blocks;
		m->free_blocks = 0;
		break;
	default:
		if (m->free_blocks == 0 && m->listed == 0) {
			must(hm_remote_sleep(s));
			m->state = DORMANT;
		} else if (m->nr_out + m->listed > 0) {
			must(hm_remote_wait(s) == (m->listed == 0));
			m->state = m->listed == 0 ? WAITING : OWNED;
		}
	}
}

START_TEST(random_walk)
{
	uint64_t state = support_seed;
	unsigned steps = support_times(20000, 2000);

	for (unsigned cls = 0; cls < HM_CLASSES; cls++) {
		static struct model m;

		memset(&m, 0, sizeof m);
		m.s = full_slab(cls);
		m.nr_out = m.s->capacity;
		memset(m.out, true, m.nr_out);
		for (unsigned i = 0; i < steps / (1 + m.nr_out / 64); i++) {
			unsigned what = (unsigned)support_below(&state, 8);

			if (what < 4)
				model_push(&m, &state);
			else if (what < 5)
				model_claim(&m);
			else
				model_own(&m, &state);
			if (m.state == OWNED)
				expect(m.s, HM_REMOTE_OWNED, m.listed, m.listed,
				       m.nr_out + m.listed, m.free_blocks);
			else
				expect(m.s, m.state == WAITING ? HM_REMOTE_WAITING : 0, m.nr_out,
				       m.listed, m.nr_out + m.listed, m.free_blocks);
		}
	}
}
END_TEST

/* ---- Many threads ---- */

static struct {
	struct hm_slab *s;
	unsigned threads, chain;
	pthread_barrier_t start;
	_Atomic unsigned outcomes[5];
	_Atomic unsigned running;
} race;

/* Thread i pushes the blocks congruent to i, in chains. */
static void *pusher(void *arg)
{
	unsigned me = (unsigned)(uintptr_t)arg;
	struct hm_slab *s = race.s;
	bool tiny = hm_class_is_tiny(s->cls);

	pthread_barrier_wait(&race.start);
	for (unsigned k = me; k < s->capacity;) {
		struct hm_base first = block(s, k), last = first;
		unsigned n = 1;

		for (k += race.threads; k < s->capacity && n < race.chain; k += race.threads, n++) {
			hm_link_set(last, tiny, block(s, k));
			last = block(s, k);
		}
		hm_add_relaxed(&race.outcomes[hm_remote_push(s, first, last, n)], 1);
	}
	hm_sub_relaxed(&race.running, 1);
	return NULL;
}

/* All pushers, and what the caller does meanwhile. */
static void run_race(struct hm_slab *s, unsigned threads, unsigned chain, unsigned (*owner)(void))
{
	pthread_t t[8];
	unsigned taken = 0;

	race.s = s;
	race.threads = threads;
	race.chain = chain;
	memset(race.outcomes, 0, sizeof race.outcomes);
	hm_store_relaxed(&race.running, threads);
	must(pthread_barrier_init(&race.start, NULL, threads) == 0);
	for (uintptr_t i = 0; i < threads; i++)
		must(pthread_create(&t[i], NULL, pusher, (void *)i) == 0);
	while (owner != NULL && hm_load_relaxed(&race.running) > 0)
		taken += owner();
	for (unsigned i = 0; i < threads; i++)
		pthread_join(t[i], NULL);
	pthread_barrier_destroy(&race.start);
	if (owner != NULL)
		must(taken + hm_remote_take(s) == s->capacity);
}

static unsigned take_all(void)
{
	return hm_remote_take(race.s);
}

/* Every block is back, once. */
static void all_home(struct hm_slab *s)
{
	bool tiny = hm_class_is_tiny(s->cls);
	size_t n = 0;
	void **all = calloc(s->capacity, sizeof *all);

	must(all != NULL && hm_slab_valid(s) && hm_slab_used(s) == 0);
	for (struct hm_base b = s->free; b.p != NULL; b = hm_link_get(b, tiny))
		all[n++] = b.p;
	must(n == s->capacity);
	support_sort(all, n);
	for (size_t i = 0; i < n; i++)
		must(all[i] == block(s, (unsigned)i).p);
	free(all);
	hm_slab_detach(s);
}

static unsigned outcome(enum hm_push what)
{
	return hm_load_relaxed(&race.outcomes[what]);
}

static void all_races(struct hm_slab *s, unsigned threads, unsigned chain)
{
	run_race(s, threads, chain, take_all);
	must(outcome(HM_PUSH_CLAIMED) + outcome(HM_PUSH_WAKE) + outcome(HM_PUSH_LAST) == 0);
	all_home(s);
	/* Dormant: one push claims, and nobody else. */
	must(hm_remote_sleep(s));
	run_race(s, threads, chain, NULL);
	must(outcome(HM_PUSH_CLAIMED) == 1);
	must(outcome(HM_PUSH_WAKE) + outcome(HM_PUSH_LAST) == 0);
	hm_remote_take(s);
	all_home(s);
	/* Waiting: one push is the last, one crosses the mark unless it is the last. */
	must(hm_remote_wait(s));
	run_race(s, threads, chain, NULL);
	must(outcome(HM_PUSH_CLAIMED) == 0 && outcome(HM_PUSH_LAST) == 1);
	must(outcome(HM_PUSH_WAKE) <= 1);
	must(chain > 1 || s->capacity < 2 || outcome(HM_PUSH_WAKE) == 1 ||
	     hm_classes[s->cls].wake == s->capacity);
	claim_and_take(s);
	all_home(s);
}

START_TEST(many_pushers)
{
	static const unsigned classes[] = { 0, 6, 15, 27, 31, 36, 47, 61 };
	unsigned rounds = support_times(30, 3);

	for (size_t t = 1; t < SUPPORT_THREAD_COUNTS; t++) {
		for (size_t c = 0; c < sizeof classes / sizeof classes[0]; c++) {
			struct hm_slab *s = full_slab(classes[c]);

			for (unsigned i = 0; i < rounds; i++)
				all_races(s, support_threads[t], i % 2 == 0 ? 1 : 1 + i);
		}
	}
}
END_TEST

int main(void)
{
	const TTest *tests[] = { owned_push_and_take, dormant_is_claimed_by_a_push,
				 dormant_is_claimed_by_name, giving_up_fails_when_blocks_came,
				 waiting_wakes_once_and_ends, waiting_with_fresh_blocks,
				 random_walk, many_pushers };

	return SUPPORT_RUN("remote", tests);
}
