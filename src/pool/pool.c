/*
 * pool.c - acquire and release of spans, the empty superslabs, and the purge.
 *
 * owns: all superslabs, their masks and the lists below, under one lock, which
 * is not held across a system call.
 * Lists: by longest free run for those partly used; `warm` and `cold` for the
 * empty ones, dirty and purged, most recent first; the full ones are on none.
 * Which list follows from the masks alone (enqueue).
 * called from: heap/refill.c, heap/release.c, heap/remote_free.c, pool/waiting.c.
 */
#include "base/base.h"

#include "pool/pool.h"

#include "base/assert.h"
#include "base/probe.h"
#include "os/lock.h"
#include "os/os.h"
#include "policy/ace.h"
#include "policy/dirty.h"
#include "policy/figures.h"
#include "policy/options.h"
#include "policy/purge_count.h"
#include "pool/in_use.h"
#include "pool/superslab_map.h"
#include "pool/witness.h"
#include "slab/hole.h"
#include "slab/remote.h"

#define ALL ((uint32_t)UINT32_MAX)

static struct {
	struct hm_lock lock;
	bool ready;
	uint32_t runs; /* bit r: by_run[r] is not empty */
	struct hm_list by_run[HM_SLABS]; /* [0] is not used */
	struct hm_list warm, cold, all;
	struct hm_list dirty; /* superslabs by their last release, the youngest first */
	size_t nr_all, nr_warm, nr_cold, inherited; /* superslabs; in use at the fork */
	uint64_t now; /* ms, as of one of the last 16 releases */
	uint64_t acquired, released;
} pool = { .lock = HM_LOCK_INIT(HM_RANK_POOL) };

static void lock_pool(void)
{
	hm_lock_take(&pool.lock);
	if (hm_likely(pool.ready))
		return;
	for (unsigned i = 0; i < HM_SLABS; i++)
		hm_list_init(&pool.by_run[i]);
	hm_list_init(&pool.warm);
	hm_list_init(&pool.cold);
	hm_list_init(&pool.all);
	hm_list_init(&pool.dirty);
	pool.ready = true;
}

static void unlock_pool(void)
{
	hm_lock_release(&pool.lock);
}

/* So many slabs became dirty, or fewer are; not one that is on no list of the pool. */
static void count_dirty(struct hm_superslab *ss, uint32_t more, uint32_t less)
{
	if (more != 0) {
		hm_count_add(&hm_figures.slabs_dirty, hm_popcount32(more));
		hm_list_remove(&ss->dirty_node);
		hm_list_add_head(&pool.dirty, &ss->dirty_node);
	}
	if (less != 0) {
		hm_count_add(&hm_figures.slabs_dirty, -(size_t)hm_popcount32(less));
		if (hm_superslab_dirty(ss) == 0)
			hm_list_remove(&ss->dirty_node);
	}
}

static void unqueue(struct hm_superslab *ss)
{
	uint32_t mask = hm_load_relaxed(&ss->free_mask);

	if (hm_list_empty(&ss->node))
		return;
	hm_list_remove(&ss->node);
	if (mask == ALL) {
		if (hm_superslab_is_clean(ss))
			pool.nr_cold--;
		else
			pool.nr_warm--;
	} else {
		unsigned run = hm_mask_longest_run(mask);

		if (hm_list_empty(&pool.by_run[run]))
			pool.runs &= ~((uint32_t)1 << run);
	}
}

static void enqueue(struct hm_superslab *ss)
{
	uint32_t mask = hm_load_relaxed(&ss->free_mask);
	unsigned run;

	if (mask == 0)
		return;
	if (mask != ALL) {
		run = hm_mask_longest_run(mask);
		hm_list_add_head(&pool.by_run[run], &ss->node);
		pool.runs |= (uint32_t)1 << run;
	} else if (hm_superslab_is_clean(ss)) {
		hm_list_add_head(&pool.cold, &ss->node);
		pool.nr_cold++;
	} else {
		hm_list_add_head(&pool.warm, &ss->node);
		pool.nr_warm++;
	}
}

static struct hm_superslab *from_node(struct hm_list *n)
{
	return hm_container(n, struct hm_superslab, node);
}

