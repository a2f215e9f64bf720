/*
 * ctl_ask.h - asking a process for something by its mailbox (report/channel.h).
 *
 * owns: nothing.
 * called from: tools/ctl*.c.
 */
#ifndef HM_TOOLS_CTL_ASK_H
#define HM_TOOLS_CTL_ASK_H

#include "tools/ctl_target.h"

enum asked {
	ASKED_ANSWERED,
	ASKED_CLOSED,  /* it runs without expose */
	ASKED_HELPLESS, /* its helper thread is not there: a fork's child has none at first */
	ASKED_TRACED,  /* by another program, which the kernel allows one of */
	ASKED_STOPPED,
	ASKED_BUSY,    /* somebody else is asking */
	ASKED_SILENT,
	ASKED_REFUSED, /* the kernel does not let its helper be woken */
	ASKED_GONE,
};

struct reply {
	enum hm_mail_status status;
	char *text; /* the caller frees it; ends in a 0 */
	size_t size;
	long tracer;
};

/* Waits for so long at most. */
enum asked ask(const struct target *t, enum hm_command command, const char *text, long ms,
	       struct reply *reply);

#endif
