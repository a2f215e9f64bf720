/*
 * tool.h - what the command-line programs share: saying things in one line, a text that goes to a
 * terminal or a file safely, the library's file.
 *
 * These are ordinary programs: they use libc as they like, and of the library only its table of
 * options.
 * owns: the program's name.
 * called from: all of tools/.
 */
#ifndef HM_TOOLS_TOOL_H
#define HM_TOOLS_TOOL_H

#include "base/base.h"

#include <stdio.h>

/* For open(2): to look into what may be anything. A pipe is not waited for. */
#define TOOL_READ (O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK)

#define TOOL_FORMAT(f, a) __attribute__((format(printf, f, a)))

extern const char *tool_name;

/* One line on stderr, "NAME: ..."; control characters of file names become question marks. */
TOOL_FORMAT(1, 2) void tool_say(const char *format, ...);
/* The same, then exit(status). */
TOOL_FORMAT(2, 3) hm_noreturn void tool_die(int status, const char *format, ...);

/* What may do something to a terminal becomes question marks: control characters, no UTF-8. */
void tool_make_plain(char *s);

/* Prints the version and ends the program with 0, or `status` when stdout is full. */
hm_noreturn void tool_version(int status);
/* Flushes stdout; a line and `status` when that does not work, else `good`. */
int tool_finish(int good, int status);

/* A string as JSON has it, with its quotes. A byte that is no UTF-8 goes out as Latin 1. */
void tool_json(FILE *out, const char *s);

/* A decimal number from min to max, the whole string; else false. */
bool tool_number(const char *s, long min, long max, long *out);

/*
 * The library's file: beside the program when that lies in a build tree, else where it is
 * installed. variant: NULL, or the V of libhakmem-V.so.1 in the same folder. False when the path is
 * too long.
 */
bool tool_library(const char *variant, bool build_tree, char *path, size_t size);

/* The file of that name in the running program's folder. False: the path is too long. */
bool tool_sibling(const char *name, char *path, size_t size);

/* Whether the loader takes the path in a list of libraries: it splits at these. */
bool tool_path_splits(const char *path);

#endif
