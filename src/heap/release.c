/*
 * release.c - blocks leave the thread's lists for their slabs, slabs leave the
 * thread.
 *
 * owns: nothing; works on the calling thread's heap.
 * Two lists a class: when the budget of frees is spent, the front becomes the
 * back and the old back is spilled, so that what was freed last stays. malloc
 * does not count; a malloc-free pair in a loop never spills.
 * called from: the fast path of free (budget), thread exit, purge.
 */
#include "base/base.h"

#include "heap/heap.h"

#include "base/assert.h"
#include "base/probe.h"
#include "heap/budget.h"
#include "heap/cache.h"
#include "heap/profile.h"
#include "heap/thread.h"
#include "policy/ace.h"
#include "pool/in_use.h"
#include "pool/pool.h"
#include "pool/waiting.h"
#include "slab/hole.h"

/* No call works on more blocks than this. */
#define SPILL_MAX 256
/* Budgets in a row that a program may end on the same block without a closer look. */
#define REARM_MAX 16

void hm_release_set_owner(struct hm_heap *h, struct hm_slab *s)
{
	/* A sampled block is nobody's: each free of one is a miss. */
	if (hm_load_relaxed(&s->owner) != h && h != &hm_sampled_heap)
		hm_slab_set_owner(s, h);
}

/* Out of the partial list and of this heap. */
static void drop_partial(struct hm_bin *bin, struct hm_slab *s)
{
	hm_list_remove(&s->node);
	bin->nr_partial--;
}

/* Past the mark: worth refilling from before the others. */
static bool is_awake(const struct hm_slab *s)
{
	return hm_slab_used(s) + hm_classes[s->cls].wake <= hm_classes[s->cls].capacity;
}

void hm_release_bind(struct hm_heap *h, struct hm_slab *s)
{
	struct hm_bin *bin = &h->bins[s->cls];

	hm_store_relaxed(&s->binder, h);
	hm_release_set_owner(h, s);
	if (is_awake(s))
		hm_list_add_head(&bin->partial, &s->node);
	else
		hm_list_add_tail(&bin->partial, &s->node);
	bin->nr_partial++;
	bin->recycled = true;
	hm_count_add(&h->adopted, 1);
}

/* Others may use what this heap has too much of: the least useful of the partial slabs. */
static void limit_partial(struct hm_heap *h, struct hm_bin *bin)
{
	struct hm_slab *s;
	size_t bytes;

	if (h->alone || bin->nr_partial <= hm_ace_partial_max(hm_heaps_in_use()))
		return;
	s = hm_container(bin->partial.prev, struct hm_slab, node);
	bytes = (s->carved - hm_slab_used(s)) * (size_t)hm_classes[s->cls].stride;
	drop_partial(bin, s);
	hm_count_add(&h->given_up, 1);
	hm_waiting_give_up(s);
	hm_freed_less(h, bytes);
	hm_given_more(h, bytes);
}

/* After a block came back to a bound slab: used is at a mark. */
static hm_noinline void at_mark(struct hm_heap *h, struct hm_slab *s)
{
	struct hm_bin *bin = &h->bins[s->cls];

	if (hm_slab_used(s) == 0) {
		/* The bin's own one, too: another class may need the memory more. */
		if (s == bin->bound) {
			bin->bound = NULL;
			hm_refill_bump_is_over(bin, s->cls);
		} else {
			drop_partial(bin, s);
		}
		hm_freed_less(h, s->carved * (size_t)hm_classes[s->cls].stride);
		hm_pool_release(s);
	} else if (s != bin->bound) {
		hm_list_remove(&s->node);
		hm_list_add_head(&bin->partial, &s->node);
	}
}

/*
 * The slab is bound to this heap: the block goes on its free list. One block at
 * a time, so the marks are met exactly; hm_release_bind looks at them too.
 * False: at a mark the slab may have left.
 */
hm_inline bool release_bound(struct hm_heap *h, struct hm_slab *s, struct hm_base b, unsigned cls,
			     uint32_t awake)
{
	uint32_t used = hm_slab_used(s) - 1;

	hm_link_set(b, hm_class_is_tiny(cls), s->free);
	s->free = b;
	hm_store_relaxed(&s->used, used);
	if (hm_likely(used != 0 && used != awake))
		return true;
	at_mark(h, s);
	return false;
}

static uint32_t awake_mark(unsigned cls)
{
	return (uint32_t)hm_classes[cls].capacity - hm_classes[cls].wake;
}

/* A block of a slab that is not bound to this heap. */
static hm_noinline void release_other(struct hm_heap *h, struct hm_slab *s, struct hm_base b,
				      unsigned cls)
{
	struct hm_bin *bin = &h->bins[cls];

	if (!hm_remote_claim_dormant(s)) {
		hm_remote_free(h, s, b);
		return;
	}
	/* The adopt boundary: claimed, the claim won, drained; now bound. */
	hm_release_bind(h, s);
	(void)release_bound(h, s, b, cls, awake_mark(cls));
	limit_partial(h, bin);
}

