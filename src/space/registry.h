/*
 * registry.h - what is at an address: nothing, a superslab, a large block; and
 * the metadata of its slab.
 *
 * owns: the zones. A zone is the metadata of 4 GiB of address space, in one
 * mapping that is made when the first block in that range is, and never goes:
 * a cache line for each 64 KiB (slab/slab.h), another for its remote head, a
 * record for each 2 MiB. Only the pages that are used are memory. The metadata
 * of an address is thus found by shift and add from its zone, without a look
 * at the superslab itself; dense as it is, one page of it serves 4 MiB of heap.
 * Reads are lock-free, never fault and answer for any bit pattern.
 * invariants: an entry appears before the first block of its range is handed
 * out and goes after the last came back; zones never go.
 * called from: free and its kin on a hint miss; pool/pool.c, pool/large.c.
 */
#ifndef HM_SPACE_REGISTRY_H
#define HM_SPACE_REGISTRY_H

#include "base/atomic.h"
#include "base/base.h"
#include "base/geometry.h"
#include "space/superslab.h"

#define HM_ZONE_SLABS ((size_t)1 << (HM_ZONE_SHIFT - HM_SLAB_SHIFT))
#define HM_ZONE_UNITS ((size_t)1 << (HM_ZONE_SHIFT - HM_SUPERSLAB_SHIFT))

struct hm_line {
	char bytes[HM_META_SIZE];
} __attribute__((aligned(64)));

struct hm_zone;

struct hm_zone_node {
	_Atomic(struct hm_zone *) zone[HM_NODE_ZONES];
};

struct hm_zone {
	struct hm_line slabs[HM_ZONE_SLABS];   /* struct hm_slab */
	struct hm_line remotes[HM_ZONE_SLABS]; /* struct hm_remote */
	struct hm_superslab units[HM_ZONE_UNITS];
	uintptr_t base;           /* first address of the 4 GiB */
	struct hm_zone_node node; /* used when this zone was the first of its 32 GiB */
};

extern _Atomic(struct hm_zone_node *) hm_registry_root[HM_ROOT_NODES];

/* The zone of any address, or NULL. */
hm_inline struct hm_zone *hm_zone_of(const void *p)
{
	uint64_t number = (uint64_t)(uintptr_t)p >> HM_ZONE_SHIFT;
	struct hm_zone_node *node;

	if (hm_unlikely(number >= (uint64_t)HM_ROOT_NODES * HM_NODE_ZONES))
		return NULL;
	node = hm_load_acquire(&hm_registry_root[number / HM_NODE_ZONES]);
	if (hm_unlikely(node == NULL))
		return NULL;
	return hm_load_acquire(&node->zone[number % HM_NODE_ZONES]);
}

/* The slab line of an address of the zone. */
hm_inline struct hm_line *hm_zone_slab(struct hm_zone *z, const void *p)
{
	return &z->slabs[(uintptr_t)p >> HM_SLAB_SHIFT & (HM_ZONE_SLABS - 1)];
}

hm_inline struct hm_superslab *hm_zone_unit(struct hm_zone *z, const void *p)
{
	return &z->units[(uintptr_t)p >> HM_SUPERSLAB_SHIFT & (HM_ZONE_UNITS - 1)];
}

hm_inline enum hm_reg_kind hm_registry_get(const void *p)
{
	struct hm_zone *z = hm_zone_of(p);

	if (z == NULL)
		return HM_REG_NONE;
	return (enum hm_reg_kind)hm_load_acquire(&hm_zone_unit(z, p)->kind);
}

/* The zone of p, made if there is none; NULL when the OS refuses or p is beyond reach. */
struct hm_zone *hm_registry_reserve(const void *p);

/*
 * Sets the entry of the unit that contains p. False (nothing changed) when a
 * new zone was needed and could not be had; setting a unit that was set
 * before, or to HM_REG_NONE, never fails.
 */
bool hm_registry_set(const void *p, enum hm_reg_kind kind);

/*
 * Walks: the first unit at or after `from` whose kind is not NONE, or NULL and
 * *kind NONE. For
 * statistics and diagnosis; racy by nature.
 */
void *hm_registry_next(const void *from, enum hm_reg_kind *kind);

/* Fork: the lock of growth. */
void hm_registry_fork_take(void);
void hm_registry_fork_release(bool child);

#endif
