/*
 * cache.h - the fast paths: pop and push on the thread's singly linked lists.
 *
 * owns: nothing; works on the calling thread's heap. No stack frame, no call,
 * no lock, no atomic read-modify-write; every miss leaves by a tail call:
 *
 *   malloc -> [TLS SLL pop] -> hm_malloc_slow  second list or fresh memory
 *                                -> hm_refill  bound slab, partial slabs,
 *                                              waiting slabs, a new slab
 *   free   -> [hint, owner, SLL push] -> hm_free_slow   registry, remote, large
 *                                     -> hm_free_spent  the budget is spent
 *
 * The freed block goes on the list that malloc pops, so that the hottest block
 * is handed out next. instruction counts are pinned in tests/golden.
 * called from: api/alloc.c and api/override_libc.c.
 */
#ifndef HM_HEAP_CACHE_H
#define HM_HEAP_CACHE_H

#include "base/base.h"
#include "heap/heap.h"
#include "slab/slab.h"
#include "space/registry.h"

/* The misses. Those that allocate set errno (api/alloc.c). */
void *hm_malloc_slow(size_t n, struct hm_heap *h, size_t twice);
void *hm_malloc_big(size_t n); /* no tiny class holds it */
void *hm_calloc_slow(size_t n, struct hm_heap *h, size_t twice);
void *hm_calloc_big(size_t count, size_t size);
void hm_free_slow(void *p);
/* A block whose slab s, found by the fast path, is not this heap's. */
void hm_free_other(void *p, struct hm_slab *s);
void hm_free_spent(struct hm_heap *h, size_t offset);

/*
 * The table holds twice the class: a list is 16 bytes (two pointers), the largest scale of an index
 * is 8.
 */
hm_inline size_t hm_cache_lookup(struct hm_heap *h, size_t n)
{
	return hm_load_hint(uint8_t, &h->lookup[(n + HM_TINY_PAD) / HM_ALIGN]);
}

hm_inline struct hm_sll *hm_cache_sll(struct hm_heap *h, size_t twice)
{
	return (struct hm_sll *)(void *)((char *)h->sll + twice * (sizeof(struct hm_sll) / 2));
}

#define HM_POISON 0x5f
/* Bytes of a block that full guards poison: not megabytes at each free. */
#define HM_POISON_MAX 1024

hm_cold void hm_cache_check_poison(struct hm_base b, unsigned cls);
hm_cold void hm_cache_poison(struct hm_base b, unsigned cls);

/* A block leaves for its user: marks it live. `popped`: it was on a free list. */
hm_inline void *hm_cache_hand_out(struct hm_base b, unsigned cls, bool tiny, bool popped)
{
	struct hm_user u = hm_to_user(b, tiny);

	if (HM_GUARDS == 2) {
		if (popped)
			hm_cache_check_poison(b, cls);
		hm_canary_set(b, hm_classes[cls].stride, HM_CANARY_LIVE);
	}
	if (!HM_HEADERLESS && tiny)
		hm_tag_set(b, HM_TAG_LIVE(cls));
	if (hm_layout_has_key(tiny))
		*hm_key_at(u) = 0;
	return u.p;
}

/*
 * Is p, a user pointer into slab s, the start of a live block as far as can be
 * told in a few instructions? Does not change anything.
 */
hm_inline bool hm_cache_is_live(struct hm_slab *s, struct hm_user u, bool tiny)
{
	if (HM_GUARDS >= 1 && hm_unlikely(!hm_slab_is_block(s, u.p)))
		return false;
	if (!HM_HEADERLESS && tiny &&
	    hm_unlikely(hm_tag_get(hm_to_base(u, tiny)) != HM_TAG_LIVE(s->cls)))
		return false;
	if (hm_layout_has_key(tiny) && hm_unlikely(*hm_key_at(u) == hm_key_of(u)))
		return false;
	if (HM_GUARDS == 2 && hm_canary_get(hm_to_base(u, tiny), hm_classes[s->cls].stride) !=
				      HM_CANARY_LIVE)
		return false;
	return true;
}

/* A live block comes back: marks it free. */
hm_inline struct hm_base hm_cache_take_back(struct hm_slab *s, struct hm_user u, bool tiny)
{
	struct hm_base b = hm_to_base(u, tiny);

	if (HM_GUARDS == 2) {
		hm_canary_set(b, hm_classes[s->cls].stride, HM_CANARY_FREE);
		hm_cache_poison(b, s->cls);
	}
	if (!HM_HEADERLESS && tiny)
		hm_tag_set(b, HM_TAG_FREE);
	if (hm_layout_has_key(tiny))
		*hm_key_at(u) = hm_key_of(u);
	return b;
}

/*
 * Fresh memory of a bin, when it may be taken at once: the list is empty and
 * nothing is known to be recycled. The static heaps' bins never have any.
 */
hm_inline bool hm_cache_has_fresh(const struct hm_bin *bin)
{
	return bin->bump_left > 0 && !bin->recycled;
}

hm_inline void *hm_cache_fresh(struct hm_bin *bin, unsigned cls)
{
	bool tiny = hm_class_is_tiny(cls);
	struct hm_user u = { bin->bump };

	bin->bump += hm_classes[cls].stride;
	bin->bump_left--;
	/* Nothing is written into a page before its user comes, where it can be helped. */
	if (hm_layout_has_key(tiny) && bin->bump_zero)
		return u.p;
	return hm_cache_hand_out(hm_to_base(u, tiny), cls, tiny, false);
}

