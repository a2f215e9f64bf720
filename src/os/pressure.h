/*
 * pressure.h - memory pressure, as the kernel tells it (PSI, Linux 5.2 and later): of the
 * process's control group and of the machine.
 *
 * owns: nothing; the caller's struct has the files.
 * called from: heap/background.c.
 */
#ifndef HM_OS_PRESSURE_H
#define HM_OS_PRESSURE_H

#include "base/base.h"

#define HM_PRESSURE_FILES 2

struct hm_os_pressure {
	int fds[HM_PRESSURE_FILES];
	unsigned nr; /* that are watched; 0: the kernel has or allows none */
};

/*
 * For a thread of the library's own alone: first it leaves the process's table of open files, so
 * that its files are nobody else's: no number is taken from the program, nothing that the program
 * closes is ours, and no file of the program stays open for us. If the kernel cannot do that
 * (before 5.9), or the thread is under a filter of system calls, nothing is watched.
 */
void hm_os_pressure_open(struct hm_os_pressure *p);

enum hm_slept {
	HM_SLEPT,    /* the time is over, or a signal came */
	HM_PRESSED,  /* memory is short */
	HM_SLEEPLESS /* the kernel refuses */
};

/* Sleeps so many milliseconds, or until memory is short; p->nr > 0. A file that fails goes. */
enum hm_slept hm_os_pressure_wait(struct hm_os_pressure *p, uint32_t ms);

#endif
