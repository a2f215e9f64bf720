/*
 * api.h - the faces' functions under internal names.
 *
 * owns: nothing. A hak_ function and the libc function of the same meaning are
 * both a jump to one of these: hidden, so that neither goes through the PLT nor
 * can be interposed half. malloc, calloc and free are heap/cache.h, inlined in both.
 * Unlike the floors below, these set errno; the laws are hakmem.h's, which are glibc's.
 * called from: api/ only.
 */
#ifndef HM_API_API_H
#define HM_API_API_H

#include "base/base.h"

#include <errno.h>

/* resize.c */
void *hm_api_realloc(void *p, size_t n);
void *hm_api_reallocarray(void *p, size_t count, size_t size);

/* aligned.c */
void *hm_api_memalign(size_t align, size_t n);
void *hm_api_aligned_alloc(size_t align, size_t n);
int hm_api_posix_memalign(void **out, size_t align, size_t n);
void *hm_api_valloc(size_t n);
void *hm_api_pvalloc(size_t n);
/* The inner function of all these: align is a power of two; NULL is ENOMEM, errno untouched. */
void *hm_api_allocate_aligned(size_t align, size_t n);

/* control.c */
/* No block can have that size: counted, errno untouched. NULL. */
void *hm_api_too_large(size_t n);
size_t hm_api_good_size(size_t n);

hm_inline void *hm_api_or_enomem(void *p)
{
	if (hm_unlikely(p == NULL))
		errno = ENOMEM;
	return p;
}

/* override_glibc.c */
extern const char hm_glibc_linked;
/* Its functions of the malloc behind ours; what is not found, NULL, is not asked. */
void hm_glibc_find_next(void *(*look_up)(const char *name));

#endif
