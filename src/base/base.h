/*
 * base.h - the first include of every source file.
 *
 * owns: nothing. Brings in config.h (every HM_ switch is always defined to a
 * number, so that -Wundef finds a misspelt one), the freestanding types, and
 * the few compiler words the code uses.
 * called from: every file.
 */
#ifndef HM_BASE_BASE_H
#define HM_BASE_BASE_H

#include "config.h"

/* The dialect of the whole library: environ, RTLD_NEXT, MREMAP_MAYMOVE. */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE 1
#endif

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define hm_likely(x) __builtin_expect(!!(x), 1)
#define hm_unlikely(x) __builtin_expect(!!(x), 0)

#define hm_inline static inline __attribute__((always_inline))
#define hm_noinline __attribute__((noinline))
/* Off the hot pages: slow paths live in .text.unlikely. */
#define hm_cold __attribute__((noinline, cold))
#define hm_noreturn __attribute__((noreturn))
/*
 * What each process runs and writes when it starts, side by side: a page that is touched for the
 * first time costs as much as a thousand instructions.
 */
#define HM_START_CODE __attribute__((section(".text.startup")))
#define HM_START_DATA __attribute__((section(".data")))
/* For reads of memory that is not ours and may be a sanitizer's own. */
#define hm_no_sanitize __attribute__((no_sanitize_address, no_sanitize_thread))
/* Everything is hidden by -fvisibility=hidden; this is the exception. */
#define HM_EXPORT __attribute__((visibility("default")))

/*
 * The function has a frame pointer, whatever the flags are: for those between a malloc that leaves
 * the fast path and the walk of its stack (os/stack.c).
 */
#define hm_keep_frame() __asm__ volatile("" : : "r"(__builtin_frame_address(0)))

#define hm_container(ptr, type, member)                                                            \
	((type *)(void *)((char *)(ptr)-offsetof(type, member)))

#endif
