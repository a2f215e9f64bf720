/*
 * place.h - where the next mapping should go.
 *
 * owns: the hints: guesses that the kernel may not follow, never trusted.
 * Mappings go one below the other, so that neighbours of one kind are one mapping of the
 * kernel's, which has a limit for their number. Those with huge pages stand apart from those
 * without, in windows: ranges of addresses in which nothing is mapped before it is needed.
 * called from: os/os_linux.c only. Thread-safe.
 */
#ifndef HM_OS_PLACE_H
#define HM_OS_PLACE_H

#include "base/base.h"

/*
 * A place for `size` bytes (page multiples) at a multiple of `align`, for this caller alone:
 * two threads do not try the same. 0: no guess. apart: in a window; `mapped` bytes, which
 * the library has mapped so far, say how long one is.
 */
uintptr_t hm_place_take(size_t size, size_t align, bool apart, uint64_t mapped);

/* What the last take said was not to be had, and this was: the next goes below it. */
void hm_place_found(uintptr_t at);

/* The window is not as free as it should be: the next begins a new one. */
void hm_place_leave_window(void);

/* The mapping goes: if it is the lowest, the next comes here again. */
void hm_place_freed(uintptr_t at, size_t size);

#endif
