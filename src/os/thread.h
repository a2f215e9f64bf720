/*
 * thread.h - a thread of the library's own: making one, and how it sleeps.
 *
 * owns: libc's functions that make threads, looked up when they are asked for:
 * each name that the library takes from libc costs every process at its start.
 * called from: heap/background.c; the table is api/override_libc.c's.
 */
#ifndef HM_OS_THREAD_H
#define HM_OS_THREAD_H

#include "base/base.h"

#include <pthread.h>
#include <signal.h>

typedef int hm_os_sigaction(int, const struct sigaction *, struct sigaction *);

struct hm_os_thread_names {
	int (*create)(pthread_t *, const pthread_attr_t *, void *(*)(void *), void *);
	int (*attr_init)(pthread_attr_t *);
	int (*attr_setstacksize)(pthread_attr_t *, size_t);
	int (*detach)(pthread_t);
	hm_os_sigaction *sigaction; /* signal.h */
};

/* Those of a static program, where nothing can be looked up; the shared library has none. */
extern const struct hm_os_thread_names hm_os_static_names
	__attribute__((weak, visibility("hidden")));

/* From the constructor only: may allocate, takes the loader's lock. */
void hm_os_thread_find(void);

/*
 * Starts f in a detached thread with a small stack, in which all signals are blocked but those
 * that libc needs for itself (setuid in all threads). 0, or the error. Keeps errno. Allocates
 * through malloc, and takes locks of libc. The fail hook's name for it is "thread".
 */
int hm_os_thread_start(void *(*f)(void *));

/*
 * For a thread of the library's own alone: it leaves the process's table of open files, so that no
 * number is taken from the program, and no file of it stays open. False: the kernel cannot
 * (before 5.9), or there is a filter of system calls, which might kill.
 */
bool hm_os_thread_leave_files(void);

/* Names the calling thread; at most 15 bytes. */
void hm_os_thread_name(const char *name);

/* What tells the calling thread from all others that live. */
const void *hm_os_thread_self(void);

/* The process that really runs: a child of vfork is not its parent, whose memory it has. */
int hm_os_process(void);

/* The calling thread's number. */
int hm_os_thread_number(void);

/* pthread_atfork. */
void hm_os_at_fork(void (*before)(void), void (*in_parent)(void), void (*in_child)(void));

#define HM_FOREVER UINT64_MAX

/* As hm_os_futex_wait, for so many milliseconds at most. False: the kernel refuses to. */
bool hm_os_futex_wait_ms(uint32_t *word, uint32_t expected, uint64_t ms);

#endif