/* A superslab with room for the span, tightest fit first; NULL when none is mapped. */
static struct hm_superslab *find(unsigned n)
{
	uint32_t runs = n == HM_SLABS ? 0 : pool.runs >> n << n;

	if (runs != 0)
		return from_node(pool.by_run[hm_ctz32(runs)].next);
	if (!hm_list_empty(&pool.warm))
		return from_node(pool.warm.next);
	return hm_list_empty(&pool.cold) ? NULL : from_node(pool.cold.next);
}

/* A unit that was a superslab before is still on the list of all; walkers may stand on it. */
static void add(struct hm_superslab *ss)
{
	if (ss->all_node.next == NULL)
		hm_list_add_tail(&pool.all, &ss->all_node);
	hm_store_relaxed(&ss->free_mask, ALL);
	pool.nr_all++;
	count_dirty(ss, hm_superslab_dirty(ss), 0);
	enqueue(ss);
}

/* The evidence for huge pages; NULL when there is none, or none is to ask. */
static struct hm_superslab *evidence(void)
{
	size_t in_use = pool.nr_all - pool.nr_warm - pool.nr_cold;

	return in_use > pool.inherited ? hm_witness_get(in_use - pool.inherited) : NULL;
}

/* Called and returns with the lock held; drops it around the system calls. */
static struct hm_superslab *grow(void)
{
	struct hm_superslab *ss, *like = evidence();

	unlock_pool();
	ss = hm_superslab_map(like != NULL && hm_superslab_is_dense(like));
	lock_pool();
	if (ss == NULL)
		return NULL;
	add(ss);
	hm_witness_begin(ss);
	return ss;
}

/*
 * As grow, of an empty one: purged by parts it lost its huge pages. Without the lock; the caller
 * has a span of it, and others may have more by now.
 */
static void begin_again(struct hm_superslab *ss, const struct hm_superslab *like)
{
	if ((like != NULL || hm_ace_huge_always()) && !hm_superslab_is_huge(ss))
		hm_superslab_ask_huge(ss, like != NULL && hm_superslab_is_dense(like));
	lock_pool();
	hm_witness_begin(ss);
	unlock_pool();
}

static unsigned take_span(struct hm_superslab *ss, unsigned n, bool *zero, bool *again)
{
	uint32_t mask = hm_load_relaxed(&ss->free_mask);
	uint32_t clean = hm_load_relaxed(&ss->zero_mask);
	unsigned first = hm_superslab_find_run(ss, n);
	uint32_t bits = hm_mask_span(first, n);

	hm_check((mask & bits) == bits);
	unqueue(ss);
	hm_store_relaxed(&ss->free_mask, mask & ~bits);
	hm_store_relaxed(&ss->zero_mask, clean & ~bits);
	count_dirty(ss, 0, bits & ~clean);
	*again = (bits & ss->purged_mask) != 0;
	ss->purged_mask &= ~bits;
	enqueue(ss);
	*zero = (clean & bits) == bits;
	pool.acquired++;
	return first;
}

struct hm_slab *hm_pool_acquire(unsigned cls, bool *zero)
{
	unsigned n = hm_classes[hm_class_checked(cls)].slabs, first;
	struct hm_superslab *ss, *like = NULL;
	struct hm_slab *s;
	bool again, anew = false;

	lock_pool();
	ss = find(n);
	if (ss == NULL) {
		ss = grow();
	} else if (hm_superslab_is_gone(ss)) {
		anew = true;
		like = evidence();
	}
	/* The OS refused: another thread may have released something meanwhile. */
	if (ss == NULL)
		ss = find(n);
	if (ss == NULL) {
		unlock_pool();
		return NULL;
	}
	first = take_span(ss, n, zero, &again);
	hm_in_use_add(n);
	unlock_pool();

	if (anew)
		begin_again(ss, like);
	s = hm_slab_of_superslab(ss, first); /* the first touch is a page fault: not in the lock */
	hm_remote_of(s)->again = again;
	hm_slab_format(s, cls);
	return s;
}

/*
 * Everything free and dirty in ss, with the lock held, which is dropped for the
 * system calls: meanwhile these slabs are not free, so nobody takes them.
 * Returns the slabs purged.
 */
