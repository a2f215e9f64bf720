/*
 * slab.c - formatting a span, block arithmetic off the fast path, the recount.
 *
 * owns: nothing beyond slab.h.
 * called from: pool/pool.c (format), heap/ (validity), api/ (interior pointers).
 */
#include "base/base.h"

#include "slab/slab.h"

#include "base/probe.h"
#include "slab/remote.h"

struct hm_slab *hm_slab_of_superslab(const struct hm_superslab *ss, unsigned i)
{
	return hm_slab_at(ss->base) + i;
}

void hm_slab_init_superslab(struct hm_superslab *ss)
{
	for (unsigned i = 0; i < HM_SLABS; i++) {
		struct hm_remote *r = hm_remote_of(hm_slab_of_superslab(ss, i));

		hm_store_relaxed(&r->word, HM_REMOTE_OWNED);
		hm_store_relaxed(&r->waiting_class, HM_CLASSES);
		r->start = ss->base + i * HM_SLAB_SIZE;
		r->superslab = ss;
	}
}

void hm_slab_format(struct hm_slab *s, unsigned cls)
{
	const struct hm_class *c = &hm_classes[hm_class_checked(cls)];
	uint32_t origin = (uint32_t)(uintptr_t)(hm_slab_start(s) + hm_layout_first(cls));

	for (unsigned i = 0; i < c->slabs; i++) {
		hm_store_relaxed(&s[i].owner, NULL);
		s[i].magic = c->magic;
		s[i].origin = origin;
		s[i].cls = (uint8_t)cls;
		s[i].lead = (uint8_t)i;
		hm_remote_of(&s[i])->tried = UINT16_MAX;
	}
	hm_probe3(slab_take, hm_slab_start(s), cls, c->slabs);
	s->free.p = NULL;
	hm_store_relaxed(&s->used, 0);
	s->capacity = c->capacity;
	s->carved = 0;
	hm_list_init(&s->node);
	hm_store_relaxed(&s->binder, NULL);
	hm_remote_of(s)->sampled = false;
}

hm_no_sanitize size_t hm_slab_carved_bytes(const struct hm_superslab *ss)
{
	size_t bytes = 0;

	for (unsigned i = 0; i < HM_SLABS; i++) {
		const struct hm_slab *s = hm_slab_of_superslab(ss, i);
		unsigned cls = s->cls;

		if (cls < HM_TINY_CLASSES)
			bytes += (size_t)s->carved * hm_classes[cls].stride;
	}
	return bytes;
}

hm_no_sanitize size_t hm_slab_used_bytes(const struct hm_superslab *ss)
{
	size_t bytes = 0;

	for (unsigned i = 0; i < HM_SLABS; i++) {
		const struct hm_slab *s = hm_slab_of_superslab(ss, i);

		if (s->cls < HM_CLASSES && s->lead == 0)
			bytes += (size_t)hm_remote_blocks_out(s) * hm_classes[s->cls].stride;
	}
	return bytes;
}

void hm_slab_set_owner(struct hm_slab *s, struct hm_heap *h)
{
	for (unsigned i = 0; i < hm_classes[s->cls].slabs; i++)
		hm_store_relaxed(&s[i].owner, h);
}

/* Blocks from this number on were never handed out. */
static unsigned blocks_begun(const struct hm_slab *s)
{
	return s->carved < s->capacity ? s->carved : hm_classes[s->cls].capacity;
}

struct hm_user hm_slab_block_of(const struct hm_slab *s, const void *p)
{
	char *first = hm_slab_block(s, 0).p;
	uint32_t stride = hm_classes[s->cls].stride;
	size_t k;

	if ((const char *)p < first)
		return (struct hm_user){ NULL };
	k = (size_t)((const char *)p - first) / stride;
	if (k >= blocks_begun(s))
		return (struct hm_user){ NULL };
	return hm_slab_block(s, (unsigned)k);
}

bool hm_slab_valid(const struct hm_slab *s)
{
	bool tiny = hm_class_is_tiny(s->cls);
	char *first = hm_slab_block(s, 0).p;
	uint32_t stride = hm_classes[s->cls].stride;
	uint32_t count = 0;

	if (s->lead != 0 || s->carved > s->capacity)
		return false;
	for (struct hm_base b = s->free; b.p != NULL; b = hm_link_get(b, tiny)) {
		size_t off = (size_t)((char *)hm_to_user(b, tiny).p - first);

		if (off % stride != 0 || off / stride >= blocks_begun(s) || ++count > s->carved)
			return false;
	}
	return hm_slab_used(s) + count == s->carved;
}
