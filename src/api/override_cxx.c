/*
 * override_cxx.c - C++'s operators new and delete, from C.
 *
 * owns: their mangled names. Compiled with -fexceptions: std::bad_alloc leaves
 * through these frames.
 * called from: C++ programs and libraries.
 * No C++ run-time is linked: what is needed of it (the new-handler, the throw,
 * and a catch) is found weakly or by dlsym, on the path of a failed allocation.
 */
#include "base/base.h"

#include "base/assert.h"
#include "base/bits.h"
#include "base/geometry.h"
#include "heap/cache.h"
#include "heap/heap.h"
#include "api/api.h"

#include <dlfcn.h>

/* std::size_t is unsigned long, or unsigned int. */
#if defined(__LP64__)
#define NEW(rest) _Znwm##rest
#define NEW_ARRAY(rest) _Znam##rest
#define SIZED(rest) _ZdlPvm##rest
#define SIZED_ARRAY(rest) _ZdaPvm##rest
#define NAME_OF_NEW "_Znwm"
#else
#define NEW(rest) _Znwj##rest
#define NEW_ARRAY(rest) _Znaj##rest
#define SIZED(rest) _ZdlPvj##rest
#define SIZED_ARRAY(rest) _ZdaPvj##rest
#define NAME_OF_NEW "_Znwj"
#endif
#define DELETE(rest) _ZdlPv##rest
#define DELETE_ARRAY(rest) _ZdaPv##rest

typedef void (*handler)(void);
typedef const void *nothrow;

#if !defined(__PIC__) || defined(__PIE__)
/* A static program has all that it will have, and need not have a dlsym. */
extern __typeof__(dlsym) dlsym __attribute__((weak));
handler _ZSt15get_new_handlerv(void) __attribute__((weak));
void _ZSt17__throw_bad_allocv(void) __attribute__((weak));
#define RUN_TIME(type, name) (name)
#else
/* Looked up when it is wanted: a C++ run-time may come late, and most programs have none. */
#define RUN_TIME(type, name) (__extension__(type) look_up(RTLD_DEFAULT, #name))
#endif

static void *look_up(void *where, const char *name)
{
	void *(*by_name)(void *, const char *) = dlsym;

	return by_name != NULL ? by_name(where, name) : NULL;
}

static handler new_handler(void)
{
	handler (*get)(void) = RUN_TIME(handler(*)(void), _ZSt15get_new_handlerv);

	return get != NULL ? get() : NULL;
}

static hm_cold void throw_bad_alloc(size_t n)
{
	void (*throw)(void) = RUN_TIME(void (*)(void), _ZSt17__throw_bad_allocv);

	if (throw != NULL)
		throw();
	hm_die("operator new: out of memory, and nobody to throw std::bad_alloc", "size", n, NULL,
	       0, NULL, 0);
}

static void *allocate(size_t n, size_t align)
{
	return align == 0 ? hm_heap_malloc(n) : hm_api_allocate_aligned(align, n);
}

/* [new.delete.single]: the handler finds memory, or throws, or there is none. */
static hm_cold void *new_slow(size_t n, size_t align)
{
	handler handle;
	void *p = NULL;

	while (p == NULL) {
		handle = new_handler();
		if (handle == NULL)
			throw_bad_alloc(n);
		else
			handle();
		p = n > PTRDIFF_MAX ? NULL : allocate(n, align);
	}
	return p;
}

/*
 * The same without a throw. A handler that throws must be caught, which C
 * cannot: the C++ run-time's own operator of this kind is a try around its
 * operator new, which is ours.
 */
static hm_cold void *new_slow_nothrow(size_t n, size_t align, nothrow tag)
{
	void *next;

	if (new_handler() == NULL)
		return NULL;
	if (align == 0) {
		next = look_up(RTLD_NEXT, NAME_OF_NEW "RKSt9nothrow_t");
		if (next != NULL)
			return (__extension__(void *(*)(size_t, nothrow)) next)(n, tag);
	} else {
		next = look_up(RTLD_NEXT, NAME_OF_NEW "St11align_val_tRKSt9nothrow_t");
		if (next != NULL)
			return (__extension__(void *(*)(size_t, size_t, nothrow)) next)(n, align,
											tag);
	}
	while (new_handler() != NULL) {
		void *p;

		new_handler()();
		p = n > PTRDIFF_MAX ? NULL : allocate(n, align);
		if (p != NULL)
			return p;
	}
	return NULL;
}

