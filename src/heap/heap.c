/*
 * heap.c - the entries behind the faces: any size, any alignment, any pointer.
 *
 * owns: nothing; what a thread has is thread.c's, how lists are filled and
 * emptied refill.c's and release.c's.
 * called from: api/.
 */
#include "base/base.h"

#include "heap/heap.h"

#include "heap/background.h"
#include "heap/cache.h"
#include "heap/checked.h"
#include "heap/passthrough.h"
#include "heap/profile.h"
#include "heap/room.h"
#include "heap/wrong_use.h"
#include "policy/purge_count.h"
#include "pool/large.h"
#include "pool/pool.h"

static void *alloc_own(struct hm_heap *h, unsigned cls, bool *zero, enum hm_failure *why)
{
	void *p;

	if (h->sll[cls].head.p == NULL) {
		p = hm_refill_block(h, cls, zero);
		*why = (enum hm_failure)h->failure;
		return p;
	}
	*zero = false;
	return hm_cache_pop(&h->sll[cls], cls, hm_class_is_tiny(cls));
}

/* The shared heap is the same code with the lock held. */
static void *alloc_late(unsigned cls, bool *zero, enum hm_failure *why)
{
	struct hm_heap *h = hm_late_take();
	void *p = hm_refill_block(h, cls, zero);

	*why = (enum hm_failure)h->failure;
	hm_late_release();
	return p;
}

/* The heap of the calling thread, which gets one if it can. */
static struct hm_heap *thread_heap(void)
{
	struct hm_heap *h = hm_tls_heap;

	return hm_unlikely(h == &hm_empty_heap) ? hm_heap_init_thread() : h;
}

/*
 * A block of n bytes, which are of the class, for the calling thread: its own,
 * through the shared heap when it has none, or a checked one.
 */
static void *alloc_class(unsigned cls, size_t align, size_t n, bool *zero, enum hm_failure *why)
{
	struct hm_heap *h = thread_heap();

	hm_keep_frame();
	if (hm_likely(!hm_heap_is_static(h))) {
		void *p = NULL;

		if (hm_unlikely(hm_profile_is_on()))
			p = hm_profile_alloc(h, cls, zero);
		return hm_likely(p == NULL) ? alloc_own(h, cls, zero, why) : p;
	}
	if (h != &hm_checked_heap)
		return alloc_late(cls, zero, why);
	*zero = false;
	return hm_profile_checked(hm_checked_alloc(align, n, why), n);
}

/* align: a power of two. Nobody is told of a failure, but the caller why it is one. */
static void *try_alloc(size_t n, size_t align, bool *zero, enum hm_failure *why)
{
	unsigned cls;

	hm_keep_frame();
	if (hm_passthrough_is_on()) {
		*zero = false;
		*why = HM_FAILURE_MAP;
		return hm_passthrough_alloc(align, n);
	}
	if (align > HM_ALIGN)
		cls = hm_class_of_aligned(n, align);
	else
		cls = n <= (size_t)HM_MEDIUM_REQUEST_MAX ? hm_class_of(n) : HM_CLASSES;
	if (cls == HM_CLASSES)
		return hm_profile_large(n == 0 ? 1 : n, align, zero, why);
	return alloc_class(cls, align, n, zero, why);
}

hm_cold void *hm_heap_failed(size_t n, size_t align, bool *zero, enum hm_failure why)
{
	void *p = NULL;

	for (unsigned i = 0; p == NULL && why == HM_FAILURE_EXHAUSTION && hm_room_ask(n, i); i++)
		p = try_alloc(n, align, zero, &why);
	if (p == NULL)
		hm_failure_count(why, n);
	return p;
}

static void *alloc_zero(size_t n, size_t align, bool *zero)
{
	enum hm_failure why;
	void *p;

	hm_keep_frame();
	if (n > (size_t)HM_MANY_REQUEST_MAX)
		hm_background_safe_point();
	p = try_alloc(n, align, zero, &why);
	return hm_likely(p != NULL) ? p : hm_heap_failed(n, align, zero, why);
}

void *hm_heap_malloc(size_t n)
{
	bool zero;

	return alloc_zero(n, HM_ALIGN, &zero);
}

