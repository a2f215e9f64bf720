/*
 * collect.c - adding up what is counted in slabs, heaps, the pool and the kernel.
 *
 * owns: nothing.
 * called from: report/stats.h's users.
 * Blocks in use are counted from the slabs: what left a slab's free list, less what is waiting
 * for a malloc: each heap's fresh memory, lists and batches.
 */
#include "base/base.h"
#include "report/stats.h"

#include "base/atomic.h"
#include "base/bits.h"
#include "heap/checked.h"
#include "heap/profile.h"
#include "heap/room.h"
#include "heap/thread.h"
#include "policy/ace.h"
#include "policy/sizeclass.h"
#include "pool/pool.h"
#include "pool/waiting.h"
#include "report/held.h"
#include "slab/remote.h"
#include "slab/slab.h"
#include "space/superslab.h"

/* Plain words of other threads are read here, on purpose: a figure may be a moment old. */
#define RACY __attribute__((no_sanitize("thread")))

RACY static void count_span(struct hm_stats_class *c, struct hm_slab *s)
{
	size_t live = hm_remote_blocks_out(s), capacity = s->capacity;

	if (live > capacity)
		live = capacity;
	c->live += live;
	c->free += capacity - live;
	c->spans++;
	for (unsigned i = 0; i < hm_classes[s->cls].slabs; i++)
		c->hole_bytes += hm_popcount32(hm_remote_of(s + i)->holes) * hm_os_page_size();
}

static enum hm_fill fill_of(unsigned in_use)
{
	if (in_use == 0)
		return HM_FILL_NONE;
	return in_use == HM_SLABS ? HM_FILL_32 : (enum hm_fill)(HM_FILL_8 + (in_use - 1) / 8);
}

RACY static void count_superslab(struct hm_superslab *ss, void *arg)
{
	struct hm_stats *st = arg;
	uint32_t free_mask = hm_load_relaxed(&ss->free_mask);
	uint32_t zero_mask = hm_load_relaxed(&ss->zero_mask);

	st->superslabs++;
	st->huge_superslabs += hm_superslab_is_huge(ss);
	st->fills[fill_of(HM_SLABS - hm_popcount32(free_mask))]++;
	st->free_slabs += hm_popcount32(free_mask);
	st->dirty_slabs += hm_popcount32(free_mask & ~zero_mask);
	for (unsigned i = 0; i < HM_SLABS; i++) {
		struct hm_slab *s = hm_slab_of_superslab(ss, i);

		if (!(free_mask >> i & 1) && s->lead == 0 && s->cls < HM_CLASSES)
			count_span(&st->classes[s->cls], s);
	}
}

/* n blocks that seemed to be in use are not. Returns how many. */
static size_t move_to_free(struct hm_stats_class *c, size_t n)
{
	if (n > c->live)
		n = c->live;
	c->live -= n;
	c->free += n;
	return n;
}

static void move_to_cached(struct hm_stats *st, unsigned cls, size_t n)
{
	st->classes[cls].cached += move_to_free(&st->classes[cls], n);
}

/* Of a batch that another thread fills or sends meanwhile. HM_CLASSES: it is empty. */
RACY static unsigned batch_of(const struct hm_heap *h, unsigned i, size_t *n)
{
	const struct hm_slab *s = h->batches[i].slab;

	*n = h->batches[i].count;
	return s == NULL || s->cls >= HM_CLASSES ? HM_CLASSES : s->cls;
}

static void add_work(struct hm_stats_work *w, const struct hm_heap *h)
{
	w->refills += hm_load_relaxed(&h->refills);
	w->spills += hm_load_relaxed(&h->spills);
	w->remote_frees += hm_load_relaxed(&h->remote_frees);
	w->remote_pushes += hm_load_relaxed(&h->remote_pushes);
	w->adopted += hm_load_relaxed(&h->adopted);
	w->given_up += hm_load_relaxed(&h->given_up);
	w->looks += hm_load_relaxed(&h->looks);
	w->doubled += hm_load_relaxed(&h->doubled);
	w->sweeps += hm_load_relaxed(&h->sweeps);
	w->more_patient += hm_load_relaxed(&h->more_patient);
	w->less_patient += hm_load_relaxed(&h->less_patient);
}

RACY static void count_heap(struct hm_heap *h, void *arg)
{
	struct hm_stats *st = arg;
	/* Of the checked heap and that of sampled blocks the locks are held. */
	bool own = h == hm_tls_heap || h == &hm_checked_owner || h == &hm_sampled_heap;
	size_t n;

	st->heaps++;
	add_work(&st->work, h);
	for (unsigned i = 0; i < HM_CLASSES; i++) {
		struct hm_stats_class *c = &st->classes[i];

		c->refills += hm_load_relaxed(&h->counts[i].refills);
		c->spills += hm_load_relaxed(&h->counts[i].spills);
		c->fresh += move_to_free(c, h->bins[i].bump_left);
		move_to_cached(st, i, hm_held_on_lists(h, i, own));
	}
	for (unsigned i = 0; i < HM_BATCHES; i++) {
		unsigned cls = batch_of(h, i, &n);

		if (cls < HM_CLASSES)
			move_to_cached(st, cls, n);
	}
}

