/*
 * refill.c - the TLS SLL is empty: where the next blocks come from.
 *
 * owns: nothing; works on the calling thread's heap.
 * Order: the second list; the free list of the bound slab, in one piece; the
 * partial slabs; fresh memory of the bound slab; a slab that waits for
 * adoption and has an eighth of its blocks free (the wake mark); a new slab; any
 * slab that waits. Recycled blocks come before fresh memory. What is below the
 * mark is left to grow: a slab adopted for a block or two is full again at once,
 * so its blocks are spread over threads, and each of their frees is remote.
 * called from: api/alloc.c and heap.c.
 */
#include "base/base.h"

#include "heap/heap.h"

#include "base/assert.h"
#include "base/probe.h"
#include "heap/budget.h"
#include "heap/cache.h"
#include "heap/profile.h"
#include "heap/room.h"
#include "pool/large.h"
#include "pool/in_use.h"
#include "pool/pool.h"
#include "pool/waiting.h"
#include "slab/hole.h"

/* The adopt boundary's second half: the caller has claimed s; it becomes h's bound slab. */
static void bind_bound(struct hm_heap *h, struct hm_bin *bin, struct hm_slab *s)
{
	hm_store_relaxed(&s->binder, h);
	hm_release_set_owner(h, s);
	bin->bound = s;
}

/* Of one of the slab's holes so many bytes are handed out again: who made it learns. */
static void hole_wanted(struct hm_heap *h, const struct hm_remote *r, size_t bytes)
{
	if (r->waited)
		hm_given_wanted(bytes);
	else if (r->rested)
		h->rest_wanted += bytes;
	else
		h->wanted += bytes;
}

/* All blocks of the slab that are free go on the list, which is empty. */
static bool detach(struct hm_heap *h, unsigned cls, struct hm_slab *s)
{
	/* What others freed, or was in a hole, was not counted. */
	uint32_t counted = s->carved - hm_slab_used(s);

	if (s->free.p == NULL && hm_remote_take(s) == 0) {
		uint32_t n = hm_hole_fill(s);

		if (n == 0)
			return false;
		hole_wanted(h, hm_remote_of(s), n * (size_t)hm_classes[cls].stride);
	}
	hm_assert(hm_slab_valid(s));
	hm_freed_less(h, counted * (size_t)hm_classes[cls].stride);
	h->sll[cls].head = hm_slab_detach(s);
	return true;
}

/*
 * The first partial slab: its blocks go on the list; all carved and now all
 * out, it sleeps, claimable by whoever frees into it. One with holes stays: it
 * has more to give.
 */
static bool detach_partial(struct hm_heap *h, unsigned cls, struct hm_bin *bin)
{
	struct hm_slab *s;

	if (hm_list_empty(&bin->partial))
		return false;
	s = hm_container(bin->partial.next, struct hm_slab, node);
	detach(h, cls, s);
	if (hm_hole_any(s))
		return true;
	hm_list_remove(&s->node);
	bin->nr_partial--;
	hm_waiting_give_up(s);
	return true;
}

void hm_refill_bump_is_over(struct hm_bin *bin, unsigned cls)
{
	if (bin->bump == NULL)
		return;
	if (hm_classes[cls].capacity > 1)
		hm_in_use_add_fresh(-(size_t)hm_classes[cls].slabs);
	bin->bump = NULL;
}

/* Fresh memory: what of the bound slab was never handed out, in one run. */
static bool carve(struct hm_bin *bin, bool zero)
{
	struct hm_slab *s = bin->bound;
	uint32_t n = s->capacity - s->carved;

	if (n == 0)
		return false;
	bin->bump = hm_slab_block(s, s->carved).p;
	bin->bump_left = n;
	bin->bump_zero = zero;
	if (hm_classes[s->cls].capacity > 1)
		hm_in_use_add_fresh(hm_classes[s->cls].slabs);
	s->carved = s->capacity;
	hm_slab_add_used(s, (int32_t)n);
	return true;
}

/* A waiting slab becomes the bound one; `any`: also one with a few free blocks only. */
static bool adopt(struct hm_heap *h, unsigned cls, struct hm_bin *bin, bool any)
{
	struct hm_slab *s = h->alone ? NULL : hm_waiting_take(cls, any);

	if (s == NULL)
		return false;
	hm_count_add(&h->adopted, 1);
	hm_given_less(h, (s->carved - hm_slab_used(s) + hm_remote_listed(s)) *
				 (size_t)hm_classes[cls].stride);
	bind_bound(h, bin, s);
	return true;
}

/* Fills the list or the fresh memory of a bin in which both are empty. */
static bool refill(struct hm_heap *h, unsigned cls, struct hm_bin *bin)
{
	struct hm_slab *s;
	bool zero;

	hm_count_add(&h->refills, 1);
	hm_count_add(&h->counts[cls].refills, 1);
	hm_probe3(refill, h, cls, hm_classes[cls].stride);
	hm_budget_refills(h, cls);
	if (bin->bump_left == 0)
		hm_refill_bump_is_over(bin, cls);
	for (;;) {
		s = bin->bound;
		if (s != NULL && detach(h, cls, s))
			return true;
		if (detach_partial(h, cls, bin))
			return true;
		bin->recycled = false;
		if (bin->bump_left > 0 || (s != NULL && carve(bin, false)))
			return true;
		if (s != NULL) {
			bin->bound = NULL;
			hm_waiting_give_up(s);
		}
		if (hm_waiting_count(cls) > 0)
			hm_given_asked(cls);
		if (adopt(h, cls, bin, false))
			continue;
		s = hm_room_acquire(h, cls, &zero);
		if (s == NULL && adopt(h, cls, bin, true))
			continue;
		if (s == NULL)
			return false;
		if (hm_remote_of(s)->again)
			h->wanted += hm_classes[cls].slabs * HM_SLAB_SIZE;
		hm_remote_of(s)->sampled = h == &hm_sampled_heap;
		s->sll_offset = (uint16_t)offsetof(struct hm_heap, sll[cls]);
		for (unsigned i = 1; i < hm_classes[cls].slabs; i++)
			s[i].sll_offset = s->sll_offset;
		bind_bound(h, bin, s);
		return carve(bin, zero);
	}
}

/*
 * When the OS or a limit refuses: all that other classes hold back goes home first. Too far over
 * the hard limit it comes to that at once, since pages come back to slabs in use, too.
 */
static bool refill_or_purge(struct hm_heap *h, unsigned cls, struct hm_bin *bin)
{
	if (!hm_room_is_exceeded(h) && hm_likely(refill(h, cls, bin)))
		return true;
	hm_room_make(h);
	return !hm_room_is_exceeded(h) && refill(h, cls, bin);
}

void *hm_refill_block(struct hm_heap *h, unsigned cls, bool *zero)
{
	struct hm_bin *bin = &h->bins[cls];
	struct hm_sll *sll = &h->sll[cls];

	for (;;) {
		if (sll->head.p == NULL && bin->back.p != NULL) {
			sll->head = bin->back;
			bin->back.p = NULL;
			hm_budget_takes_back(h, cls);
		}
		if (sll->head.p != NULL) {
			*zero = false;
			return hm_cache_pop(sll, cls, hm_class_is_tiny(cls));
		}
		if (hm_cache_has_fresh(bin)) {
			*zero = bin->bump_zero;
			return hm_cache_fresh(bin, cls);
		}
		if (!refill_or_purge(h, cls, bin))
			return NULL;
	}
}
