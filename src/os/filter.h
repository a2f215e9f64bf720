/*
 * filter.h - filters of system calls (seccomp): may an unusual one be made, that could end the
 * process?
 *
 * owns: whether a filter was there when the process began.
 * Which calls a filter permits cannot be asked. One that was there at the start, a container's or a
 * service's, let the program's own libraries be opened. One that came later is the program's: it
 * expects of malloc what malloc mostly does, and may kill for more.
 * called from: heap/init.c (start); os/, policy/limit.c, pool/superslab_map.c, on slow paths.
 */
#ifndef HM_OS_FILTER_H
#define HM_OS_FILTER_H

#include "base/base.h"

/* From the constructor, before the program can have made one of its own. */
void hm_os_filter_start(void);

/* Is the calling thread under a filter? (a system call) */
bool hm_os_is_filtered(void);

/* May files be opened still? Not under a filter that came after the start. (a system call) */
bool hm_os_may_open(void);

#endif