/* The slab's line by the heap's hint, p's slot there, else by the registry. */
static struct hm_slab *slab_of(const struct hm_heap *h, const void *p, size_t slot)
{
	if (hm_likely(slot < h->hint_slots))
		return (struct hm_slab *)(void *)(h->hint_table + (slot << HM_META_SHIFT));
	return hm_slab_at(p);
}

/* spill_list for a class of which it is known whether it is tiny: those have spans of one slab. */
hm_inline struct hm_base spill_some(struct hm_heap *h, struct hm_base b, unsigned cls, unsigned max,
				    bool tiny)
{
	struct hm_bin *bin = &h->bins[cls];
	uint32_t awake = awake_mark(cls);
	struct hm_slab *s = NULL;
	size_t last = SIZE_MAX; /* the slot for which s was looked up and is bound to this heap */

	unsigned left = max;

	bin->recycled = true;
	h->freed += max * (size_t)hm_classes[cls].stride; /* some may go with their slab */
	while (b.p != NULL && left > 0) {
		struct hm_base next = hm_link_get(b, tiny);
		char *p = hm_to_user(b, tiny).p;
		size_t slot = ((uintptr_t)p ^ h->hint) >> HM_SLAB_SHIFT;

		left--;
		if (slot != last) {
			s = slab_of(h, p, slot);
			if (!tiny)
				s = hm_slab_head(s);
			last = slot;
			if (hm_unlikely(hm_load_relaxed(&s->binder) != h)) {
				release_other(h, s, b, cls);
				last = SIZE_MAX;
				b = next;
				continue;
			}
		}
		if (!release_bound(h, s, b, cls, awake))
			last = SIZE_MAX;
		b = next;
	}
	hm_freed_less(h, left * (size_t)hm_classes[cls].stride);
	h->turned += (max - left) * (size_t)hm_classes[cls].stride;
	return b;
}

/* Up to max blocks of a list go home; what remains is returned. */
static struct hm_base spill_list(struct hm_heap *h, struct hm_base b, unsigned cls, unsigned max)
{
	if (hm_class_is_tiny(cls))
		return spill_some(h, b, cls, max, true);
	return spill_some(h, b, cls, max, false);
}

/* The length of a list, counted no further than n + 1. */
static unsigned length_to(struct hm_base b, unsigned cls, unsigned n)
{
	bool tiny = hm_class_is_tiny(cls);
	unsigned i = 0;

	/* By fours: a spill walks a whole budget here. */
	for (; i + 4 <= n; i += 4) {
		for (unsigned k = 0; k < 4; k++) {
			if (b.p == NULL)
				return i + k;
			b = hm_link_get(b, tiny);
		}
	}
	for (; b.p != NULL && i <= n; b = hm_link_get(b, tiny))
		i++;
	return i;
}

void hm_release_class(struct hm_heap *h, unsigned cls)
{
	struct hm_base front = h->sll[cls].head, back = h->bins[cls].back;

	h->sll[cls].head.p = NULL;
	h->bins[cls].back.p = NULL;
	h->sll[cls].budget = hm_budget_countdown(h->bins[cls].budget);
	while (front.p != NULL)
		front = spill_list(h, front, cls, SPILL_MAX);
	while (back.p != NULL)
		back = spill_list(h, back, cls, SPILL_MAX);
}

/*
 * Free blocks with a span each are kept of one class at a time: a vector that
 * grows would leave one of each size behind.
 */
static void keep_one(struct hm_heap *h, unsigned cls)
{
	if (h->kept_one == cls)
		return;
	if (h->kept_one != 0)
		hm_release_class(h, h->kept_one);
	h->kept_one = (uint8_t)cls;
}

/* Some of one of the class's lists goes home; the heap's holes may be due. */
static void spill_part(struct hm_heap *h, struct hm_base *list, unsigned cls)
{
	hm_count_add(&h->spills, 1);
	hm_count_add(&h->counts[cls].spills, 1);
	hm_probe3(spill, h, cls, hm_classes[cls].stride);
	hm_budget_spilled(h, cls);
	*list = spill_list(h, *list, cls, SPILL_MAX);
	if (hm_unlikely(h->freed >= h->freed_max || h->turned >= h->turned_max))
		hm_holes_look(h);
}

/*
 * Is the front longer than a budget, so that the back may go home? Where it is shorter the look
 * was for nothing, and the budget grows. Once a part of the back has gone, and nothing was asked of
 * it since, some of the front are enough: a walk of thousands of links for each part was most of
 * the cost.
 */
static bool is_longer(struct hm_heap *h, unsigned cls)
{
	struct hm_bin *bin = &h->bins[cls];
	unsigned least = bin->budget, n;

	if (hm_classes[cls].capacity == 1)
		return true;
	if ((bin->rests & HM_RESTS_BACK) != 0 && least > SPILL_MAX / 8)
		least = SPILL_MAX / 8;
	n = length_to(h->sll[cls].head, cls, least);
	if (n < least)
		hm_budget_grow(h, cls);
	if (n <= least)
		bin->rests &= (uint8_t)~HM_RESTS_BACK;
	return n > least;
}