/* What waits in the quarantine of checked threads is as if on their lists. */
static void count_heaps(struct hm_stats *st)
{
	uint32_t held[HM_CLASSES] = { 0 };

	hm_checked_take(held);
	hm_profile_take();
	hm_heaps_each(count_heap, st);
	hm_profile_release();
	hm_checked_release();
	for (unsigned i = 0; i < HM_CLASSES; i++)
		move_to_cached(st, i, held[i]);
}

static void count_class(struct hm_stats *st, unsigned cls)
{
	struct hm_stats_class *c = &st->classes[cls];
	size_t usable = hm_class_usable(cls), slack = hm_checked_slack(cls);

	c->waiting = hm_waiting_count(cls);
	c->live_bytes = c->live * usable;
	c->live_bytes -= slack < c->live_bytes ? slack : c->live_bytes;
	st->live_blocks += c->live;
	st->live_bytes += c->live_bytes;
	st->free_blocks += c->free;
	st->free_bytes += c->free * usable;
	st->cached_blocks += c->cached;
	st->cached_bytes += c->cached * usable;
	st->fresh_blocks += c->fresh;
	st->fresh_bytes += c->fresh * usable;
	st->hole_bytes += c->hole_bytes;
	st->waiting += c->waiting;
}

void hm_stats_collect(struct hm_stats *out)
{
	memset(out, 0, sizeof *out);
	hm_pool_each(count_superslab, out);
	count_heaps(out);
	for (unsigned i = 0; i < HM_CLASSES; i++)
		count_class(out, i);
	out->superslab_bytes = out->superslabs * HM_SUPERSLAB_SIZE;
	out->threads = hm_heaps_in_use();
	hm_large_get_counts(&out->large);
	out->resident = hm_room_resident();
	hm_limit_get_counts(&out->limit);
	hm_failure_get_counts(&out->failures);
	hm_purge_get_counts(&out->purges);
	hm_os_get_faults(&out->faults);
}

struct each {
	void (*f)(const struct hm_stats_heap *h, void *arg);
	void *arg;
};

/* Those that threads share when they have none, of checked ones, of samples: no thread's. */
RACY static const char *state_of(const struct hm_heap *h)
{
	if (h == &hm_checked_owner)
		return "checked";
	if (h == &hm_sampled_heap)
		return "sampled";
	if (!h->in_use)
		return "unused";
	return h->tls == NULL ? "shared" : "thread";
}

RACY static void show_heap(struct hm_heap *h, void *arg)
{
	const struct each *each = arg;
	struct hm_stats_heap s = { .number = h->number, .state = state_of(h) };
	bool own = h == hm_tls_heap;
	size_t n;

	s.budgets = h->budgets;
	s.budget_max = hm_ace_cache_max(hm_heaps_in_use());
	s.patience = h->patience;
	s.hole_bytes = hm_load_relaxed(&h->holed);
	add_work(&s.work, h);
	for (unsigned i = 0; i < HM_CLASSES; i++) {
		n = hm_held_on_lists(h, i, own);
		s.blocks += n;
		s.bytes += n * hm_class_usable(i);
	}
	for (unsigned i = 0; i < HM_BATCHES; i++) {
		unsigned cls = batch_of(h, i, &n);

		if (cls < HM_CLASSES) {
			s.blocks += n;
			s.bytes += n * hm_class_usable(cls);
		}
	}
	each->f(&s, each->arg);
}

void hm_stats_each_heap(void (*f)(const struct hm_stats_heap *h, void *arg), void *arg)
{
	struct each each = { f, arg };

	hm_heaps_each(show_heap, &each);
}

const char *hm_stats_failure_name(enum hm_failure why)
{
	static const char *const names[HM_FAILURES] = {
		[HM_FAILURE_THRESHOLD] = "threshold",
		[HM_FAILURE_EXHAUSTION] = "exhaustion",
		[HM_FAILURE_MAP] = "map_fail",
	};

	return names[why];
}

const char *hm_stats_purge_name(enum hm_purge_reason why)
{
	static const char *const names[HM_PURGES] = {
		[HM_PURGE_BOUND] = "bound", [HM_PURGE_DELAY] = "delay",
		[HM_PURGE_HOLES] = "holes", [HM_PURGE_LEFT] = "left",
		[HM_PURGE_LIMIT] = "limit", [HM_PURGE_ASKED] = "asked",
		[HM_PURGE_IDLE] = "idle",   [HM_PURGE_REFUSED] = "refused",
	};

	return names[why];
}
