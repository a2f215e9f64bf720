/*
 * geometry.h - every size that the library is built from, tied together by
 * static assertions. Tests may shrink the policy numbers, not the layout.
 *
 * A superslab is 2 MiB, aligned to 2 MiB: the unit taken from the OS. It has
 * 32 slabs of 64 KiB. Its header (the slab table, counters and the remote
 * heads) stands in slab 0, at an offset that depends on the address (its
 * colour), so that the tables of many superslabs do not compete for the same
 * cache sets. A span is a run of slabs that serves one class.
 */
#ifndef HM_BASE_GEOMETRY_H
#define HM_BASE_GEOMETRY_H

#include "base/base.h"

#define HM_SUPERSLAB_SHIFT 21
#define HM_SUPERSLAB_SIZE ((size_t)1 << HM_SUPERSLAB_SHIFT)
#define HM_SUPERSLAB_MASK (HM_SUPERSLAB_SIZE - 1)

#define HM_SLAB_SHIFT 16
#define HM_SLAB_SIZE ((size_t)1 << HM_SLAB_SHIFT)
#define HM_SLABS 32

#define HM_META_SHIFT 6 /* one cache line of metadata a slab */
#define HM_META_SIZE ((size_t)1 << HM_META_SHIFT)

/*
 * The table of superslab B starts at B + colour(B) * 2 KiB, where the colour
 * is the low bits of B / 2 MiB. Slab number and colour are neighbouring bits
 * of an address, so one shift and one mask find both (layout.h).
 */
#define HM_COLOUR_BITS 3
#define HM_TABLE_SIZE (HM_SLABS * HM_META_SIZE)
#define HM_META_INDEX_MASK                                                                         \
	((((size_t)HM_SLABS << HM_COLOUR_BITS) - 1) << HM_META_SHIFT)

#define HM_ALIGN 16 /* every block is aligned to this at least */

#define HM_TINY_CLASSES 32
#define HM_MEDIUM_CLASSES 30
#define HM_ALIGNED_CLASSES 2 /* one slab, two slabs: for page-aligned requests only */
#define HM_CLASSES (HM_TINY_CLASSES + HM_MEDIUM_CLASSES + HM_ALIGNED_CLASSES)
#define HM_TINY_MAX ((size_t)8192)
/* The largest span is all slabs of a superslab but the header's. */
#define HM_MEDIUM_MAX ((HM_SLABS - 1) * HM_SLAB_SIZE)

_Static_assert(HM_SUPERSLAB_SHIFT - HM_SLAB_SHIFT == 5, "32 slabs to a superslab");
_Static_assert(HM_TABLE_SIZE == 2048, "the colour's stride is the table's size");
_Static_assert(HM_TINY_CLASSES <= 32, "a tiny class fits the header byte's five bits");

#endif
