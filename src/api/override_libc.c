/*
 * override_libc.c - the malloc family under its standard names.
 *
 * owns: the standard names, unversioned, so that they serve a caller that asks
 * for any version of glibc's; and the look at load for the malloc behind ours.
 * called from: programs and libraries, libc among them.
 * In a static link one name pulls in this object, and this object all others:
 * glibc's malloc.o then never comes in to define half of the family twice.
 */
#include "base/base.h"

#include "os/thread.h"
#include "heap/cache.h"
#include "heap/heap.h"
#include "heap/passthrough.h"
#include "heap/wrong_use.h"
#include "api/api.h"

#include <dlfcn.h>
#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>

/* Names that a libc header declares only in some versions, or never. */
void cfree(void *p);
void free_sized(void *p, size_t n);
void free_aligned_sized(void *p, size_t align, size_t n);
size_t malloc_size(const void *p);
size_t malloc_good_size(size_t n);
/* Not by musl. */
void *pvalloc(size_t n);

HM_EXPORT void *malloc(size_t n)
{
	return hm_cache_malloc(n);
}

HM_EXPORT void free(void *p)
{
	hm_cache_free(p);
}

HM_EXPORT void *calloc(size_t count, size_t size)
{
	return hm_cache_calloc(count, size);
}

HM_EXPORT void *realloc(void *p, size_t n)
{
	return hm_api_realloc(p, n);
}

HM_EXPORT void *reallocarray(void *p, size_t count, size_t size)
{
	return hm_api_reallocarray(p, count, size);
}

HM_EXPORT void *memalign(size_t align, size_t n)
{
	return hm_api_memalign(align, n);
}

HM_EXPORT void *aligned_alloc(size_t align, size_t n)
{
	return hm_api_aligned_alloc(align, n);
}

HM_EXPORT int posix_memalign(void **out, size_t align, size_t n)
{
	return hm_api_posix_memalign(out, align, n);
}

HM_EXPORT void *valloc(size_t n)
{
	return hm_api_valloc(n);
}

HM_EXPORT void *pvalloc(size_t n)
{
	return hm_api_pvalloc(n);
}

HM_EXPORT size_t malloc_usable_size(void *p)
{
	return hm_heap_usable(p);
}

/* Old programs' free; glibc keeps it for them alone. */
HM_EXPORT void cfree(void *p)
{
	hm_cache_free(p);
}

/* C23. */
HM_EXPORT void free_sized(void *p, size_t n)
{
	hm_heap_free_sized(p, n, 0);
}

HM_EXPORT void free_aligned_sized(void *p, size_t align, size_t n)
{
	hm_heap_free_sized(p, n, align);
}

/* Other systems' names, which a program may have functions of. */
HM_EXPORT __attribute__((weak)) size_t malloc_size(const void *p)
{
	return hm_heap_usable(p);
}

HM_EXPORT __attribute__((weak)) size_t malloc_good_size(size_t n)
{
	return hm_api_good_size(n);
}

#if defined(__GLIBC__)
/*
 * glibc's second names, for callers that mean its malloc and must not get it. Weak: should
 * glibc's own object be in a static program after all, it may have them.
 */
#if defined(__GNUC__) && !defined(__clang__) && __GNUC__ >= 9
#define SAME_AS(target) __attribute__((weak, visibility("default"), alias(#target), copy(target)))
#else
#define SAME_AS(target) __attribute__((weak, visibility("default"), alias(#target)))
#endif

void *__libc_malloc(size_t n) SAME_AS(malloc);
void __libc_free(void *p) SAME_AS(free);
void *__libc_calloc(size_t count, size_t size) SAME_AS(calloc);
void *__libc_realloc(void *p, size_t n) SAME_AS(realloc);
void *__libc_memalign(size_t align, size_t n) SAME_AS(memalign);
void *__libc_valloc(size_t n) SAME_AS(valloc);
void *__libc_pvalloc(size_t n) SAME_AS(pvalloc);
void __libc_cfree(void *p) SAME_AS(cfree);
int __posix_memalign(void **out, size_t align, size_t n) SAME_AS(posix_memalign);
#endif

/* The rest of the family, in override_glibc.c. */
static const char *const keep_glibc __attribute__((used)) = &hm_glibc_linked;

/*
 * In a static program nothing can be looked up by name: a helper thread can be made (option
 * background) where the program itself makes threads.
 */
#if !defined(__PIC__) || defined(__PIE__)
extern __typeof__(pthread_create) pthread_create __attribute__((weak));
extern __typeof__(pthread_attr_init) pthread_attr_init __attribute__((weak));
extern __typeof__(pthread_attr_setstacksize) pthread_attr_setstacksize __attribute__((weak));
extern __typeof__(pthread_detach) pthread_detach __attribute__((weak));
extern hm_os_sigaction sigaction __attribute__((weak));

const struct hm_os_thread_names hm_os_static_names = {
	pthread_create, pthread_attr_init, pthread_attr_setstacksize, pthread_detach, sigaction
};
#endif

/*
 * A static program need not have a dlsym, and has no malloc behind ours. A reference from
 * the shared library is strong, so that the loader finds it where it is in a library of its own.
 */
#if !defined(__PIC__) || defined(__PIE__)
extern __typeof__(dlsym) dlsym __attribute__((weak));
#endif

HM_START_CODE static void *next(const char *name)
{
	void *(*look_up)(void *, const char *) = dlsym;

	return look_up != NULL ? look_up(RTLD_NEXT, name) : NULL;
}

/* A function pointer out of an object pointer, as POSIX says that dlsym is used. */
__attribute__((constructor)) HM_START_CODE static void find_next(void)
{
	*(void **)&hm_next_free = next("free");
	*(void **)&hm_next_usable = next("malloc_usable_size");
}

void hm_next_find(void)
{
	find_next();
	hm_next.free = hm_next_free;
	hm_next.usable = hm_next_usable;
	*(void **)&hm_next.malloc = next("malloc");
	*(void **)&hm_next.calloc = next("calloc");
	*(void **)&hm_next.realloc = next("realloc");
	*(void **)&hm_next.memalign = next("memalign");
	hm_glibc_find_next(next);
}
