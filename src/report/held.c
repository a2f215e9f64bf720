/*
 * held.c - walking the lists of other threads.
 *
 * owns: nothing.
 * called from: report/.
 * A list's block may be handed out while it is looked at: then its first word is the
 * program's. So each word is taken for the address of a block only if it is that of a free
 * block of the class in a slab in use, and the pool's lock keeps that slab's superslab mapped.
 */
#include "base/base.h"
#include "report/held.h"

#include "heap/cache.h"
#include "pool/pool.h"

/* Plain words of other threads are read here, on purpose: a figure may be a moment old. */
#define RACY __attribute__((no_sanitize("thread")))

/* Blocks that are looked at before the pool's lock is let go for a moment. */
#define STEP 256

/* Such a list is a cycle, or changes as fast as it is walked: threads do not keep so many. */
static size_t most(unsigned cls)
{
	return 4 * ((size_t)hm_classes[cls].capacity + hm_classes[cls].budget);
}

/* Can a free block be told from a live one? */
static bool is_told(bool tiny)
{
	return HM_GUARDS >= 1 || (!HM_HEADERLESS && tiny);
}

/* Under the pool's lock: is b, any word, a block of the class that is free and can be read? */
RACY static bool is_block(struct hm_base b, unsigned cls)
{
	bool tiny = hm_class_is_tiny(cls);
	struct hm_user u = hm_to_user(b, tiny);
	struct hm_slab *s;

	if (hm_registry_get(u.p) != HM_REG_SUPERSLAB)
		return false;
	s = hm_slab_at(u.p);
	/* What has an owner is in use. */
	if (hm_slab_owner(s) == NULL || s->cls != cls || !hm_slab_is_block(s, u.p))
		return false;
	return !is_told(tiny) || !hm_cache_is_live(s, u, tiny);
}

RACY static size_t length_of_other(struct hm_base b, unsigned cls)
{
	bool tiny = hm_class_is_tiny(cls);
	size_t n = 0, max = most(cls);
	bool more = b.p != NULL;

	while (more) {
		hm_pool_fork_take();
		for (unsigned i = 0; more && i < STEP; i++) {
			more = n < max && is_block(b, cls);
			if (!more)
				break;
			n++;
			b = hm_link_get(b, tiny);
			more = b.p != NULL;
		}
		hm_pool_fork_release(false);
	}
	return n;
}

static size_t length_of_own(struct hm_base b, bool tiny)
{
	size_t n = 0;

	for (; b.p != NULL; b = hm_link_get(b, tiny))
		n++;
	return n;
}

RACY size_t hm_held_on_lists(const struct hm_heap *h, unsigned cls, bool own)
{
	struct hm_base front = h->sll[cls].head, back = h->bins[cls].back;

	if (own) {
		bool tiny = hm_class_is_tiny(cls);

		return length_of_own(front, tiny) + length_of_own(back, tiny);
	}
	return length_of_other(front, cls) + length_of_other(back, cls);
}
