/*
 * channel.h - what other programs may ask a process for (option expose): statistics, a purge,
 * options.
 *
 * owns: nothing that others see but the mailbox's answer (view.h).
 * Who may trace a process, its user and root, writes a mail into its mailbox, changes the ticket
 * and rings the helper's bell. The kernel does not wake the helper for that, which sleeps on a
 * word of its own process: the other program has the kernel interrupt the helper's sleep (ptrace,
 * PTRACE_INTERRUPT), which then begins again, and finds the bell changed. No other thread of the
 * process is concerned. The helper answers in memory of the process, which the other program
 * reads. What is in the mailbox is believed in nothing: it is copied once, and checked.
 * Neither a fork nor an exec inherits it: the mailbox has the number of its process.
 * called from: api/start.c.
 */
#ifndef HM_REPORT_CHANNEL_H
#define HM_REPORT_CHANNEL_H

#include "base/base.h"

/* From the constructor, after the options were read. */
void hm_channel_start(void);

/* What the helper does when it is woken; tests call it as if they were it. */
void hm_channel_serve(void);

#endif
