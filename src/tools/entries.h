/*
 * entries.h - the text of the loader's list of libraries.
 *
 * Names stand between blanks, tabs, ends of lines and colons; "#" begins a comment, to the end of
 * the line. Whatever is not hakmem's stays as it is, byte by byte.
 * owns: nothing.
 * called from: tools/preload.c, tools/trial.c, tools/doctor_machine.c.
 */
#ifndef HM_TOOLS_ENTRIES_H
#define HM_TOOLS_ENTRIES_H

#include "tools/tool.h"

struct entry {
	size_t at, length;
	bool ours; /* a file named libhakmem*.so* */
};

/* The next name at or behind e->at + e->length; begin with { 0 }. False at the end. */
bool entries_next(const char *text, size_t size, struct entry *e);

/* Whether hakmem is in the list, by `wanted` once and nothing else. */
bool entries_have_only(const char *text, size_t size, const char *wanted);

/* The text without hakmem, and with `added`, if not NULL, in a last line. To be freed. */
char *entries_edit(const char *text, size_t size, const char *added, size_t *new_size);

#endif
