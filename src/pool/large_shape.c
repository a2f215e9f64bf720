/*
 * large_shape.c - offsets, colours and sizes of large mappings, and making one.
 *
 * owns: nothing.
 * called from: pool/large_shape.h's users.
 */
#include "base/base.h"
#include "pool/large_shape.h"

#include "base/bits.h"
#include "os/os.h"
#include "slab/layout.h"

/* User pointers start at one of 16 cache lines, in turn. */
#define COLOUR_SIZE ((size_t)64)
#define COLOURS 16

_Static_assert(sizeof(struct hm_large) <= COLOUR_SIZE, "the header ends before the first colour");

bool hm_large_mapping_size(size_t offset, size_t n, size_t *size)
{
	size_t rounding = hm_os_page_size() - 1;

	if (hm_add_overflows(n, offset + HM_CANARY_BYTES + rounding, size))
		return false;
	*size = hm_align_down(*size, rounding + 1);
	return *size <= PTRDIFF_MAX;
}

size_t hm_large_whole_units(size_t size)
{
	size_t whole = (size + HM_SUPERSLAB_MASK) & ~(size_t)HM_SUPERSLAB_MASK;

	return whole - size <= size / 8 ? whole : size;
}

bool hm_large_choose_shape(size_t n, size_t align, struct hm_large_shape *s)
{
	static _Atomic uint32_t turn;
	size_t colour;

	s->align = align;
	if (align >= HM_SUPERSLAB_SIZE) {
		s->offset = HM_SUPERSLAB_SIZE;
	} else if (align > COLOUR_SIZE) {
		s->offset = align;
	} else {
		colour = hm_add_relaxed(&turn, 1) % COLOURS;
		s->offset = COLOUR_SIZE * (1 + colour);
	}
	if (!hm_large_mapping_size(s->offset, n, &s->exact))
		return false;
	s->size = hm_large_whole_units(s->exact);
	return s->size <= PTRDIFF_MAX;
}

size_t hm_large_most(size_t n, size_t align)
{
	size_t offset = align > COLOUR_SIZE ? align : COLOUR_SIZE * COLOURS, size, total;

	if (offset > HM_SUPERSLAB_SIZE)
		offset = HM_SUPERSLAB_SIZE;
	if (!hm_large_mapping_size(offset, n, &size))
		return 0;
	size = hm_large_whole_units(size);
	return hm_add_overflows(size, align, &total) || total > PTRDIFF_MAX ? 0 : size;
}

struct hm_large *hm_large_map(const struct hm_large_shape *s)
{
	size_t surplus;
	char *p;

	if (!hm_large_is_shifted(s->offset))
		return hm_os_map_aligned(s->size, HM_SUPERSLAB_SIZE);
	surplus = s->align - HM_SUPERSLAB_SIZE;
	p = hm_os_map_aligned(s->size + surplus, s->align);
	if (p == NULL || surplus == 0)
		return (struct hm_large *)(void *)p;
	if (!hm_os_unmap(p, surplus)) {
		(void)hm_os_unmap(p, s->size + surplus);
		return NULL;
	}
	return (struct hm_large *)(void *)(p + surplus);
}
