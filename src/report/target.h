/*
 * target.h - the files that reports go to: their names, and a word when one cannot be had.
 *
 * owns: nothing.
 * called from: report/.
 */
#ifndef HM_REPORT_TARGET_H
#define HM_REPORT_TARGET_H

#include "base/base.h"

/* The longest name, with its end. */
#define HM_TARGET_NAME 1024

/*
 * Opens the file to append to, or anew, as os/output.h does; %p in its name is the process's
 * number, %% is %. -1, and with verbose one line that names the variable: it cannot be had, or the
 * program has others' rights.
 */
int hm_report_open(const char *name, const char *variable, bool anew);

/* "hakmem: WHATWHY" on standard error, if verbose is on. */
hm_cold void hm_report_say(const char *what, const char *why);

#endif
