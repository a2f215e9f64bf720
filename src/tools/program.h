/*
 * program.h - a program that is to run with a preloaded library: where it is, and whether the
 * library can reach it.
 *
 * owns: nothing.
 * called from: tools/run.c, tools/compare.c.
 */
#ifndef HM_TOOLS_PROGRAM_H
#define HM_TOOLS_PROGRAM_H

#include "tools/elf_file.h"
#include "tools/tool.h"

#include <limits.h>

/* Exit codes, as env(1) and nohup(1) have them. */
enum { EXIT_CANNOT = 125, EXIT_NOT_EXECUTABLE = 126, EXIT_NOT_FOUND = 127 };

struct program {
	char path[PATH_MAX];   /* what execve() is given */
	char loaded[PATH_MAX]; /* the ELF file behind it: itself, or a script's interpreter */
	char by_env[256];      /* the word behind a script's "#!/usr/bin/env", if it has that */
	bool without_env;
};

/* What the library is; ends the program with a line when it is not there or nothing of the kind. */
void program_library(const char *path, struct elf_file *out);

/*
 * Finds `name` as a shell would. Ends the program with one line, and the exit code that says so,
 * when it is not there, cannot be executed, or would run without the library.
 */
void program_find(const char *name, const struct elf_file *library, struct program *out);

/*
 * Has a script that says "#!/usr/bin/env NAME" executed by NAME at once, without env in between.
 * Ends the program with a line when env is to do more than that.
 */
void program_skip_env(struct program *program);

/* execve(), by the shell for a file without a head; returns when that failed, with errno. */
void program_exec(const struct program *program, char **arguments);

/* Puts `library` first in LD_PRELOAD, once, before what is there. Ends the program on failure. */
void program_preload(const char *library);

/*
 * Asks the loader, without running the program, what it would load with LD_PRELOAD as it is now
 * and `library`, if any, in front. True when `wanted` is a part of that list.
 */
bool program_loads(const struct program *program, const char *library, const char *wanted);

#endif
