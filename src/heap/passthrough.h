/*
 * passthrough.h - stepping aside: the option mode = passthrough, with which a
 * program has the malloc behind ours, glibc's as a rule.
 *
 * owns: the functions of that malloc.
 * No thread gets a heap then: each stays at the static empty one, on which every
 * fast path misses, and the slow paths ask here. Blocks of ours, from before the
 * constructor, are known by the registry, and stay ours until they are freed.
 * called from: heap/, api/start.c; the functions are found by api/override_libc.c.
 */
#ifndef HM_HEAP_PASSTHROUGH_H
#define HM_HEAP_PASSTHROUGH_H

#include "base/atomic.h"
#include "base/base.h"

struct hm_next {
	void *(*malloc)(size_t n);
	void (*free)(void *p);
	void *(*calloc)(size_t count, size_t size);
	void *(*realloc)(void *p, size_t n);
	void *(*memalign)(size_t align, size_t n);
	size_t (*usable)(void *p);
};
extern struct hm_next hm_next;

/*
 * Fills it; what is not found stays NULL. Defined where the malloc family is
 * (api/override_libc.c): without, there is nothing to step aside from.
 */
void hm_next_find(void) __attribute__((weak, visibility("hidden")));

extern _Atomic bool hm_passthrough_on;

hm_inline bool hm_passthrough_is_on(void)
{
	return hm_unlikely(hm_load_relaxed(&hm_passthrough_on));
}

/* From the constructor. False: there is no other malloc, as in a static program. */
bool hm_passthrough_start(void);

/* Is p of that malloc: in nothing of ours? False when not in passthrough. */
bool hm_passthrough_has(const void *p);

/* Its functions, which here keep errno. align: a power of two. */
void *hm_passthrough_alloc(size_t align, size_t n);
void *hm_passthrough_calloc(size_t n);
void *hm_passthrough_realloc(void *p, size_t n);

#endif
