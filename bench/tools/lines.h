/*
 * lines.h - what the run-time's names (tsan.c) tell the simulated caches (lines.c).
 *
 * owns: nothing.
 * called from: bench/tools/tsan.c and bench/tools/lines.c, both of counted.so.
 */
#ifndef HM_BENCH_LINES_H
#define HM_BENCH_LINES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

void hm_lines_read(const void *p, size_t n);
void hm_lines_write(const void *p, size_t n);
void hm_lines_modify(const void *p);
/* After an attempt to take the lock whose word p is: it was taken, or somebody else had it. */
void hm_lines_lock(const void *p, bool taken);
void hm_lines_enter(uintptr_t at);

#endif