void *hm_heap_calloc(size_t n)
{
	bool zero;
	void *p;

	hm_keep_frame();
	if (hm_passthrough_is_on())
		return hm_passthrough_calloc(n);
	p = alloc_zero(n, HM_ALIGN, &zero);
	if (p != NULL && !zero)
		memset(p, 0, n);
	return p;
}

void *hm_heap_memalign(size_t align, size_t n)
{
	bool zero;

	return alloc_zero(n, align > HM_ALIGN ? align : HM_ALIGN, &zero);
}

/* Frees a block of slab s for a thread without a heap of its own: to the slab's remote head. */
static void free_late(struct hm_slab *s, struct hm_base b)
{
	hm_remote_give(NULL, s, b, b, 1);
}

/* The span in use that p, an address in a superslab of zone z, lies in; NULL: its slab is free. */
static struct hm_slab *find_span(struct hm_zone *z, const void *p)
{
	struct hm_slab *s = (struct hm_slab *)(void *)hm_zone_slab(z, p);
	unsigned number = (unsigned)((uintptr_t)p >> HM_SLAB_SHIFT) & (HM_SLABS - 1);

	/* Whatever has an owner is in use; what has none may wait, or be free. */
	if (hm_slab_owner(s) == NULL &&
	    (hm_load_relaxed(&hm_zone_unit(z, p)->free_mask) >> number & 1))
		return NULL;
	return hm_slab_head(s);
}

/* A live block of slab s, for a thread that has no heap of its own, or none yet. */
static hm_noinline void free_static(struct hm_slab *s, struct hm_user u)
{
	if (hm_checked_has(s))
		hm_checked_free(s, u.p, HM_CHECKED_ANY, "free");
	else if (hm_profile_has(s))
		hm_profile_free(s, u);
	else if (!hm_heap_is_static(thread_heap()))
		hm_free_slow(u.p);
	else
		free_late(s, hm_cache_take_back(s, u, hm_class_is_tiny(s->cls)));
}

/* The hint box of the thread's own heap moves to zone z. */
static void point_hint(struct hm_heap *h, struct hm_zone *z)
{
	h->hint = z->base;
	h->hint_table = (char *)z->slabs;
	h->hint_slots = HM_ZONE_SLABS;
}

static hm_noinline void free_not_own(struct hm_heap *h, struct hm_slab *s, struct hm_user u)
{
	if (hm_unlikely(hm_checked_has(s)))
		hm_checked_free(s, u.p, HM_CHECKED_ANY, "free");
	else if (hm_unlikely(hm_profile_has(s)))
		hm_profile_free(s, u);
	else
		hm_remote_free(h, s, hm_cache_take_back(s, u, hm_class_is_tiny(s->cls)));
}

static void free_in_superslab(struct hm_zone *z, void *p)
{
	struct hm_heap *h = hm_tls_heap;
	struct hm_slab *s = find_span(z, p);
	struct hm_user u = { p };
	bool tiny = s != NULL && hm_class_is_tiny(s->cls);

	if (hm_unlikely(s == NULL || !hm_cache_is_live(s, u, tiny))) {
		hm_wrong_use_free(p, "free");
		return;
	}
	if (hm_unlikely(hm_heap_is_static(h))) {
		free_static(s, u);
		return;
	}
	point_hint(h, z);
	if (hm_slab_owner(s) == h)
		hm_cache_push(h, s, u, tiny);
	else
		free_not_own(h, s, u);
}

/* p is in no block of ours. */
static void free_foreign(void *p)
{
	if (hm_passthrough_has(p))
		hm_next.free(p);
	else
		hm_wrong_use_free(p, "free");
}

static hm_noinline void free_large(void *p)
{
	struct hm_large *l = hm_large_find(p);

	hm_profile_forget(p);
	if (l == NULL || !hm_large_free(l))
		free_foreign(p);
}

static hm_noinline void free_any(void *p)
{
	struct hm_zone *z = hm_zone_of(p);
	enum hm_reg_kind kind = HM_REG_NONE;

	if (z != NULL)
		kind = (enum hm_reg_kind)hm_load_acquire(&hm_zone_unit(z, p)->kind);
	if (hm_likely(kind == HM_REG_SUPERSLAB))
		free_in_superslab(z, p);
	else if (kind != HM_REG_NONE)
		free_large(p);
	else
		free_foreign(p);
}

