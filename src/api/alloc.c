/*
 * alloc.c - hak_malloc, hak_calloc, hak_free, and the misses of the fast paths,
 * where errno is set.
 *
 * owns: nothing.
 * called from: programs; the fast paths in heap/cache.h.
 */
#include "base/base.h"

#include "hakmem.h"

#include "api/start.h"
#include "heap/cache.h"
#include "heap/profile.h"
#include "report/dump.h"

#include <errno.h>

__attribute__((used)) static const char *const keep_start = &hm_start_linked;

static void *or_enomem(void *p)
{
	if (hm_unlikely(p == NULL))
		errno = ENOMEM;
	return p;
}

/* A size that no block can have. */
static hm_cold void *too_large(size_t n)
{
	hm_failure_count(HM_FAILURE_THRESHOLD, n);
	return or_enomem(NULL);
}

static void *refill_or_fail(size_t n, struct hm_heap *h, size_t twice, bool *zero)
{
	void *p = hm_refill_block(h, (unsigned)twice / 2, zero);

	if (hm_likely(p != NULL))
		return p;
	return or_enomem(hm_heap_failed(n, HM_ALIGN, zero, (enum hm_failure)h->failure));
}

/* The unwinder allocates with its locks held: no stack may be taken then. */
static hm_noinline void *malloc_profiled(size_t n, const void *caller)
{
	bool paused;
	void *p;

	hm_keep_frame();
	paused = hm_profile_pause(caller);
	p = hm_heap_malloc(n);
	if (paused)
		hm_profile_resume();
	return p;
}

static void *malloc_for(size_t n, const void *caller)
{
	if (hm_unlikely(hm_profile_is_on()))
		return or_enomem(malloc_profiled(n, caller));
	return or_enomem(hm_heap_malloc(n));
}

/* No list of its own serves it: there is none, or mallocs are diverted. */
static hm_noinline void *malloc_away(size_t n, const void *caller)
{
	hm_keep_frame();
	return malloc_for(n, caller);
}

static hm_noinline void *calloc_away(size_t n)
{
	hm_keep_frame();
	return or_enomem(hm_heap_calloc(n));
}

static hm_noinline void *refill(size_t n, struct hm_heap *h, size_t twice)
{
	bool zero;

	hm_dump_point();
	/* A thread without a heap: its table is empty too, so twice means nothing. */
	if (hm_unlikely(hm_heap_is_static(h) || twice == HM_DIVERTED))
		return malloc_away(n, __builtin_return_address(0));
	return refill_or_fail(n, h, twice, &zero);
}

void *hm_malloc_slow(size_t n, struct hm_heap *h, size_t twice)
{
	struct hm_bin *bin = &h->bins[twice / 2];

	if (hm_likely(hm_cache_has_fresh(bin)))
		return hm_cache_fresh(bin, (unsigned)twice / 2);
	return refill(n, h, twice);
}

static hm_noinline void *malloc_any(size_t n)
{
	hm_keep_frame();
	hm_dump_point();
	return n > PTRDIFF_MAX ? too_large(n) : malloc_for(n, __builtin_return_address(0));
}

void *hm_malloc_big(size_t n)
{
	struct hm_heap *h = hm_tls_heap;
	size_t twice;

	if (hm_unlikely(n > hm_load_hint(size_t, &h->many_max)))
		return malloc_any(n);
	twice = hm_class_many_twice(n);
	if (hm_unlikely(hm_cache_sll(h, twice)->head.p == NULL))
		return hm_malloc_slow(n, h, twice);
	return hm_cache_pop(hm_cache_sll(h, twice), (unsigned)twice / 2, false);
}

void *hm_calloc_slow(size_t n, struct hm_heap *h, size_t twice)
{
	bool zero;
	void *p;

	hm_dump_point();
	if (hm_unlikely(hm_heap_is_static(h) || twice == HM_DIVERTED))
		return calloc_away(n);
	p = refill_or_fail(n, h, twice, &zero);
	if (p != NULL && !zero)
		memset(p, 0, n);
	return p;
}

void *hm_calloc_big(size_t count, size_t size)
{
	size_t n;

	hm_keep_frame();
	if (hm_mul_overflows(count, size, &n))
		n = SIZE_MAX;
	if (n > PTRDIFF_MAX)
		return too_large(n);
	return or_enomem(hm_heap_calloc(n));
}

HM_EXPORT void *hak_malloc(size_t size)
{
	return hm_cache_malloc(size);
}

HM_EXPORT void *hak_calloc(size_t count, size_t size)
{
	return hm_cache_calloc(count, size);
}

HM_EXPORT void hak_free(void *p)
{
	hm_cache_free(p);
}
