/*
 * large_shape.h - where a large block stands in its mapping, and how long that is.
 *
 * owns: nothing.
 * called from: pool/large.c; heap/room.c, which asks before it allocates.
 */
#ifndef HM_POOL_LARGE_SHAPE_H
#define HM_POOL_LARGE_SHAPE_H

#include "base/base.h"
#include "base/geometry.h"
#include "pool/large.h"

/* What a request needs: where its user pointer stands in the mapping, and the mapping's size. */
struct hm_large_shape {
	size_t offset, size, align;
	size_t exact; /* the least that will do */
};

/* Bytes to map for n bytes at the offset. False when that is no size. */
bool hm_large_mapping_size(size_t offset, size_t n, size_t *size);

/*
 * Mappings end with a unit, where nothing is touched, so that the cache can join
 * and cut them; but not where that adds more than an eighth: with huge pages
 * the last page touched would bring the rest of its unit.
 */
size_t hm_large_whole_units(size_t size);

/* False when no mapping can hold n bytes so aligned. */
bool hm_large_choose_shape(size_t n, size_t align, struct hm_large_shape *s);

/* What a block of n bytes, so aligned, takes at most, whatever its offset; 0: no mapping can. */
size_t hm_large_most(size_t n, size_t align);

/*
 * A new mapping, in no registry: at a unit's base, or one unit before a multiple
 * of the alignment. NULL when the OS refuses.
 */
struct hm_large *hm_large_map(const struct hm_large_shape *s);

/* Is the header in the unit before the user pointer's? */
hm_inline bool hm_large_is_shifted(size_t user_offset)
{
	return user_offset == HM_SUPERSLAB_SIZE;
}

#endif