void hm_free_slow(void *p)
{
	if (p != NULL)
		free_any(p);
}

/* The slab's owner tells that it is a slab in use: the registry need not be asked. */
void hm_free_other(void *p, struct hm_slab *s)
{
	struct hm_heap *h = hm_tls_heap;
	struct hm_user u = { p };
	bool tiny = hm_class_is_tiny(s->cls);

	if (hm_unlikely(hm_slab_owner(s) == NULL || hm_heap_is_static(h) || hm_checked_has(s) ||
			!hm_cache_is_live(s, u, tiny))) {
		hm_free_slow(p);
		return;
	}
	hm_remote_free(h, hm_slab_head(s), hm_cache_take_back(s, u, tiny));
}

void hm_heap_free(void *p)
{
	hm_cache_free(p);
}

/* The slab of a pointer that is a live block of a superslab, or NULL. */
static struct hm_slab *slab_of(const void *p)
{
	struct hm_zone *z = hm_zone_of(p);
	struct hm_slab *s;

	if (z == NULL || hm_load_acquire(&hm_zone_unit(z, p)->kind) != HM_REG_SUPERSLAB)
		return NULL;
	s = find_span(z, p);
	if (s == NULL || !hm_cache_is_live(s, (struct hm_user){ (void *)(uintptr_t)p },
					   hm_class_is_tiny(s->cls)))
		return NULL;
	return s;
}

/* The slab of p, when the hint box tells that p is a live block of this thread's; else NULL. */
hm_inline struct hm_slab *own_slab(const void *p)
{
	struct hm_user u = { (void *)(uintptr_t)p };
	struct hm_slab *s;

	if (hm_cache_find(hm_tls_heap, p, &s) && hm_slab_owner(s) == hm_tls_heap &&
	    hm_cache_is_live(s, u, hm_class_is_tiny(s->cls)))
		return s;
	return NULL;
}

static hm_noinline size_t usable_slow(const void *p)
{
	struct hm_slab *s = slab_of(p);
	struct hm_large *l;

	if (s != NULL)
		return hm_unlikely(hm_checked_has(s)) ?
			       hm_checked_usable(s, p, "malloc_usable_size") :
			       hm_class_usable(s->cls);
	l = p == NULL ? NULL : hm_large_find(p);
	if (l != NULL)
		return l->user_size;
	return p != NULL && hm_passthrough_has(p) ? hm_next.usable((void *)(uintptr_t)p) : 0;
}

/* Some programs ask at each malloc and free. */
size_t hm_heap_usable(const void *p)
{
	struct hm_slab *s = own_slab(p);

	return hm_likely(s != NULL) ? hm_class_usable(s->cls) : usable_slow(p);
}

size_t hm_heap_good_size(size_t n)
{
	if (n > (size_t)HM_MEDIUM_REQUEST_MAX || hm_passthrough_is_on() ||
	    thread_heap() == &hm_checked_heap)
		return n;
	return hm_class_usable(hm_class_of(n));
}

void *hm_heap_expand(void *p, size_t n)
{
	struct hm_large *l = hm_large_find(p);
	enum hm_failure why;
	struct hm_slab *s;
	size_t old;

	if (l != NULL)
		return hm_profile_resize(l, n, false, &why);
	s = slab_of(p);
	if (s == NULL || !hm_checked_has(s))
		return n <= hm_heap_usable(p) ? p : NULL;
	old = hm_checked_size(s, p, "expand");
	return n <= old || hm_checked_resize(s, p, old, n) ? p : NULL;
}

/* A block of glibc's heap moves over to ours; anything else ends the process. */
static void *realloc_foreign(void *p, size_t n)
{
	size_t old = hm_wrong_use_realloc(p);
	void *q = hm_heap_malloc(n);

	if (q == NULL)
		return NULL;
	memcpy(q, p, old < n ? old : n);
	hm_wrong_use_free(p, "realloc");
	return q;
}

static void *realloc_copy(void *p, size_t old, size_t n)
{
	enum hm_failure why;
	bool zero;
	/* The fast path sets errno when it fails, and one that need not move does not fail. */
	void *q = n > old ? hm_cache_malloc(n) : try_alloc(n, HM_ALIGN, &zero, &why);

	hm_keep_frame();
	if (q == NULL) /* a smaller one needs no other place */
		return n <= old ? p : NULL;
	memcpy(q, p, old < n ? old : n);
	hm_cache_free(p);
	return q;
}

