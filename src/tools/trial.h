/*
 * trial.h - enabling for a while: a process in the background takes the entry out again, unless it
 * is told to keep it.
 *
 * NAME.hakmem-trial holds that process's number and the time, in seconds since 1970, when it will
 * act. Whoever removes the file ends the trial.
 * owns: that file.
 * called from: tools/preload.c.
 */
#ifndef HM_TOOLS_TRIAL_H
#define HM_TOOLS_TRIAL_H

#include "tools/place.h"

struct trial {
	bool there, watched; /* watched: by a process that lives */
	long pid, seconds;   /* until it acts */
};

void trial_read(const struct place *p, struct trial *out);

/* Ends a trial, so that the list stays as it is. The lock is held. */
bool trial_end(const struct place *p);

/*
 * Starts the process that will put `before` back in place of `after`. The lock is held. Returns a
 * descriptor, for trial_go(), or -1 after a line.
 */
int trial_start(const struct place *p, long seconds, const struct content *before,
		const char *after, size_t size);

/* The list has been changed: the time runs. Not called: it is put back at once. */
void trial_go(int watcher);

#endif