static unsigned purge_superslab(struct hm_superslab *ss)
{
	uint32_t dirty = hm_superslab_dirty(ss), there = hm_superslab_there(ss), take, done;

	if (there == 0)
		return 0;
	take = hm_superslab_is_over(ss) ? ALL : there;
	unqueue(ss);
	hm_store_relaxed(&ss->free_mask, hm_load_relaxed(&ss->free_mask) & ~take);
	count_dirty(ss, 0, dirty);
	enqueue(ss);
	unlock_pool();
	done = hm_superslab_purge(ss, take);
	lock_pool();
	unqueue(ss);
	hm_store_relaxed(&ss->free_mask, hm_load_relaxed(&ss->free_mask) | take);
	hm_store_relaxed(&ss->zero_mask, hm_load_relaxed(&ss->zero_mask) | done);
	ss->purged_mask |= done;
	count_dirty(ss, dirty & ~done, 0);
	enqueue(ss);
	return hm_popcount32(done & there);
}

/* One with huge pages would lose them for a few of its slabs. */
static bool is_worth_it(const struct hm_superslab *ss)
{
	return !hm_superslab_is_huge(ss) ||
	       hm_popcount32(hm_load_relaxed(&ss->free_mask)) >= HM_SLABS / 2;
}

static struct hm_superslab *from_dirty(struct hm_list *n)
{
	return hm_container(n, struct hm_superslab, dirty_node);
}

/* Of the few into which nothing was released for longest; NULL when nothing is dirty. */
static struct hm_superslab *oldest_dirty(void)
{
	struct hm_list *n = pool.dirty.prev;

	for (unsigned i = 0; i < 8 && n != &pool.dirty; i++, n = n->prev)
		if (is_worth_it(from_dirty(n)))
			return from_dirty(n);
	return hm_list_empty(&pool.dirty) ? NULL : from_dirty(pool.dirty.prev);
}

static bool is_expired(const struct hm_superslab *ss, uint64_t delay)
{
	return pool.now >= ss->dirtied + delay;
}

/* One of the oldest, when so many ms have passed since it was dirtied. Slabs. */
static unsigned purge_older(uint64_t delay, enum hm_purge_reason why)
{
	struct hm_superslab *ss;
	unsigned n;

	if (hm_list_empty(&pool.dirty) || !is_expired(from_dirty(pool.dirty.prev), delay))
		return 0;
	ss = oldest_dirty();
	n = is_expired(ss, delay) ? purge_superslab(ss) : 0;
	hm_purge_count(why, n * HM_SLAB_SIZE);
	return n;
}

/* What one call does at most: slabs, and system calls or so. */
#define PURGE_SLABS 64
#define PURGE_TIMES 16

/*
 * Dirty memory stays within its bound: from above it, down to three quarters. A
 * release adds 31 slabs at most and this takes 64, or 16 times some, so that it
 * holds when the frees stop and nobody calls any more.
 */
static void limit_dirty(void)
{
	size_t limit = hm_ace_dirty_max(hm_in_use_lately());
	unsigned slabs = 0, n = 1;

	if (hm_figures.slabs_dirty <= limit) {
		(void)purge_older(hm_options.purge_delay, HM_PURGE_DELAY);
		return;
	}
	/* Where the system refuses (locked memory) it will do so again. */
	for (unsigned i = 0; i < PURGE_TIMES && slabs < PURGE_SLABS && n > 0; i++) {
		struct hm_superslab *ss = oldest_dirty();

		if (ss == NULL || hm_figures.slabs_dirty <= limit - limit / 4)
			return;
		n = purge_superslab(ss);
		hm_purge_count(HM_PURGE_BOUND, n * HM_SLAB_SIZE);
		slabs += n;
	}
}

void hm_pool_release(struct hm_slab *s)
{
	struct hm_superslab *ss = hm_superslab_of(s);
	unsigned n = hm_classes[s->cls].slabs;
	uint32_t bits = hm_mask_span(hm_slab_number(s), n), holed;

	hm_assert(hm_slab_used(s) == 0 && !hm_remote_pending(s));
	hm_probe3(slab_give, hm_slab_start(s), s->cls, n);
	holed = hm_hole_forget(s) << hm_slab_number(s);
	hm_store_relaxed(&s->binder, NULL);
	hm_slab_set_owner(s, NULL);

	lock_pool();
	hm_check((hm_load_relaxed(&ss->free_mask) & bits) == 0);
	unqueue(ss);
	hm_store_relaxed(&ss->free_mask, hm_load_relaxed(&ss->free_mask) | bits);
	ss->purged_mask |= holed;
	count_dirty(ss, bits, 0);
	enqueue(ss);
	if (pool.released++ % 16 == 0)
		pool.now = hm_os_now_ms();
	ss->dirtied = pool.now;
	hm_in_use_add(-(size_t)n);
	limit_dirty();
	unlock_pool();
	hm_dirty_note();
}