/* It stays while its class would be the same. */
static hm_noinline void *realloc_checked(struct hm_slab *s, void *p, size_t n)
{
	size_t old = hm_checked_size(s, p, "realloc");
	void *q = hm_checked_stays(s, n) ? p : realloc_copy(p, old, n);

	hm_keep_frame();
	if (q == p)
		hm_checked_resize(s, p, old, n);
	return q;
}

/* As a mapping, else as a copy; not when the limit refused: that would be more again. */
static void *realloc_large(struct hm_large *l, void *p, size_t n)
{
	enum hm_failure why;
	void *q = NULL;

	hm_keep_frame();
	if (n > (size_t)HM_MEDIUM_REQUEST_MAX) {
		q = hm_profile_resize(l, n, true, &why);
		for (unsigned i = 0;
		     q == NULL && why == HM_FAILURE_EXHAUSTION && hm_room_ask(n, i); i++)
			q = hm_profile_resize(l, n, true, &why);
		if (q == NULL && why == HM_FAILURE_EXHAUSTION) {
			hm_failure_count(why, n);
			return NULL;
		}
	}
	return q != NULL ? q : realloc_copy(p, l->user_size, n);
}

void *hm_heap_realloc(void *p, size_t n)
{
	struct hm_slab *s = own_slab(p);
	struct hm_large *l;

	hm_keep_frame();
	if (hm_likely(s != NULL) && !hm_cache_stays(s->cls, n))
		return realloc_copy(p, hm_class_usable(s->cls), n);
	s = slab_of(p);
	if (s != NULL) {
		if (hm_unlikely(hm_checked_has(s)))
			return realloc_checked(s, p, n);
		/* No static heap owns a slab: the hint box is this thread's. */
		if (hm_slab_owner(s) == hm_tls_heap)
			point_hint(hm_tls_heap, hm_zone_of(p));
		if (hm_cache_stays(s->cls, n))
			return p;
		return realloc_copy(p, hm_class_usable(s->cls), n);
	}
	l = hm_large_find(p);
	if (l == NULL && hm_passthrough_has(p))
		return hm_passthrough_realloc(p, n);
	if (l == NULL)
		return realloc_foreign(p, n);
	if (hm_passthrough_is_on())
		return realloc_copy(p, l->user_size, n);
	return realloc_large(l, p, n);
}

static hm_noinline void free_sized_slow(void *p, size_t n, size_t align)
{
	struct hm_slab *s = slab_of(p);
	size_t usable;

	if (p == NULL)
		return;
	if (hm_unlikely(s != NULL && hm_checked_has(s))) {
		hm_checked_free(s, p, n, align == 0 ? "free_sized" : "free_aligned_sized");
		return;
	}
	usable = hm_heap_usable(p);
	if (hm_unlikely(usable != 0 && n > usable))
		hm_wrong_use_size(p, n, align);
	hm_cache_free(p);
}

/* Every delete of C++14 and later comes here: what free decides inline is decided here, too. */
void hm_heap_free_sized(void *p, size_t n, size_t align)
{
	struct hm_heap *h = hm_tls_heap;
	struct hm_user u = { p };
	struct hm_slab *s;

	if (hm_cache_find(h, p, &s) && hm_likely(hm_slab_owner(s) == h)) {
		bool tiny = HM_HEADERLESS || hm_class_is_tiny(s->cls);

		if (hm_likely(hm_cache_is_live(s, u, tiny) && n <= hm_class_usable(s->cls))) {
			hm_cache_push(h, s, u, tiny);
			return;
		}
	}
	free_sized_slow(p, n, align);
}

size_t hm_heap_purge(void)
{
	struct hm_heap *h = hm_tls_heap;

	if (!hm_heap_is_static(h))
		hm_release_caches(h);
	else if (h == &hm_checked_heap)
		hm_checked_purge();
	hm_release_caches(hm_late_take());
	hm_late_release();
	return hm_given_look_all() +
	       hm_purge_count(HM_PURGE_ASKED, hm_pool_purge_all() + hm_large_purge());
}
