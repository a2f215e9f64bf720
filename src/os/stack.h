/*
 * stack.h - the calling thread's stack as a list of return addresses.
 *
 * owns: what was found out about the unwinder, and where the library's own code lies.
 * Two ways. By frame pointers: every word is read through the kernel, so that what is no frame
 * ends the list and never faults; good where programs are built with them. By the unwinder of
 * C++'s exceptions (libgcc_s): good everywhere, and taken only where it takes no lock of the
 * loader's (glibc 2.35 with gcc 12 and later); else a thread that allocates while it holds a lock
 * of the program's would wait for one that loads a library and waits for that lock.
 * No function here allocates, takes a lock of the library's or changes errno, but for the first.
 * called from: heap/profile.c.
 */
#ifndef HM_OS_STACK_H
#define HM_OS_STACK_H

#include "base/base.h"

/* Frames of a stack that are told; the outer ones of a deeper one are not. */
#define HM_STACK_MAX 192

enum hm_stack_way { HM_STACK_AUTO, HM_STACK_FRAMES, HM_STACK_UNWIND };

/*
 * From now on stacks are taken so; AUTO: by the unwinder if it can be had. The way that it is in
 * fact. Loads a library at first: no lock may be held that a constructor of the program could want.
 */
enum hm_stack_way hm_os_stack_prepare(enum hm_stack_way wanted);

/*
 * Return addresses, the innermost first, without those in the library itself. How many; after
 * hm_os_stack_prepare.
 */
unsigned hm_os_stack_take(uintptr_t pcs[HM_STACK_MAX]);

/* Does the address lie in the unwinder, which must not be entered from inside? */
bool hm_os_stack_is_unwinder(const void *pc);

#endif
