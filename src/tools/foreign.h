/*
 * foreign.h - programs of other architectures on the same system: whether what the loader's list
 * names is there for them, too.
 *
 * owns: nothing.
 * called from: tools/preload.c.
 */
#ifndef HM_TOOLS_FOREIGN_H
#define HM_TOOLS_FOREIGN_H

#include "tools/place.h"

/* A line for each architecture that has a libc but not the library: its programs will complain. */
void foreign_warn(const struct place *p, const char *entry);

#endif
