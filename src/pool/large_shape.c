/*
 * large_shape.c - offsets, colours and sizes of large mappings, making, moving, entering one.
 *
 * owns: nothing.
 * called from: pool/large_shape.h's users.
 */
#include "base/base.h"
#include "pool/large_shape.h"

#include "base/assert.h"
#include "base/bits.h"
#include "os/os.h"
#include "policy/ace.h"
#include "pool/range.h"
#include "slab/layout.h"
#include "space/registry.h"

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

size_t hm_large_span(const struct hm_large *l)
{
	return l->map_size + l->spare * hm_os_page_size();
}

void hm_large_set_span(struct hm_large *l, size_t size, size_t span)
{
	l->map_size = size;
	l->spare = (uint32_t)((span - size) / hm_os_page_size());
}

struct hm_large *hm_large_map(const struct hm_large_shape *s, size_t span, bool *huge)
{
	size_t surplus = s->align - HM_SUPERSLAB_SIZE;
	char *p;

	if (s->align <= HM_SUPERSLAB_SIZE)
		return hm_range_map(span, huge);
	p = hm_os_map_aligned(span + surplus, s->align, *huge && !hm_ace_huge_always());
	if (p == NULL)
		return NULL;
	if (!hm_os_unmap(p, surplus)) {
		(void)hm_os_unmap(p, span + surplus);
		return NULL;
	}
	*huge = hm_range_advise(p + surplus, span, *huge);
	return (struct hm_large *)(void *)(p + surplus);
}

/*
 * Before anything moves: the registry has room for the new place (and for the
 * unit behind it, where a shifted block is entered).
 */
static bool has_room(void *target)
{
	return hm_registry_reserve(target) != NULL &&
	       hm_registry_reserve((char *)target + HM_SUPERSLAB_SIZE) != NULL;
}

/* Retained addresses for it; NULL: none. */
static struct hm_large *remap_retained(struct hm_large *l, size_t old_span, size_t span)
{
	void *to = NULL;

	if (span > old_span && (span & HM_SUPERSLAB_MASK) == 0)
		to = hm_range_take(span, l->huge);
	if (to == NULL)
		return NULL;
	if (!has_room(to)) {
		(void)hm_os_unmap(to, span);
		return NULL;
	}
	return hm_os_remap_onto(l, old_span, span, to) ? to : NULL;
}

/* Not 0. Two that have one number, 65535 moves apart, are no danger: mremap tells. */
static uint16_t next_move(void)
{
	static _Atomic unsigned moves;

	return (uint16_t)(hm_add_relaxed(&moves, 1) % UINT16_MAX + 1);
}

struct hm_large *hm_large_remap(struct hm_large *l, size_t old_span, size_t span, bool keep,
				bool *is_short)
{
	bool huge = l->huge;
	struct hm_large *to = remap_retained(l, old_span, span);

	if (to == NULL)
		to = hm_os_remap_move(l, old_span, span, HM_SUPERSLAB_SIZE,
				      huge && !hm_ace_huge_always(), has_room, is_short);
	if (to == NULL)
		return NULL;
	to->moved = next_move();
	if (keep)
		hm_range_fill(l, old_span, huge);
	return to;
}

bool hm_large_enter(struct hm_large *l, bool shifted)
{
	return hm_registry_set(hm_large_entry_at(l, shifted),
			       shifted ? HM_REG_LARGE_SHIFTED : HM_REG_LARGE);
}

void hm_large_leave(struct hm_large *l)
{
	hm_registry_set(hm_large_entry_at(l, hm_large_is_shifted(l->user_offset)), HM_REG_NONE);
}

/* Any address, hence the copy. */
static uint64_t canary_value(const struct hm_large *l)
{
	return HM_CANARY_LIVE ^ (uintptr_t)hm_large_user(l);
}

void hm_large_canary_set(struct hm_large *l)
{
	uint64_t v = canary_value(l);

	if (HM_CANARY_BYTES > 0)
		memcpy(hm_large_user(l) + l->user_size, &v, sizeof v);
}

void hm_large_canary_check(const struct hm_large *l)
{
	uint64_t v;

	if (HM_CANARY_BYTES == 0)
		return;
	memcpy(&v, hm_large_user(l) + l->user_size, sizeof v);
	if (hm_unlikely(v != canary_value(l)))
		hm_die("free(): a large block was written past its end", "pointer",
		       (uintptr_t)hm_large_user(l), "size", l->user_size, NULL, 0);
}
