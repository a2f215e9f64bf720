/*
 * inherit.h - what hakmem-run --no-inherit asks for: the programs that this one starts run without
 * the library.
 *
 * The loader has read LD_PRELOAD before anything runs; what stands there later is for children
 * only. HAKMEM_NO_INHERIT is the number of the process that it concerns, since by any other it was
 * inherited. The library's name, the first in LD_PRELOAD, is cut out of that string where it lies.
 * No entry of the environment moves or goes: there are programs that find other things behind
 * them. Nothing is allocated and no lock taken, as unsetenv(3) would.
 * owns: nothing.
 * called from: policy/environment.c, before main.
 */
#ifndef HM_POLICY_INHERIT_H
#define HM_POLICY_INHERIT_H

#include "base/base.h"

/* environment: as environ is, not NULL. */
void hm_inherit_end(char **environment);

/* Whether the entry is that variable, which is no option. */
bool hm_inherit_is_asked(const char *entry);

#endif