static void purge_one(struct hm_superslab *ss, void *arg)
{
	size_t *bytes = arg;

	lock_pool();
	*bytes += purge_superslab(ss) * HM_SLAB_SIZE;
	unlock_pool();
}

size_t hm_pool_purge_all(void)
{
	size_t bytes = 0;

	hm_pool_each(purge_one, &bytes);
	return bytes;
}

size_t hm_pool_purge_older(uint64_t delay, enum hm_purge_reason why)
{
	size_t slabs = 0;
	unsigned n;

	lock_pool();
	pool.now = hm_os_now_ms();
	while (slabs < PURGE_SLABS && (n = purge_older(delay, why)) > 0)
		slabs += n;
	unlock_pool();
	return slabs * HM_SLAB_SIZE;
}

size_t hm_pool_prewarm(size_t n)
{
	size_t done = 0;

	for (; done < n; done++) {
		struct hm_superslab *ss = hm_superslab_map_populated();

		if (ss == NULL)
			break;
		lock_pool();
		add(ss);
		unlock_pool();
	}
	return done;
}

/* The empty superslab that was used longest ago, taken out of the pool; NULL: none. */
static struct hm_superslab *take_empty(void)
{
	struct hm_list *l = hm_list_empty(&pool.cold) ? &pool.warm : &pool.cold;
	struct hm_superslab *ss;
	uint32_t dirty;

	if (hm_list_empty(l))
		return NULL;
	ss = from_node(l->prev);
	unqueue(ss);
	dirty = hm_superslab_dirty(ss);
	hm_store_relaxed(&ss->free_mask, 0);
	count_dirty(ss, 0, dirty);
	pool.nr_all--;
	return ss;
}

size_t hm_pool_unmap_empty(void)
{
	struct hm_superslab *ss;
	size_t bytes = 0;
	bool done = true;

	lock_pool();
	while (done && (ss = take_empty()) != NULL) {
		unlock_pool();
		done = hm_superslab_unmap(ss);
		lock_pool();
		if (done)
			bytes += HM_SUPERSLAB_SIZE;
		else
			add(ss);
	}
	unlock_pool();
	return bytes;
}

size_t hm_pool_bytes_dirty(void)
{
	return hm_load_relaxed(&hm_figures.slabs_dirty) * HM_SLAB_SIZE;
}

void hm_pool_get_counts(struct hm_pool_counts *out)
{
	lock_pool();
	out->superslabs = pool.nr_all;
	out->empty = pool.nr_warm + pool.nr_cold;
	out->purged = pool.nr_cold;
	out->in_use = hm_in_use_slabs();
	out->dirty = hm_figures.slabs_dirty;
	out->lately = hm_in_use_lately();
	out->acquired = pool.acquired;
	out->released = pool.released;
	unlock_pool();
}

void hm_pool_each(void (*f)(struct hm_superslab *ss, void *arg), void *arg)
{
	struct hm_list *n;

	lock_pool();
	n = pool.all.next;
	unlock_pool();
	/* The list only grows, at its end. */
	while (n != &pool.all) {
		struct hm_superslab *ss = hm_container(n, struct hm_superslab, all_node);

		if (hm_load_acquire(&ss->kind) == HM_REG_SUPERSLAB)
			f(ss, arg);
		lock_pool();
		n = n->next;
		unlock_pool();
	}
}

void hm_pool_fork_take(void)
{
	lock_pool();
}

void hm_pool_fork_release(bool child)
{
	if (child) /* starts small: what its parent filled says nothing about it */
		pool.inherited = pool.nr_all - pool.nr_warm - pool.nr_cold;
	(child ? hm_lock_reset : hm_lock_release)(&pool.lock);
}
