/*
 * superslab.h - the header of a 2 MiB region: slab table, remote heads, masks.
 *
 * owns: struct hm_superslab. Its masks, lists and counters are the pool's,
 * under the pool's lock.
 * A superslab stays mapped and registered for the life of the process: any
 * thread may look at its header at any time (design invariant 5).
 *
 *   base                base + colour * 2 KiB
 *   |                   | slabs[32] 2 KiB | pool's fields 256 | remote[32] 2 KiB | slab 0's blocks
 */
#ifndef HM_SPACE_SUPERSLAB_H
#define HM_SPACE_SUPERSLAB_H

#include "base/base.h"
#include "base/geometry.h"
#include "base/list.h"
#include "slab/remote.h"
#include "slab/slab.h"

struct hm_superslab {
	struct hm_slab slabs[HM_SLABS];

	struct hm_list node;     /* pool list by longest free run, or of the empty ones */
	struct hm_list all_node; /* all superslabs */
	_Atomic uint32_t free_mask; /* bit i: slab i is free */
	_Atomic uint32_t zero_mask; /* bit i: slab i's memory is known to be zero */
	bool huge;               /* asked for huge pages */
	char pad[256 - 2 * sizeof(struct hm_list) - 3 * sizeof(uint32_t)];

	struct hm_remote remote[HM_SLABS];
};

_Static_assert(offsetof(struct hm_superslab, remote) == HM_TABLE_SIZE + 256,
	       "a slab's remote head is at a fixed distance from its metadata");

hm_inline struct hm_superslab *hm_superslab_of(const struct hm_slab *s)
{
	return (struct hm_superslab *)(void *)((uintptr_t)s &
					       ~(uintptr_t)(HM_TABLE_SIZE - 1));
}

/* The header of the superslab whose first byte is at base. */
hm_inline struct hm_superslab *hm_superslab_header(uintptr_t base)
{
	return (struct hm_superslab *)(base + hm_meta_offset((void *)base));
}

/* Offset of the first byte of slab 0 that blocks may use. */
hm_inline size_t hm_superslab_header_end(const struct hm_superslab *ss)
{
	return ((uintptr_t)ss & HM_SUPERSLAB_MASK) + sizeof *ss;
}

/* Pages that must stay when all slabs are purged: [base, base + this). */
size_t hm_superslab_pinned(const struct hm_superslab *ss);

/*
 * Maps a superslab, all slabs free and zero, formatted and registered, on no
 * list. NULL when the OS refused. huge: ask for huge pages, else ask for none.
 */
struct hm_superslab *hm_superslab_map(bool huge);

/* Length of the longest run of set bits, bit 0 (the header's slab) left out. */
unsigned hm_superslab_longest_run(uint32_t mask);

/* First bit of the first run of n set bits above bit 0, or 0 when there is none. */
unsigned hm_superslab_find_run(uint32_t mask, unsigned n);

#endif