hm_inline void *new_plain(size_t n)
{
	void *p = hm_cache_malloc(n);

	return hm_likely(p != NULL) ? p : new_slow(n, 0);
}

hm_inline void *new_nothrow(size_t n, nothrow tag)
{
	void *p = hm_cache_malloc(n);

	return hm_likely(p != NULL) ? p : new_slow_nothrow(n, 0, tag);
}

static void *new_aligned(size_t n, size_t align)
{
	void *p = hm_api_allocate_aligned(align, n);

	return hm_likely(p != NULL) ? p : new_slow(n, align);
}

static void *new_aligned_nothrow(size_t n, size_t align, nothrow tag)
{
	void *p = hm_api_allocate_aligned(align, n);

	return hm_likely(p != NULL) ? p : new_slow_nothrow(n, align, tag);
}

/* Every name is declared, so that none is defined by accident. */
#define OPERATOR(type, name, arguments, body)                                                      \
	type name arguments;                                                                       \
	HM_EXPORT type name arguments                                                              \
	{                                                                                          \
		body;                                                                              \
	}

OPERATOR(void *, NEW(), (size_t n), return new_plain(n))
OPERATOR(void *, NEW_ARRAY(), (size_t n), return new_plain(n))
OPERATOR(void *, NEW(RKSt9nothrow_t), (size_t n, nothrow tag), return new_nothrow(n, tag))
OPERATOR(void *, NEW_ARRAY(RKSt9nothrow_t), (size_t n, nothrow tag), return new_nothrow(n, tag))
OPERATOR(void *, NEW(St11align_val_t), (size_t n, size_t align), return new_aligned(n, align))
OPERATOR(void *, NEW_ARRAY(St11align_val_t), (size_t n, size_t align), return new_aligned(n, align))
OPERATOR(void *, NEW(St11align_val_tRKSt9nothrow_t), (size_t n, size_t align, nothrow tag),
	 return new_aligned_nothrow(n, align, tag))
OPERATOR(void *, NEW_ARRAY(St11align_val_tRKSt9nothrow_t), (size_t n, size_t align, nothrow tag),
	 return new_aligned_nothrow(n, align, tag))

OPERATOR(void, DELETE(), (void *p), hm_cache_free(p))
OPERATOR(void, DELETE_ARRAY(), (void *p), hm_cache_free(p))
OPERATOR(void, DELETE(RKSt9nothrow_t), (void *p, nothrow tag), (void)tag; hm_cache_free(p))
OPERATOR(void, DELETE_ARRAY(RKSt9nothrow_t), (void *p, nothrow tag), (void)tag; hm_cache_free(p))
OPERATOR(void, DELETE(St11align_val_t), (void *p, size_t align), (void)align; hm_cache_free(p))
OPERATOR(void, DELETE_ARRAY(St11align_val_t), (void *p, size_t align), (void)align;
	 hm_cache_free(p))
OPERATOR(void, DELETE(St11align_val_tRKSt9nothrow_t), (void *p, size_t align, nothrow tag),
	 (void)align; (void)tag; hm_cache_free(p))
OPERATOR(void, DELETE_ARRAY(St11align_val_tRKSt9nothrow_t), (void *p, size_t align, nothrow tag),
	 (void)align; (void)tag; hm_cache_free(p))

OPERATOR(void, SIZED(), (void *p, size_t n), hm_heap_free_sized(p, n, 0))
OPERATOR(void, SIZED_ARRAY(), (void *p, size_t n), hm_heap_free_sized(p, n, 0))
OPERATOR(void, SIZED(St11align_val_t), (void *p, size_t n, size_t align),
	 hm_heap_free_sized(p, n, align))
OPERATOR(void, SIZED_ARRAY(St11align_val_t), (void *p, size_t n, size_t align),
	 hm_heap_free_sized(p, n, align))
