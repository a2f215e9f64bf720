/*
 * resize.c - realloc and its kin.
 *
 * owns: nothing.
 * called from: programs, and api/override_libc.c.
 */
#include "base/base.h"

#include "hakmem.h"

#include "base/bits.h"
#include "heap/cache.h"
#include "heap/heap.h"
#include "api/api.h"

static hm_noinline void *realloc_slow(void *p, size_t n)
{
	hm_keep_frame();
	/* Lua has no other malloc. Its misses set errno. */
	if (p == NULL)
		return hm_cache_malloc(n);
	if (n > PTRDIFF_MAX)
		return hm_api_or_enomem(hm_api_too_large(n));
	/* As glibc: the block is freed, and NULL is no error. */
	if (n == 0) {
		hm_heap_free(p);
		return NULL;
	}
	return hm_api_or_enomem(hm_heap_realloc(p, n));
}

void *hm_api_realloc(void *p, size_t n)
{
	if (hm_cache_realloc_stays(p, n))
		return p;
	return realloc_slow(p, n);
}

void *hm_api_reallocarray(void *p, size_t count, size_t size)
{
	size_t n;

	if (hm_mul_overflows(count, size, &n))
		return hm_api_or_enomem(hm_api_too_large(SIZE_MAX));
	return hm_api_realloc(p, n);
}

HM_EXPORT void *hak_realloc(void *p, size_t size)
{
	return hm_api_realloc(p, size);
}

HM_EXPORT void *hak_reallocarray(void *p, size_t count, size_t size)
{
	return hm_api_reallocarray(p, count, size);
}

HM_EXPORT void *hak_expand(void *p, size_t size)
{
	if (p == NULL || size > PTRDIFF_MAX)
		return NULL;
	return hm_heap_expand(p, size);
}
