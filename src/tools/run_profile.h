/*
 * run_profile.h - running a program with a heap profile (hakmem-run --profile).
 *
 * owns: nothing.
 * called from: tools/run.c.
 */
#ifndef HM_TOOLS_RUN_PROFILE_H
#define HM_TOOLS_RUN_PROFILE_H

#include "tools/tool.h"

struct run_profile {
	char file[4096]; /* what was asked for, as a full path */
	char prof[4096]; /* hakmem-prof, if it has to convert */
	bool converts;
};

/*
 * Sets the library's options. A file that cannot be written, or a suffix that needs a hakmem-prof
 * that is not there, ends the program with a line.
 */
void run_profile_prepare(struct run_profile *r, const char *file);

/*
 * In a child start() is called, which does not return; after its end its profile is brought where
 * it was asked for. What the program's exit status is; a signal that ended it ends this one, too.
 */
int run_profile_finish(const struct run_profile *r, void (*start)(void *arg), void *arg);

#endif
