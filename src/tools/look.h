/*
 * look.h - reading files below a root, which may be anything: absent, closed to us, huge, no files.
 *
 * owns: the root.
 * called from: tools/doctor*.c.
 */
#ifndef HM_TOOLS_LOOK_H
#define HM_TOOLS_LOOK_H

#include "tools/tool.h"

enum look { LOOK_GOOD, LOOK_ABSENT, LOOK_DENIED, LOOK_WRONG };

/* Where paths begin, "" for this system itself; without a slash at the end. */
extern const char *look_root;

/* look_root and the path; false when that is too long. size: PATH_MAX does. */
TOOL_FORMAT(3, 4) bool look_path(char *out, size_t size, const char *format, ...);

/*
 * Opens a regular file; a symbolic link of another root leads to a file of that root. -1, and *why
 * with errno for LOOK_WRONG.
 */
int look_open(const char *path, enum look *why);

/* The first size - 1 bytes at most, as a string; *length may be NULL. */
enum look look_read(const char *path, char *buf, size_t size, size_t *length);

/* The same for one word or number: without the newline. LOOK_WRONG when it is empty. */
enum look look_word(const char *path, char *buf, size_t size);

/* One number and nothing else; LOOK_WRONG when it is none. */
enum look look_number(const char *path, unsigned long *out);

/* Whether something has that path. */
bool look_exists(const char *path);

/* "is not there", "may not be read", "makes no sense". */
const char *look_text(enum look why);

#endif
