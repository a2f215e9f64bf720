/*
 * large_shape.h - where a large block stands in its mapping and the registry, and how long it is.
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
 * What is mapped for `size` bytes that count. Without huge pages whole units, for the gap
 * behind a block would be a border between two mappings of the kernel's; with them the rest
 * of the last unit would come with its first touch.
 */
hm_inline size_t hm_large_span_for(size_t size, bool huge)
{
	return huge ? size : (size + HM_SUPERSLAB_MASK) & ~(size_t)HM_SUPERSLAB_MASK;
}

/* The bytes mapped from the base, of a block live or cached. */
size_t hm_large_span(const struct hm_large *l);

/* So many count, and so many are mapped. */
void hm_large_set_span(struct hm_large *l, size_t size, size_t span);

/*
 * A new mapping of `span` bytes, in no registry: at a unit's base, or one unit before a multiple
 * of the alignment. *huge: shall it ask for huge pages, does it? NULL when the OS refuses.
 */
struct hm_large *hm_large_map(const struct hm_large_shape *s, size_t span, bool *huge);

/*
 * Moves the mapping to retained addresses or new ones, and makes it longer or shorter; keep:
 * what was its place may be retained. It is in no registry. NULL when refused, it is then whole;
 * *is_short: for want of memory or addresses.
 */
struct hm_large *hm_large_remap(struct hm_large *l, size_t old_span, size_t span, bool keep,
				bool *is_short);

hm_inline char *hm_large_user(const struct hm_large *l)
{
	return (char *)(uintptr_t)l + l->user_offset;
}

/* Full guards: the eight bytes after the user's. */
void hm_large_canary_set(struct hm_large *l);
void hm_large_canary_check(const struct hm_large *l);

/* Is the header in the unit before the user pointer's? */
hm_inline bool hm_large_is_shifted(size_t user_offset)
{
	return user_offset == HM_SUPERSLAB_SIZE;
}

/* The address whose unit has the block's entry in the registry. */
hm_inline void *hm_large_entry_at(struct hm_large *l, bool shifted)
{
	return (char *)l + (shifted ? HM_SUPERSLAB_SIZE : 0);
}

/* Into the registry, false when it has no room, and out of it, before l is unmapped. */
bool hm_large_enter(struct hm_large *l, bool shifted);
void hm_large_leave(struct hm_large *l);

#endif
