/*
 * thread.c - a thread of the library's own: making one, and how it sleeps; handlers of fork.
 *
 * owns: the functions that were found.
 * called from: heap/background.c, heap/fork.c.
 */
#include "base/base.h"
#include "os/thread.h"

#include "os/filter.h"
#include "os/os.h"

#include <dlfcn.h>
#include <errno.h>
#include <limits.h>
#include <linux/futex.h>
#include <linux/types.h>
#include <pthread.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#if !defined(SYS_futex) && defined(SYS_futex_time64)
#define SYS_futex SYS_futex_time64
typedef long long kernel_time;
#else
typedef __kernel_long_t kernel_time;
#endif

#ifndef SYS_close_range
#define SYS_close_range 436
#endif
#define UNSHARE 2u /* CLOSE_RANGE_UNSHARE */

extern __typeof__(dlsym) dlsym __attribute__((weak));

static struct hm_os_thread_names names;

void hm_os_thread_find(void)
{
	void *(*look_up)(void *, const char *) = dlsym;

	if (&hm_os_static_names != NULL) {
		names = hm_os_static_names;
		return;
	}
	if (look_up == NULL)
		return;
	/* A function pointer out of an object pointer, as POSIX says that dlsym is used. */
	*(void **)&names.create = look_up(RTLD_DEFAULT, "pthread_create");
	*(void **)&names.attr_init = look_up(RTLD_DEFAULT, "pthread_attr_init");
	*(void **)&names.attr_setstacksize = look_up(RTLD_DEFAULT, "pthread_attr_setstacksize");
	*(void **)&names.detach = look_up(RTLD_DEFAULT, "pthread_detach");
}

/* The kernel's set of signals, which is shorter than libc's. */
#define SET_BITS (sizeof(unsigned long) * CHAR_BIT)
#define SET_BYTES ((size_t)(_NSIG - 1 + CHAR_BIT - 1) / CHAR_BIT)

struct set {
	unsigned long words[128 / SET_BITS];
};

static void take_out(struct set *set, unsigned sig)
{
	set->words[(sig - 1) / SET_BITS] &= ~(1ul << (sig - 1) % SET_BITS);
}

/* glibc has two signals for itself, musl three. */
#define LIBC_SIGNAL 32u
#if defined(__GLIBC__)
#define LIBC_SIGNAL_LAST 33u
#else
#define LIBC_SIGNAL_LAST 34u
#endif

/*
 * All but those that libc keeps for itself and sends to each thread, and waits until each has
 * handled it: with these blocked, setuid would hang.
 */
static void block_signals(struct set *old)
{
	struct set set;

	memset(&set, 0xff, sizeof set);
	for (unsigned sig = LIBC_SIGNAL; sig <= LIBC_SIGNAL_LAST; sig++)
		take_out(&set, sig);
	(void)syscall(SYS_rt_sigprocmask, SIG_SETMASK, &set, old, SET_BYTES);
}

static void restore_signals(const struct set *old)
{
	(void)syscall(SYS_rt_sigprocmask, SIG_SETMASK, old, NULL, SET_BYTES);
}

/* A stack of so many bytes, or libc's usual one. */
static int create(void *(*f)(void *), size_t stack)
{
	pthread_attr_t attr, *at = NULL;
	pthread_t id;
	int error;

	if (stack != 0 && names.attr_init != NULL && names.attr_setstacksize != NULL &&
	    names.attr_init(&attr) == 0) {
		at = &attr;
		error = names.attr_setstacksize(at, stack);
		if (error != 0)
			return error;
	}
	/* With nothing in it that was allocated, the attribute needs no destruction. */
	error = names.create(&id, at, f, NULL);
	if (error == 0 && names.detach != NULL)
		(void)names.detach(id);
	return error;
}

int hm_os_thread_start(void *(*f)(void *))
{
	/* Of libc's least, and of what a program has of static TLS, depends what is too little. */
	static const size_t stacks[] = { (size_t)128 << 10, (size_t)1 << 20, 0 };
	int saved = errno, error = EINVAL;
	struct set old;

	if (names.create == NULL)
		return ENOSYS;
	if (hm_os_fail_hook != NULL && hm_os_fail_hook("thread"))
		return EAGAIN;
	block_signals(&old);
	for (unsigned i = 0; i < sizeof stacks / sizeof stacks[0] && error == EINVAL; i++)
		error = create(f, stacks[i]);
	restore_signals(&old);
	errno = saved;
	return error;
}

void hm_os_thread_name(const char *name)
{
	int saved = errno;

	(void)syscall(SYS_prctl, PR_SET_NAME, name, 0, 0, 0);
	errno = saved;
}

bool hm_os_thread_leave_files(void)
{
	int saved = errno;
	bool left = !hm_os_is_filtered() && syscall(SYS_close_range, 0u, UINT_MAX, UNSHARE) == 0;

	errno = saved;
	return left;
}

const void *hm_os_thread_self(void)
{
	return &errno;
}

int hm_os_process(void)
{
	return (int)syscall(SYS_getpid);
}

int hm_os_thread_number(void)
{
	return (int)syscall(SYS_gettid);
}

bool hm_os_futex_wait_ms(uint32_t *word, uint32_t expected, uint64_t ms)
{
	struct {
		kernel_time sec, nsec;
	} limit = { (kernel_time)(ms / 1000), (kernel_time)(ms % 1000 * 1000000) };
	int saved = errno;
	bool can = syscall(SYS_futex, word, FUTEX_WAIT_PRIVATE, expected,
			   ms == HM_FOREVER ? NULL : &limit, NULL, 0) == 0 ||
		   errno == ETIMEDOUT || errno == EAGAIN || errno == EINTR;

	errno = saved;
	return can;
}

/*
 * What pthread_atfork says whose handlers these are. The compiler's start files have one, and the
 * shared library is linked without them; where they are, theirs counts.
 */
extern void *__dso_handle __attribute__((weak, visibility("hidden")));
void *__dso_handle = &__dso_handle;

#if defined(__GLIBC__)
/* All that glibc's pthread_atfork calls, which would be on a page of our text of its own. */
int __register_atfork(void (*before)(void), void (*in_parent)(void), void (*in_child)(void),
		      void *dso);
#endif

HM_START_CODE void hm_os_at_fork(void (*before)(void), void (*in_parent)(void),
				 void (*in_child)(void))
{
#if defined(__GLIBC__)
	(void)__register_atfork(before, in_parent, in_child, __dso_handle);
#else
	(void)pthread_atfork(before, in_parent, in_child);
#endif
}
