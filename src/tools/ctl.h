/*
 * ctl.h - the parts of hakmem-ctl.
 *
 * owns: nothing.
 * called from: tools/ctl.c.
 */
#ifndef HM_TOOLS_CTL_H
#define HM_TOOLS_CTL_H

#include "tools/ctl_ask.h"
#include "tools/ctl_target.h"
#include "tools/tool.h"

/* Exit codes. */
enum {
	CTL_DONE = 0,
	CTL_REFUSED = 1, /* by the process: no such option, a bad value */
	CTL_CANNOT = 2,  /* the command line, a file */
	CTL_GONE = 3,
	CTL_DENIED = 4,
	CTL_NONE = 5, /* no hakmem in it, or one that this program does not know */
	CTL_CLOSED = 6,
	CTL_SILENT = 7,
};

struct ctl {
	bool json, all;
	long timeout, interval; /* milliseconds */
	long iterations;        /* 0: no end */
};

/* Opens the process, or ends the program with a line that says why not. */
void ctl_open(struct target *t, long pid);

/* Every process in turn; returns how many could not be looked at. */
unsigned ctl_each(void (*f)(struct target *t, enum target_kind kind, void *arg), void *arg);

/* "1.5G", in at most 6 characters. */
const char *ctl_size(char buf[16], uint64_t bytes);

/* ctl_list.c; ctl_top.c: of one process, or of all (0). */
int ctl_list(const struct ctl *c);
int ctl_top(const struct ctl *c, long pid);

#endif
