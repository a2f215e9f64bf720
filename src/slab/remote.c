/*
 * remote.c - push, take, claim, sleep: the transitions of the remote head.
 *
 * owns: nothing beyond remote.h; every transition is one compare-and-swap or
 * exchange, so a stopped thread (or a fork's vanished one) leaves it whole.
 * called from: heap/remote_free.c, heap/refill.c, heap/release.c, pool/waiting.c.
 */
#include "base/base.h"

#include "slab/remote.h"

#include "base/assert.h"

static uint32_t encode(const struct hm_remote *r, struct hm_base b, bool tiny)
{
	return (uint32_t)((size_t)((char *)hm_to_user(b, tiny).p - r->start) / HM_ALIGN) + 1;
}

static struct hm_base decode(const struct hm_remote *r, uint32_t word, bool tiny)
{
	uint32_t units = word & HM_REMOTE_LIST_MASK;

	if (units == 0)
		return (struct hm_base){ NULL };
	return hm_to_base((struct hm_user){ r->start + (size_t)(units - 1) * HM_ALIGN }, tiny);
}

/*
 * Owner: puts the taken list on the free list; `used` must have been set to
 * count its blocks. The list is walked only when there is another one to join.
 */
static void splice(struct hm_slab *s, struct hm_base list, uint32_t n, bool tiny)
{
	struct hm_base tail = list;

	if (s->free.p != NULL) {
		while (hm_link_get(tail, tiny).p != NULL)
			tail = hm_link_get(tail, tiny);
		hm_link_set(tail, tiny, s->free);
	}
	s->free = list;
	hm_slab_add_used(s, -(int32_t)n);
}

/* Claimed from not owned: what the old word says was out and what came back. */
static void drain_claimed(struct hm_slab *s, uint32_t old)
{
	bool tiny = hm_class_is_tiny(s->cls);
	struct hm_base list = decode(hm_remote_of(s), old, tiny);

	if (list.p != NULL)
		splice(s, list, hm_slab_used(s) - hm_remote_count(old), tiny);
}

enum hm_push hm_remote_push(struct hm_slab *s, struct hm_base first, struct hm_base last,
			    uint32_t n)
{
	struct hm_remote *r = hm_remote_of(s);
	unsigned cls = s->cls;
	bool tiny = hm_class_is_tiny(cls);
	uint32_t wake = (uint32_t)hm_classes[cls].capacity - hm_classes[cls].wake;
	uint32_t list = encode(r, first, tiny);
	uint32_t old = hm_load_relaxed(&r->word), new, out, left;

	do {
		hm_link_set(last, tiny, decode(r, old, tiny));
		new = (old & ~HM_REMOTE_LIST_MASK) | list;
		if (old & HM_REMOTE_OWNED)
			new += n * HM_REMOTE_COUNT_ONE;
		else if (old & HM_REMOTE_WAITING)
			new -= n * HM_REMOTE_COUNT_ONE;
		else
			new = HM_REMOTE_OWNED;
	} while (!hm_cas_weak_acq_rel(&r->word, &old, new));

	if (old & HM_REMOTE_OWNED)
		return HM_PUSH_OWNED;
	out = hm_remote_count(old);
	left = out - n;
	if (old & HM_REMOTE_WAITING) {
		if (left == 0)
			return HM_PUSH_LAST;
		return out > wake && left <= wake ? HM_PUSH_WAKE : HM_PUSH_DONE;
	}
	/* Dormant, and the claim won: a dormant slab's list is empty, the chain is all of it. */
	hm_assert((old & HM_REMOTE_LIST_MASK) == 0);
	s->free = first;
	hm_store_relaxed(&s->used, left);
	return HM_PUSH_CLAIMED;
}

bool hm_remote_pending(struct hm_slab *s)
{
	return (hm_load_relaxed(&hm_remote_of(s)->word) & HM_REMOTE_LIST_MASK) != 0;
}

uint32_t hm_remote_take(struct hm_slab *s)
{
	struct hm_remote *r = hm_remote_of(s);
	bool tiny = hm_class_is_tiny(s->cls);
	uint32_t old, n;

	if (!hm_remote_pending(s))
		return 0;
	old = hm_swap_acq_rel(&r->word, HM_REMOTE_OWNED);
	hm_assert(old & HM_REMOTE_OWNED);
	n = hm_remote_count(old);
	splice(s, decode(hm_remote_of(s), old, tiny), n, tiny);
	return n;
}

bool hm_remote_claim_dormant(struct hm_slab *s)
{
	struct hm_remote *r = hm_remote_of(s);
	uint32_t old = hm_load_relaxed(&r->word);

	if (old & (HM_REMOTE_OWNED | HM_REMOTE_WAITING))
		return false;
	if (!hm_cas_acq_rel(&r->word, &old, HM_REMOTE_OWNED))
		return false;
	drain_claimed(s, old);
	return true;
}

bool hm_remote_sleep(struct hm_slab *s)
{
	uint32_t owned = HM_REMOTE_OWNED;

	hm_assert(s->free.p == NULL && hm_slab_used(s) == s->capacity);
	return hm_cas_acq_rel(&hm_remote_of(s)->word, &owned,
			      hm_slab_used(s) * HM_REMOTE_COUNT_ONE);
}

bool hm_remote_wait(struct hm_slab *s)
{
	uint32_t owned = HM_REMOTE_OWNED;

	hm_assert(hm_slab_used(s) > 0);
	return hm_cas_acq_rel(&hm_remote_of(s)->word, &owned,
			      HM_REMOTE_WAITING | hm_slab_used(s) * HM_REMOTE_COUNT_ONE);
}

void hm_remote_claim_waiting(struct hm_slab *s)
{
	struct hm_remote *r = hm_remote_of(s);
	uint32_t old = hm_load_relaxed(&r->word), new;

	do {
		hm_assert((old & HM_REMOTE_WAITING) && !(old & HM_REMOTE_OWNED));
		new = HM_REMOTE_OWNED | (old & HM_REMOTE_LIST_MASK) |
		      (hm_slab_used(s) - hm_remote_count(old)) * HM_REMOTE_COUNT_ONE;
	} while (!hm_cas_weak_acq_rel(&r->word, &old, new));
}
