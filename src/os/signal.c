/*
 * signal.c - taking a signal.
 *
 * owns: nothing.
 * called from: os/signal.h's users.
 */
#include "base/base.h"
#include "os/signal.h"

#include "os/thread.h"

#include <dlfcn.h>
#include <errno.h>
#include <signal.h>
#include <string.h>

extern __typeof__(dlsym) dlsym __attribute__((weak));

/* Signals whose default is what the program, or whoever sends them, relies on. */
static bool is_taken_for(int sig)
{
	switch (sig) {
	case SIGABRT:
	case SIGBUS:
	case SIGCHLD:
	case SIGCONT:
	case SIGFPE:
	case SIGILL:
	case SIGINT:
	case SIGKILL:
	case SIGPIPE:
	case SIGSEGV:
	case SIGSTOP:
	case SIGSYS:
	case SIGTERM:
	case SIGTRAP:
	case SIGTSTP:
	case SIGTTIN:
	case SIGTTOU:
	case 32: /* libc's own */
	case 33:
		return true;
	default:
		return sig < 1 || sig >= _NSIG;
	}
}

static hm_os_sigaction *find(void)
{
	void *(*look_up)(void *, const char *) = dlsym;
	hm_os_sigaction *f = NULL;

	if (&hm_os_static_names != NULL)
		return hm_os_static_names.sigaction;
	if (look_up != NULL)
		*(void **)&f = look_up(RTLD_DEFAULT, "sigaction");
	return f;
}

bool hm_os_signal_take(int sig, void (*handler)(int))
{
	int saved = errno;
	hm_os_sigaction *f = is_taken_for(sig) ? NULL : find();
	struct sigaction old, new;
	bool done = false;

	memset(&new, 0, sizeof new);
	new.sa_handler = handler;
	new.sa_flags = SA_RESTART | SA_ONSTACK;
	if (f != NULL && f(sig, NULL, &old) == 0 && !(old.sa_flags & SA_SIGINFO) &&
	    old.sa_handler == SIG_DFL)
		done = f(sig, &new, NULL) == 0;
	errno = saved;
	return done;
}