void hm_release_spill(struct hm_heap *h, unsigned cls)
{
	struct hm_sll *sll = &h->sll[cls];
	struct hm_bin *bin = &h->bins[cls];
	unsigned budget = bin->budget;

	sll->budget = hm_budget_countdown(budget);
	bin->rests &= (uint8_t)~HM_RESTS_SWEEP;
	hm_budget_touch(h, cls);
	if (budget == 0) {
		spill_part(h, &sll->head, cls);
		return;
	}
	if (hm_classes[cls].capacity == 1)
		keep_one(h, cls);
	/* The same block first as last time: mallocs and frees in pairs, no growth. */
	if (sll->head.p == bin->mark.p && bin->rearmed++ < REARM_MAX) {
		hm_budget_grow(h, cls);
		return;
	}
	bin->rearmed = 0;
	bin->mark = sll->head;
	if (bin->back.p != NULL) {
		if (!is_longer(h, cls))
			return;
		spill_part(h, &bin->back, cls);
		if (bin->back.p != NULL) {
			bin->rests |= HM_RESTS_BACK;
			/* Two leave for each that comes. */
			if (budget > SPILL_MAX / 2)
				sll->budget = SPILL_MAX / 2 - 1;
			return;
		}
	}
	bin->rests &= (uint8_t)~HM_RESTS_BACK;
	bin->back = sll->head;
	sll->head.p = NULL;
	bin->recycled = true;
}

void hm_free_spent(struct hm_heap *h, size_t offset)
{
	hm_release_spill(h, (unsigned)(offset / sizeof(struct hm_sll)));
}

/* Fresh memory that was not handed out is as if it had never been carved, or a hole. */
static void uncarve(struct hm_bin *bin, unsigned cls)
{
	struct hm_slab *s = bin->bound;

	if (bin->bump_left > 0 && hm_hole_any(s)) {
		hm_hole_shelve(s, bin->bump_left);
	} else if (bin->bump_left > 0) {
		s->carved = (uint16_t)(s->carved - bin->bump_left);
		hm_slab_add_used(s, -(int32_t)bin->bump_left);
	}
	bin->bump_left = 0;
	hm_refill_bump_is_over(bin, cls);
}

/* A partial slab that nothing is out of has gone already. */
static void give_up_unused(struct hm_bin *bin)
{
	struct hm_slab *s = bin->bound;

	if (s == NULL || hm_slab_used(s) > 0)
		return;
	bin->bound = NULL;
	hm_pool_release(s);
}

static void give_up_class(struct hm_heap *h, unsigned cls)
{
	struct hm_bin *bin = &h->bins[cls];

	/* A thread uses few classes, and ends soon. */
	if (bin->bound == NULL && bin->bump == NULL && hm_list_empty(&bin->partial)) {
		if (!h->alone)
			bin->recycled = false;
		return;
	}
	uncarve(bin, cls);
	if (h->alone) {
		give_up_unused(bin);
		return;
	}
	while (!hm_list_empty(&bin->partial)) {
		struct hm_slab *s = hm_container(bin->partial.next, struct hm_slab, node);

		drop_partial(bin, s);
		hm_waiting_give_up(s);
	}
	if (bin->bound != NULL) {
		struct hm_slab *s = bin->bound;

		bin->bound = NULL;
		hm_waiting_give_up(s);
	}
	bin->recycled = false;
}

void hm_release_lists(struct hm_heap *h)
{
	for (unsigned cls = 0; cls < HM_CLASSES; cls++)
		if (h->sll[cls].head.p != NULL || h->bins[cls].back.p != NULL)
			hm_release_class(h, cls);
		else
			h->sll[cls].budget = hm_budget_countdown(h->bins[cls].budget);
}

void hm_release_unused(struct hm_heap *h)
{
	for (unsigned cls = 0; cls < HM_CLASSES; cls++) {
		struct hm_bin *bin = &h->bins[cls];

		if (bin->bound == NULL || hm_slab_used(bin->bound) > bin->bump_left)
			continue;
		uncarve(bin, cls);
		give_up_unused(bin);
	}
}

void hm_release_caches(struct hm_heap *h)
{
	hm_release_lists(h);
	hm_remote_flush(h);
	for (unsigned cls = 0; cls < HM_CLASSES; cls++)
		give_up_class(h, cls);
	/* What was in this heap's slabs waits now. */
	hm_given_more(h, h->freed);
	hm_freed_less(h, h->freed);
	hm_in_use_add_slack(-h->told);
	h->told = 0;
}

void hm_release_all(struct hm_heap *h)
{
	hm_release_caches(h);
	h->hint_slots = 0;
}
