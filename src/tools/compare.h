/*
 * compare.h - one program on several allocators, in turns.
 *
 * owns: nothing.
 * called from: tools/run.c.
 */
#ifndef HM_TOOLS_COMPARE_H
#define HM_TOOLS_COMPARE_H

#include "tools/program.h"

#define COMPARE_SIDES 16
#define COMPARE_ROUNDS 1000

struct compare {
	const struct program *program;
	char **arguments;
	/* Libraries beside glibc's malloc, which is the first side. */
	const char *libraries[COMPARE_SIDES - 1];
	unsigned nr_libraries;
	unsigned rounds;
	const char *output; /* where the program's output goes: a file, "-", or NULL for nowhere */
	bool json;
};

/*
 * Runs and prints. The exit code: 0, or 1 when a run ended otherwise than the first one on glibc's
 * malloc or by a signal; 128 and the signal's number when interrupted.
 */
int compare_run(const struct compare *c);

#endif
