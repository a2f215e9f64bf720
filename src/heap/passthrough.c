/*
 * passthrough.c - the malloc behind ours.
 *
 * owns: what heap/passthrough.h says.
 * called from: heap/heap.c, heap/init.c, heap/thread.c.
 */
#include "base/base.h"
#include "heap/passthrough.h"

#include "base/geometry.h"
#include "heap/thread.h"
#include "pool/large.h"
#include "space/registry.h"

#include <errno.h>

struct hm_next hm_next;
_Atomic bool hm_passthrough_on;

bool hm_passthrough_start(void)
{
	if (hm_next_find != NULL)
		hm_next_find();
	if (hm_next.malloc == NULL || hm_next.free == NULL || hm_next.calloc == NULL ||
	    hm_next.realloc == NULL || hm_next.memalign == NULL || hm_next.usable == NULL)
		return false;
	hm_store_relaxed(&hm_passthrough_on, true);
	hm_thread_leave_heap();
	return true;
}

/* A large block of ours need not fill the last unit that it lies in. */
bool hm_passthrough_has(const void *p)
{
	enum hm_reg_kind kind;

	if (!hm_passthrough_is_on())
		return false;
	kind = hm_registry_get(p);
	return kind == HM_REG_NONE ||
	       (kind != HM_REG_SUPERSLAB && hm_large_find_interior(p) == NULL);
}

void *hm_passthrough_alloc(size_t align, size_t n)
{
	int saved = errno;
	void *p = align > HM_ALIGN ? hm_next.memalign(align, n) : hm_next.malloc(n);

	errno = saved;
	return p;
}

void *hm_passthrough_calloc(size_t n)
{
	int saved = errno;
	void *p = hm_next.calloc(1, n);

	errno = saved;
	return p;
}

void *hm_passthrough_realloc(void *p, size_t n)
{
	int saved = errno;
	void *q = hm_next.realloc(p, n);

	errno = saved;
	return q;
}
