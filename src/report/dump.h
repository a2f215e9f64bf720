/*
 * dump.h - statistics that nobody calls for: at exit, and on a signal, to standard error or a
 * file (options stats, stats_format, stats_file, stats_signal).
 *
 * owns: the word that says that a signal came.
 * The signal's handler sets that word, and no more: statistics take locks. They are written by
 * the helper thread if there is one, and a file, which the handler wakes; else by the thread that
 * next finds its lists empty, or asks for a large block.
 * called from: api/.
 */
#ifndef HM_REPORT_DUMP_H
#define HM_REPORT_DUMP_H

#include "base/atomic.h"
#include "base/base.h"

/* From the constructor, after the options were read. */
void hm_dump_start(void);

/* At exit: what another thread is writing comes to its end, if that takes no second. */
void hm_dump_finish(void);

extern _Atomic uint32_t hm_dump_due; /* a bool */
void hm_dump_if_due(void);

/* On slow paths, where no lock of the library is held. */
hm_inline void hm_dump_point(void)
{
	if (hm_unlikely(hm_load_relaxed(&hm_dump_due)))
		hm_dump_if_due();
}

#endif
