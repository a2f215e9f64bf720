/*
 * compare_table.h - what was measured, and how it is shown.
 *
 * owns: nothing.
 * called from: tools/compare.c.
 */
#ifndef HM_TOOLS_COMPARE_TABLE_H
#define HM_TOOLS_COMPARE_TABLE_H

#include "tools/compare.h"

enum compare_value { COMPARE_WALL, COMPARE_CPU, COMPARE_PEAK, COMPARE_FAULTS, COMPARE_VALUES };

/* Seconds, seconds, MiB and a number; status as wait(2) has it. */
struct compare_sample {
	double values[COMPARE_VALUES];
	int status;
};

/* What a side is called: its file's name without lib and .so; NULL is glibc's own malloc. */
const char *compare_name(const char *library);

/* samples: c->rounds for each side, of which the first `rounds` are there. */
void compare_print(const struct compare *c, const struct compare_sample *samples, unsigned rounds);

#endif
