/*
 * dirty.h - word that memory became free and is resident still, for the helper thread.
 *
 * owns: one word: 0 nobody wants to know, or it is known; else to be told. And the bell, on which
 * the helper sleeps: it changes when the helper is wanted, for whatever reason, and who changes it
 * may be another program (report/channel.h). So nothing is concluded from its value.
 * While the helper sleeps for good one wake is sent, then none before it has set the word anew,
 * half a purge delay later at the earliest. Without the helper the word is 0 for ever.
 * called from: pool/ (note), heap/background.c (the rest).
 */
#ifndef HM_POLICY_DIRTY_H
#define HM_POLICY_DIRTY_H

#include "base/atomic.h"
#include "base/base.h"

enum { HM_DIRTY_KNOWN, HM_DIRTY_TELL, HM_DIRTY_WAKE };

extern _Atomic uint32_t hm_dirty_word;

extern _Atomic uint32_t hm_dirty_bell;

void hm_dirty_tell(void);

/* The helper wakes, or does not fall asleep. In a signal's handler, too. */
void hm_dirty_ring(void);

/* After the change, with no lock held. */
hm_inline void hm_dirty_note(void)
{
	if (hm_unlikely(hm_load_relaxed(&hm_dirty_word) != HM_DIRTY_KNOWN))
		hm_dirty_tell();
}

/* The calling thread is the helper: what it notes itself does not count. */
void hm_dirty_attach(void);

/* Was anything noted since the last call? From now on it is wanted again. */
bool hm_dirty_noted(void);

/*
 * Sleeps until something is noted, the bell, whose last value is given, rings, or it is stopped;
 * not if something was noted since the last hm_dirty_noted. False: it cannot sleep.
 */
bool hm_dirty_sleep(uint32_t bell);

/* Was it the bell alone? Then it may sleep again. */
bool hm_dirty_is_asleep(void);

/* Nobody wants to know any more; a sleeper wakes. In a fork child: there is none. */
void hm_dirty_stop(void);

#endif
