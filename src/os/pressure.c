/*
 * pressure.c - memory pressure by PSI triggers.
 *
 * owns: nothing.
 * called from: heap/background.c.
 */
#include "base/base.h"
#include "os/pressure.h"

#include "base/str.h"
#include "os/os.h"
#include "os/print.h"
#include "os/thread.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/types.h>
#include <poll.h>
#include <sys/syscall.h>
#include <unistd.h>

#if !defined(SYS_ppoll) && defined(SYS_ppoll_time64)
#define SYS_ppoll SYS_ppoll_time64
typedef long long kernel_time;
#else
typedef __kernel_long_t kernel_time;
#endif

/* Some thread waited for memory for 150 ms of a second; without privilege, of two (Linux 6.5). */
static bool set_trigger(int fd)
{
	static const char *const triggers[] = { "some 150000 1000000", "some 150000 2000000" };

	for (unsigned i = 0; i < 2; i++)
		if (syscall(SYS_write, fd, triggers[i], hm_str_length(triggers[i]) + 1) > 0)
			return true;
	return false;
}

static void watch(struct hm_os_pressure *p, const char *path)
{
	long fd = syscall(SYS_openat, AT_FDCWD, path, O_RDWR | O_NONBLOCK | O_CLOEXEC);

	if (fd < 0)
		return;
	if (set_trigger((int)fd))
		p->fds[p->nr++] = (int)fd;
	else
		hm_os_close((int)fd);
}

/* The process's group of the one hierarchy (v2): the line "0::/path" of its list. */
static void watch_group(struct hm_os_pressure *p)
{
	char list[1024], path[1100];
	int fd = hm_os_open_read("/proc/self/cgroup");
	struct hm_text t;
	ptrdiff_t n;
	char *at, *end;

	if (fd < 0)
		return;
	n = hm_os_read(fd, list, sizeof list - 1);
	hm_os_close(fd);
	list[n > 0 ? n : 0] = '\0';
	for (at = list; !hm_str_starts(at, "0::/"); at = end + 1) {
		for (end = at; *end != '\n' && *end != '\0'; end++)
			;
		if (*end == '\0')
			return;
	}
	hm_text_init(&t, path, sizeof path);
	hm_text_str(&t, "/sys/fs/cgroup");
	for (at += 3; *at != '\n' && *at != '\0'; at++)
		hm_text_char(&t, *at);
	hm_text_str(&t, "/memory.pressure");
	hm_text_char(&t, '\0');
	watch(p, path);
}

void hm_os_pressure_open(struct hm_os_pressure *p)
{
	int saved = errno;

	p->nr = 0;
	if (hm_os_thread_leave_files()) {
		watch_group(p);
		watch(p, "/proc/pressure/memory");
	}
	errno = saved;
}

static void drop(struct hm_os_pressure *p, unsigned i)
{
	hm_os_close(p->fds[i]);
	p->fds[i] = p->fds[--p->nr];
}

enum hm_slept hm_os_pressure_wait(struct hm_os_pressure *p, uint32_t ms)
{
	struct {
		kernel_time sec, nsec;
	} limit = { (kernel_time)(ms / 1000), (kernel_time)(ms % 1000 * 1000000) };
	struct pollfd polled[HM_PRESSURE_FILES];
	enum hm_slept slept = HM_SLEPT;
	int saved = errno;
	long n;

	for (unsigned i = 0; i < p->nr; i++)
		polled[i] = (struct pollfd){ .fd = p->fds[i], .events = POLLPRI };
	n = syscall(SYS_ppoll, polled, p->nr, &limit, NULL, 0);
	if (n < 0 && errno != EINTR)
		slept = HM_SLEEPLESS;
	for (unsigned i = n > 0 ? p->nr : 0; i-- > 0;) {
		/* The group was removed: told again and again, else. */
		if (polled[i].revents & (POLLERR | POLLNVAL))
			drop(p, i);
		else if (polled[i].revents & POLLPRI)
			slept = HM_PRESSED;
	}
	errno = saved;
	return slept;
}
