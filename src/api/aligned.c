/*
 * aligned.c - allocation with an alignment, and the sized frees.
 *
 * owns: nothing.
 * called from: programs, and api/override_libc.c, api/override_cxx.c.
 */
#include "base/base.h"

#include "hakmem.h"

#include "base/bits.h"
#include "base/geometry.h"
#include "os/os.h"
#include "heap/heap.h"
#include "api/api.h"

void *hm_api_allocate_aligned(size_t align, size_t n)
{
	hm_keep_frame();
	if (align > PTRDIFF_MAX || n > PTRDIFF_MAX - align)
		return hm_api_too_large(n);
	return align <= HM_ALIGN ? hm_heap_malloc(n) : hm_heap_memalign(align, n);
}

void *hm_api_aligned_alloc(size_t align, size_t n)
{
	hm_keep_frame();
	if (!hm_is_pow2(align)) {
		errno = EINVAL;
		return NULL;
	}
	return hm_api_or_enomem(hm_api_allocate_aligned(align, n));
}

void *hm_api_memalign(size_t align, size_t n)
{
	hm_keep_frame();
	/* The largest power of two. */
	size_t top = SIZE_MAX / 2 + 1;

	if (align > top) {
		errno = EINVAL;
		return NULL;
	}
	if (align <= HM_ALIGN)
		align = HM_ALIGN;
	else if (!hm_is_pow2(align))
		align = (size_t)2 << hm_log2(align);
	return hm_api_or_enomem(hm_api_allocate_aligned(align, n));
}

int hm_api_posix_memalign(void **out, size_t align, size_t n)
{
	void *p;

	hm_keep_frame();
	if (!hm_is_pow2(align) || align % sizeof(void *) != 0)
		return EINVAL;
	p = hm_api_allocate_aligned(align, n);
	if (p == NULL)
		return ENOMEM;
	*out = p;
	return 0;
}

void *hm_api_valloc(size_t n)
{
	hm_keep_frame();
	return hm_api_or_enomem(hm_api_allocate_aligned(hm_os_page_size(), n));
}

void *hm_api_pvalloc(size_t n)
{
	size_t page = hm_os_page_size();

	hm_keep_frame();
	if (n > PTRDIFF_MAX - page)
		return hm_api_or_enomem(hm_api_too_large(n));
	return hm_api_valloc(n == 0 ? page : hm_align_up(n, page));
}

HM_EXPORT void *hak_aligned_alloc(size_t alignment, size_t size)
{
	return hm_api_aligned_alloc(alignment, size);
}

HM_EXPORT void *hak_memalign(size_t alignment, size_t size)
{
	return hm_api_memalign(alignment, size);
}

HM_EXPORT int hak_posix_memalign(void **out, size_t alignment, size_t size)
{
	return hm_api_posix_memalign(out, alignment, size);
}

HM_EXPORT void *hak_valloc(size_t size)
{
	return hm_api_valloc(size);
}

HM_EXPORT void *hak_pvalloc(size_t size)
{
	return hm_api_pvalloc(size);
}

HM_EXPORT void hak_free_sized(void *p, size_t size)
{
	hm_heap_free_sized(p, size, 0);
}

HM_EXPORT void hak_free_aligned_sized(void *p, size_t alignment, size_t size)
{
	hm_heap_free_sized(p, size, alignment);
}
