/*
 * place.c - the hints below the last mapping, and the windows.
 *
 * owns: the hints.
 * called from: os/os_linux.c only.
 */
#include "base/base.h"
#include "os/place.h"

#include "base/atomic.h"
#include "base/bits.h"
#include "base/geometry.h"

#include <errno.h>

/* Low addresses are left to those who need them (brk, MAP_32BIT): no hint leads there. */
#if UINTPTR_MAX > 0xffffffffu
#define HINT_FLOOR ((uintptr_t)1 << 32)
#else
#define HINT_FLOOR ((uintptr_t)1 << 24)
#endif

/*
 * The least of a window. Longer ones for larger heaps: an eighth of what is mapped, so that
 * their number grows with the logarithm of the heap's size.
 */
#define WINDOW_MIN ((size_t)64 << 20)
#define WINDOW_MAX (UINTPTR_MAX > 0xffffffffu ? (uint64_t)16 << 30 : (uint64_t)256 << 20)
#define UNIT HM_SUPERSLAB_SIZE
#define UNIT_MASK HM_SUPERSLAB_MASK

/* Base of the lowest aligned mapping so far; 0 when there is none. */
static _Atomic uintptr_t lowest;
/* The same inside the window, a multiple of a unit, and the units that are left below it. */
static _Atomic uintptr_t window;

/* Before the first, the place below this thread's static TLS, among the loader's mappings. */
static uintptr_t take_lowest(size_t size, size_t align)
{
	uintptr_t old = hm_load_relaxed(&lowest), from, next;

	do {
		from = old != 0 ? old : (uintptr_t)&errno;
		if (from <= HINT_FLOOR || from - HINT_FLOOR < size)
			return 0;
		next = hm_align_down(from - size, align);
		if (next < HINT_FLOOR)
			return 0;
	} while (!hm_cas_weak_acq_rel(&lowest, &old, next));
	return next;
}

/* The place in the window `w`, and in *rest what the window then is; 0: it is too short. */
static uintptr_t place_in(uintptr_t w, size_t size, size_t align, uintptr_t *rest)
{
	uintptr_t top = w & ~(uintptr_t)UNIT_MASK, base = top - (w & UNIT_MASK) * UNIT, at;

	if (size > top - base)
		return 0;
	at = hm_align_down(top - size, align);
	if (at < base)
		return 0;
	*rest = at | (at - base) / UNIT;
	return at;
}

/* Two threads may begin one each: then one window is longer than it is used. */
static uintptr_t begin_window(size_t size, size_t align, uint64_t mapped)
{
	size_t length = (size_t)(mapped / 8 < WINDOW_MAX ? mapped / 8 : WINDOW_MAX), least;
	uintptr_t base, at, rest;

	if (length < WINDOW_MIN)
		length = WINDOW_MIN;
	if (hm_add_overflows(size, align, &least))
		return 0;
	length = hm_align_up(length < least ? least : length, UNIT);
	if (length / UNIT > UNIT_MASK)
		return 0;
	base = take_lowest(length, UNIT);
	if (base == 0)
		return 0;
	at = place_in((base + length) | length / UNIT, size, align, &rest);
	hm_store_relaxed(&window, rest);
	return at;
}

uintptr_t hm_place_take(size_t size, size_t align, bool apart, uint64_t mapped)
{
	uintptr_t old = hm_load_relaxed(&window), rest, at;

	if (!apart || align < UNIT)
		return take_lowest(size, align);
	while ((at = place_in(old, size, align, &rest)) != 0)
		if (hm_cas_weak_acq_rel(&window, &old, rest))
			return at;
	return begin_window(size, align, mapped);
}

void hm_place_found(uintptr_t at)
{
	hm_store_relaxed(&lowest, at);
}

void hm_place_leave_window(void)
{
	hm_store_relaxed(&window, 0);
}

void hm_place_freed(uintptr_t at, size_t size)
{
	uintptr_t base = at, w = hm_load_relaxed(&window), left = w & UNIT_MASK;
	size_t units = (size + UNIT_MASK) / UNIT;

	if (hm_load_relaxed(&lowest) == at)
		(void)hm_cas_acq_rel(&lowest, &base, at + size);
	else if (w - left == at && left + units <= UNIT_MASK)
		(void)hm_cas_acq_rel(&window, &w, at + units * UNIT + left + units);
}
