/*
 * option.h - the library's options on a command line.
 *
 * owns: nothing; the table is the library's own, of the same build.
 * called from: tools/run.c.
 */
#ifndef HM_TOOLS_OPTION_H
#define HM_TOOLS_OPTION_H

#include "tools/tool.h"

/*
 * "key=value" as the library's variable in the environment. False, with one line, when there is no
 * such option or the library would not take the value.
 */
bool option_set(const char *setting);

/* Name, what it takes and its text, a line each. */
void option_list(void);

#endif
