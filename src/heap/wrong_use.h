/*
 * wrong_use.h - what to say, and to do, about a pointer that is not a live block.
 *
 * owns: the two doors to the malloc behind ours, for blocks that are glibc's.
 * One line on stderr with the pointer, its class and slab and the mapping it
 * lies in, then abort. Cold; takes locks from the large blocks' on; reads
 * /proc/self/maps when the address is nobody's.
 * called from: heap/, when the checks of a fast or slow path have failed.
 */
#ifndef HM_HEAP_WRONG_USE_H
#define HM_HEAP_WRONG_USE_H

#include "base/base.h"

/*
 * The next `free` and `malloc_usable_size` in the program's search order, or
 * NULL; set once, at load, by api/override_libc.c. A block of glibc's heap gets
 * to us when a library was bound to glibc's malloc (RTLD_DEEPBIND, dlmopen) or
 * before we were there.
 */
extern void (*hm_next_free)(void *p);
extern size_t (*hm_next_usable)(void *p);

/*
 * `entry` ("free", ...) got p, not NULL, which is not a live block. A block of
 * glibc's heap goes to hm_next_free and the call returns; anything else ends
 * the process.
 */
hm_cold void hm_wrong_use_free(void *p, const char *entry);

/*
 * The same for realloc: the usable size of a block of glibc's heap, which the
 * caller copies and then gives to hm_wrong_use_free; anything else ends the process.
 */
hm_cold size_t hm_wrong_use_realloc(void *p);

/*
 * A sized free named a size (align 0: or none) that the block p cannot have.
 * Ends the process at guard level full; otherwise returns, since the true size is known.
 */
hm_cold void hm_wrong_use_size(const void *p, size_t n, size_t align);

/*
 * Run-time checks: what they found about the block p, with one more value (name NULL: none)
 * and the size that was asked for (SIZE_MAX: not known).
 */
hm_cold hm_noreturn void hm_wrong_use_checked(const void *p, const char *entry, const char *what,
					      const char *name, size_t value, size_t asked);

/* Full guards: byte `at` of the free block u of a class was written to. */
hm_cold hm_noreturn void hm_wrong_use_written(const void *u, size_t at, unsigned cls);

#endif
