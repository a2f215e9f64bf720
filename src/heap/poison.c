/*
 * poison.c - full guards: what is written into freed blocks, and looked for when they leave.
 *
 * owns: nothing.
 * called from: heap/cache.h.
 */
#include "base/base.h"

#include "heap/cache.h"
#include "heap/wrong_use.h"

#include <string.h>

void hm_cache_poison(struct hm_base b, unsigned cls)
{
	size_t usable = hm_class_usable(cls);
	size_t n = usable < HM_POISON_MAX ? usable : HM_POISON_MAX;

	memset(hm_to_user(b, hm_class_is_tiny(cls)).p, HM_POISON, n);
}

/* What follows in a list of the class: the end, or a block of it. */
static bool is_link(struct hm_base next, unsigned cls)
{
	struct hm_user u;

	if (next.p == NULL)
		return true;
	u = hm_to_user(next, hm_class_is_tiny(cls));
	return hm_registry_get(u.p) == HM_REG_SUPERSLAB && hm_slab_at(u.p)->cls == cls &&
	       hm_slab_is_block(hm_slab_at(u.p), u.p);
}

void hm_cache_check_poison(struct hm_base b, unsigned cls)
{
	bool tiny = hm_class_is_tiny(cls);
	const unsigned char *u = hm_to_user(b, tiny).p;
	size_t n = hm_class_usable(cls);

	if (!is_link(hm_link_get(b, tiny), cls))
		hm_wrong_use_written(u, 0, cls);
	for (size_t i = sizeof(void *); i < n && i < HM_POISON_MAX; i++)
		if (u[i] != HM_POISON)
			hm_wrong_use_written(u, i, cls);
	if (hm_canary_get(b, hm_classes[cls].stride) != HM_CANARY_FREE)
		hm_wrong_use_written(u, n, cls);
}
