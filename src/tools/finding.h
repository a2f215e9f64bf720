/*
 * finding.h - what hakmem-doctor found: a line each, with a cure where one is needed.
 *
 * owns: the findings so far.
 * called from: tools/doctor*.c.
 */
#ifndef HM_TOOLS_FINDING_H
#define HM_TOOLS_FINDING_H

#include "tools/tool.h"

enum finding_level { FINDING_OK, FINDING_NOTE, FINDING_PROBLEM };

/* topic: one word, for programs that read JSON. cure: what to do about it, or NULL. */
TOOL_FORMAT(4, 5)
void finding_add(enum finding_level level, const char *topic, const char *cure, const char *format,
		 ...);

/* Prints them, as lines or as JSON about `subject`. True when a problem is among them. */
bool finding_print(bool json, const char *subject);

#endif
