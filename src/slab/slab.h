/*
 * slab.h - one slab, or span of slabs, of one class: its metadata line, block
 * arithmetic, its free list.
 *
 * owns: struct hm_slab, 64 bytes, the zone's line for the slab, and struct
 * hm_remote, its second line, on which other threads write.
 * Only the slab's owner touches free, used and carved (design invariant 1);
 * who the owner is, is remote.h's word. `owner` is the heap whose frees may
 * stay on its own TLS SLL: affinity, nothing depends on it; `binder` is exact
 * for the heap that reads itself in it, since each heap writes only itself
 * there, and NULL before it gives the slab up.
 * invariant: hm_slab_valid.
 * called from: slab/, pool/, heap/, report/.
 */
#ifndef HM_SLAB_SLAB_H
#define HM_SLAB_SLAB_H

#include "base/atomic.h"
#include "base/base.h"
#include "base/list.h"
#include "slab/layout.h"
#include "space/registry.h"

struct hm_heap;

struct hm_slab {
	/* What free() reads; equal in every slab of a span in which blocks begin. */
	_Atomic(struct hm_heap *) owner;
	uint64_t magic;      /* of the class */
	uint32_t origin;     /* low bits of the user address of block 0 */
	uint16_t sll_offset; /* from the heap to the class's TLS SLL */
	uint8_t cls;
	uint8_t lead; /* slabs back to the span's first, whose fields below hold */

	/* The owner's. */
	struct hm_base free;   /* free list */
	_Atomic uint32_t used; /* blocks handed out that have not come back to `free` */
	uint16_t capacity;     /* blocks that fit, less those in holes (hole.h) */
	uint16_t carved;       /* blocks [0, carved) were handed out once */
	struct hm_list node;   /* heap's partial list or pool's waiting list */
	_Atomic(struct hm_heap *) binder;
} __attribute__((aligned(64)));

_Static_assert(sizeof(struct hm_slab) == HM_META_SIZE, "one cache line a slab");

/* Never beside what the owner writes; see remote.h for the word. */
struct hm_remote {
	_Atomic uint32_t word;
	/* The class on whose waiting list the slab is, or HM_CLASSES; under that list's lock. */
	_Atomic uint8_t waiting_class;
	/* The owner's: pages of the slab that were given back, and `used` when that was tried. */
	uint16_t holes, tried;
	bool again;  /* it was purged, or half of it, when it was taken from the pool */
	bool waited; /* its holes were made while it waited for adoption */
	bool rested; /* while its class rested */
	bool sampled; /* of the span's first slab: its blocks are samples of a profile */
	char *start; /* the slab's first byte */
	struct hm_superslab *superslab;
} __attribute__((aligned(64)));

_Static_assert(sizeof(struct hm_remote) == HM_META_SIZE, "a remote head has its line alone");

/* The metadata of the slab that contains p; NULL when its zone has nothing. Any p. */
hm_inline struct hm_slab *hm_slab_at(const void *p)
{
	struct hm_zone *z = hm_zone_of(p);

	return hm_unlikely(z == NULL) ? NULL : (struct hm_slab *)(void *)hm_zone_slab(z, p);
}

hm_inline struct hm_remote *hm_remote_of(const struct hm_slab *s)
{
	return (struct hm_remote *)(void *)((char *)(uintptr_t)s +
					    offsetof(struct hm_zone, remotes));
}

hm_inline struct hm_superslab *hm_superslab_of(const struct hm_slab *s)
{
	return hm_remote_of(s)->superslab;
}

/*
 * Affinity, read by the fast path of free: any value is good, an old one too,
 * so an ordinary load will do, which folds into the comparison. NULL in every
 * line that is not a slab in use.
 */
hm_inline struct hm_heap *hm_slab_owner(const struct hm_slab *s)
{
	return hm_load_hint(struct hm_heap *, &s->owner);
}

/* The span's first slab. */
hm_inline struct hm_slab *hm_slab_head(struct hm_slab *s)
{
	return s - s->lead;
}

hm_inline char *hm_slab_start(const struct hm_slab *s)
{
	return hm_remote_of(s)->start;
}

hm_inline unsigned hm_slab_number(const struct hm_slab *s)
{
	return (unsigned)((uintptr_t)hm_slab_start(s) >> HM_SLAB_SHIFT) & (HM_SLABS - 1);
}

/* User pointer of block k. */
hm_inline struct hm_user hm_slab_block(const struct hm_slab *s, unsigned k)
{
	char *first = hm_slab_start(s) + hm_layout_first(s->cls);

	return (struct hm_user){ first + (size_t)k * hm_classes[s->cls].stride };
}

/* Is p, which lies in the slab's span, the user pointer of a block (sizeclass.h)? Guards cheap. */
hm_inline bool hm_slab_is_block(const struct hm_slab *s, const void *p)
{
	uint64_t off = (uint32_t)(uintptr_t)p - s->origin;

	return off * s->magic < HM_MAGIC_BOUND;
}

/*
 * Makes the free span that begins at s a slab of the class, owned by nobody:
 * metadata of all its slabs.
 */
void hm_slab_format(struct hm_slab *s, unsigned cls);

/* The 32 slabs of a new superslab: in the pool's hands, nothing out. */
void hm_slab_init_superslab(struct hm_superslab *ss);

/* Slab number i of a superslab. */
struct hm_slab *hm_slab_of_superslab(const struct hm_superslab *ss, unsigned i);

/* Bytes of a superslab that were handed out in tiny blocks; others may change it meanwhile. */
size_t hm_slab_carved_bytes(const struct hm_superslab *ss);

/* Bytes of its blocks that are in use, on threads' lists or fresh; likewise. */
size_t hm_slab_used_bytes(const struct hm_superslab *ss);

/* Affinity of all slabs of the span. */
void hm_slab_set_owner(struct hm_slab *s, struct hm_heap *h);

/* The block that contains p, an address inside the span, or NULL (before, behind, not carved). */
struct hm_user hm_slab_block_of(const struct hm_slab *s, const void *p);

hm_inline uint32_t hm_slab_used(const struct hm_slab *s)
{
	return hm_load_relaxed(&s->used);
}

hm_inline void hm_slab_add_used(struct hm_slab *s, int32_t n)
{
	hm_store_relaxed(&s->used, hm_load_relaxed(&s->used) + (uint32_t)n);
}

/* Owner only. One block back on the free list. */
hm_inline void hm_slab_push(struct hm_slab *s, struct hm_base b, bool tiny)
{
	hm_link_set(b, tiny, s->free);
	s->free = b;
	hm_slab_add_used(s, -1);
}

/* Owner only. The whole free list; `used` is settled once for all of it. */
hm_inline struct hm_base hm_slab_detach(struct hm_slab *s)
{
	struct hm_base b = s->free;

	s->free.p = NULL;
	hm_store_relaxed(&s->used, s->carved);
	return b;
}

/*
 * Recount: the free list is in the span, on block boundaries, without a cycle,
 * and used + free == carved. O(capacity). Owner only.
 */
bool hm_slab_valid(const struct hm_slab *s);

#endif
