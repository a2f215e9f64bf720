/*
 * selftest.h - whether a library may be preloaded into every program: tried before it is.
 *
 * owns: nothing.
 * called from: tools/preload.c.
 */
#ifndef HM_TOOLS_SELFTEST_H
#define HM_TOOLS_SELFTEST_H

#include "tools/place.h"

/* The file, as programs see it: hakmem, for this machine, and nobody's but root's. Else a line. */
bool selftest_library(const struct place *p, const char *path);

/*
 * What the list should name: the path, or with $LIB, which the loader of each architecture fills
 * in, when that was seen to lead to the same file.
 */
void selftest_entry(const struct place *p, const char *path, char *entry, size_t size);

/* Whether another entry of the list is an allocator: only the first would serve. Then a line. */
bool selftest_rival(const struct place *p, const char *entry);

/* Programs of the system do with it what they do without. Else a line about the first. */
bool selftest_programs(const struct place *p, const char *entry);

/* The same for what is in force already: that programs run at all. */
bool selftest_alive(const struct place *p);

/* Whether the loader finds and loads what an entry names: 1, 0, or -1 when it cannot be asked. */
int selftest_loads(const struct place *p, const char *entry);

#endif
