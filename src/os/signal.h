/*
 * signal.h - a signal that the program does not use, taken for the library.
 *
 * owns: nothing. libc's sigaction is looked up: the kernel's wants a way back that only libc has.
 * called from: report/dump.c, when an option asks for it.
 */
#ifndef HM_OS_SIGNAL_H
#define HM_OS_SIGNAL_H

#include "base/base.h"

/*
 * Has `handler` called for the signal, if that has its default action now, and is none that means
 * an error, the end or a child's: else false, and nothing changed. System calls that it interrupts
 * go on. From the constructor only: takes the loader's lock.
 */
bool hm_os_signal_take(int sig, void (*handler)(int));

#endif