/* Takes the first block of a list that is not empty. */
hm_inline void *hm_cache_pop(struct hm_sll *sll, unsigned cls, bool tiny)
{
	struct hm_base b = sll->head;

	sll->head = hm_link_get(b, tiny);
	return hm_cache_hand_out(b, cls, tiny, true);
}

/*
 * Makes the compiler forget what it knows of v, at no instruction: an address
 * is then formed by each use's addressing mode, and not computed first.
 */
#define hm_forget(v) __asm__("" : "+r"(v))

hm_inline struct hm_sll *hm_cache_sll_at(struct hm_heap *h, size_t offset)
{
	return (struct hm_sll *)(void *)((char *)h + offset);
}

/* The checked block u of slab s becomes the first of its class's list. */
hm_inline void hm_cache_push(struct hm_heap *h, struct hm_slab *s, struct hm_user u, bool tiny)
{
	size_t offset = s->sll_offset;
	struct hm_base b = hm_cache_take_back(s, u, tiny);

	hm_link_set(b, tiny, hm_cache_sll_at(h, offset)->head);
	hm_forget(offset);
	hm_cache_sll_at(h, offset)->head = b;
	hm_forget(offset);
	if (hm_unlikely(hm_count_down(&hm_cache_sll_at(h, offset)->budget)))
		hm_free_spent(h, offset);
}

hm_inline void *hm_cache_malloc(size_t n)
{
	struct hm_heap *h = hm_tls_heap;
	struct hm_base b, next;
	size_t twice;

	if (hm_unlikely(n > HM_TINY_REQUEST_MAX))
		return hm_malloc_big(n);
	twice = hm_cache_lookup(h, n);
	b = hm_cache_sll(h, twice)->head;
	if (hm_unlikely(b.p == NULL))
		return hm_malloc_slow(n, h, twice);
	hm_forget(twice);
	next = hm_link_get(b, true);
	/* The next malloc of the class reads its link, and its user writes there. */
	__builtin_prefetch(next.p, 1);
	hm_cache_sll(h, twice)->head = next;
	return hm_cache_hand_out(b, (unsigned)twice / 2, true, true);
}

hm_inline void *hm_cache_calloc(size_t count, size_t size)
{
	struct hm_heap *h = hm_tls_heap;
	size_t n, twice;

	if (hm_unlikely(hm_mul_overflows(count, size, &n) || n > HM_TINY_REQUEST_MAX))
		return hm_calloc_big(count, size);
	twice = hm_cache_lookup(h, n);
	if (hm_unlikely(hm_cache_sll(h, twice)->head.p == NULL))
		return hm_calloc_slow(n, h, twice);
	return memset(hm_cache_pop(hm_cache_sll(h, twice), (unsigned)twice / 2, true), 0, n);
}

/* The slab's line of any p. False: not told by the hint box, or p is in no zone. */
hm_inline bool hm_cache_find(const struct hm_heap *h, const void *p, struct hm_slab **s)
{
	size_t slot = ((uintptr_t)p ^ h->hint) >> HM_SLAB_SHIFT;

	if (!HM_TLS_HINT) {
		*s = hm_slab_at(p);
		return hm_likely(*s != NULL);
	}
	if (hm_unlikely(slot >= h->hint_slots))
		return false;
	*s = (struct hm_slab *)(void *)(h->hint_table + (slot << HM_META_SHIFT));
	return true;
}

/*
 * A block of the class stays where it is when it is resized to n bytes: it fits,
 * and fills at least half, since a copy costs more; never for 0.
 */
hm_inline bool hm_cache_stays(unsigned cls, size_t n)
{
	size_t usable = hm_class_usable(cls);

	return n - 1 < usable && (n > usable / 2 || usable <= 4 * HM_ALIGN);
}

/* realloc: is p a live block of this thread's that stays? False: not, or not known here. */
hm_inline bool hm_cache_realloc_stays(void *p, size_t n)
{
	struct hm_heap *h = hm_tls_heap;
	struct hm_slab *s;

	return hm_cache_find(h, p, &s) && hm_likely(hm_slab_owner(s) == h) &&
	       hm_likely(hm_cache_is_live(s, (struct hm_user){ p }, hm_class_is_tiny(s->cls))) &&
	       hm_cache_stays(s->cls, n);
}

hm_inline void hm_cache_free(void *p)
{
	struct hm_heap *h = hm_tls_heap;
	struct hm_user u = { p };
	struct hm_slab *s;
	bool tiny;

	if (!hm_cache_find(h, p, &s)) {
		hm_free_slow(p);
		return;
	}
	/* Where no slab is in use the owner is NULL. */
	if (hm_unlikely(hm_slab_owner(s) != h)) {
		hm_free_other(p, s);
		return;
	}
	tiny = HM_HEADERLESS || hm_class_is_tiny(s->cls);
	if (hm_unlikely(!hm_cache_is_live(s, u, tiny))) {
		hm_free_slow(p);
		return;
	}
	hm_cache_push(h, s, u, tiny);
}

#endif
