/*
 * output.c - buffered output, and the file that it may go to.
 *
 * owns: nothing.
 * called from: os/output.h's users.
 */
#include "base/base.h"
#include "os/output.h"

#include "os/os.h"
#include "os/print.h"
#include "os/stat.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/types.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

/* 32-bit systems with 64-bit time only. */
#if !defined(SYS_ppoll) && defined(SYS_ppoll_time64)
#define SYS_ppoll SYS_ppoll_time64
#define SYS_rt_sigtimedwait SYS_rt_sigtimedwait_time64
typedef long long kernel_time;
#else
typedef __kernel_long_t kernel_time;
#endif

/* The other one has 16 bits where there are two. */
#if defined(SYS_geteuid32)
#undef SYS_geteuid
#define SYS_geteuid SYS_geteuid32
#endif

struct timeout {
	kernel_time sec, nsec;
};

#define WORD_BITS (sizeof(unsigned long) * 8)
#define SET_BYTES ((size_t)(_NSIG - 1 + 7) / 8)

static void put(struct hm_signals *s, unsigned sig)
{
	s->words[(sig - 1) / WORD_BITS] |= 1ul << (sig - 1) % WORD_BITS;
}

static bool has(const struct hm_signals *s, unsigned sig)
{
	return (s->words[(sig - 1) / WORD_BITS] >> (sig - 1) % WORD_BITS & 1) != 0;
}

/* Waits up to a second for a descriptor that takes nothing now. */
static bool wait_ready(int fd)
{
	struct pollfd p = { .fd = fd, .events = POLLOUT };
	struct timeout second = { 1, 0 };

	return syscall(SYS_ppoll, &p, 1, &second, NULL, 0) > 0;
}

static bool write_all(int fd, const char *text, size_t len)
{
	while (len > 0) {
		long n = syscall(SYS_write, fd, text, len);

		if (n < 0 && (errno == EINTR || (errno == EAGAIN && wait_ready(fd))))
			continue;
		if (n <= 0)
			return false;
		text += n;
		len -= (size_t)n;
	}
	return true;
}

void hm_out_begin(struct hm_out *o, int fd)
{
	int saved = errno;
	struct hm_signals ours = { { 0 } };

	o->fd = fd;
	o->at = NULL;
	o->failed = false;
	o->len = 0;
	put(&ours, SIGPIPE);
	put(&ours, SIGXFSZ);
	memset(&o->pending, 0, sizeof o->pending);
	(void)syscall(SYS_rt_sigprocmask, SIG_BLOCK, &ours, &o->old, SET_BYTES);
	(void)syscall(SYS_rt_sigpending, &o->pending, SET_BYTES);
	errno = saved;
}

/*
 * A write that fails has sent its thread the signal before it returns: that one is taken back,
 * unless one was pending before, for then it is the program's.
 */
static void take_back(const struct hm_out *o, unsigned sig)
{
	struct hm_signals set = { { 0 } };
	struct timeout none = { 0, 0 };

	put(&set, sig);
	if (!has(&o->pending, sig))
		(void)syscall(SYS_rt_sigtimedwait, &set, NULL, &none, SET_BYTES);
}

static void flush_to_memory(struct hm_out *o)
{
	size_t n = o->len < o->room ? o->len : o->room;

	memcpy(o->at, o->buf, n);
	o->at += n;
	o->room -= n;
	o->total += o->len;
	o->len = 0;
}

static void flush_to_file(struct hm_out *o)
{
	int saved = errno;

	if (!o->failed && !write_all(o->fd, o->buf, o->len)) {
		o->failed = true;
		if (errno == EPIPE)
			take_back(o, SIGPIPE);
		else if (errno == EFBIG)
			take_back(o, SIGXFSZ);
	}
	o->len = 0;
	errno = saved;
}

static void flush(struct hm_out *o)
{
	if (o->at != NULL)
		flush_to_memory(o);
	else
		flush_to_file(o);
}

void hm_out_begin_memory(struct hm_out *o, char *buf, size_t size)
{
	o->fd = -1;
	o->at = buf;
	o->room = size;
	o->total = o->len = 0;
	o->failed = false;
}

size_t hm_out_end_memory(struct hm_out *o)
{
	flush(o);
	return o->total;
}

void hm_out_end(struct hm_out *o)
{
	int saved = errno;

	flush(o);
	(void)syscall(SYS_rt_sigprocmask, SIG_SETMASK, &o->old, NULL, SET_BYTES);
	errno = saved;
}

void hm_out_char(struct hm_out *o, char c)
{
	if (o->len == sizeof o->buf)
		flush(o);
	o->buf[o->len++] = c;
}

void hm_out_str(struct hm_out *o, const char *s)
{
	while (*s != '\0')
		hm_out_char(o, *s++);
}

void hm_out_dec_pad(struct hm_out *o, uint64_t v, unsigned width)
{
	char digits[32];
	struct hm_text t;

	hm_text_init(&t, digits, sizeof digits);
	hm_text_dec_pad(&t, v, width < sizeof digits ? width : (unsigned)sizeof digits - 1);
	hm_out_str(o, digits);
}

void hm_out_dec(struct hm_out *o, uint64_t v)
{
	hm_out_dec_pad(o, v, 0);
}

void hm_out_hex(struct hm_out *o, uint64_t v)
{
	char digits[32];
	struct hm_text t;

	hm_text_init(&t, digits, sizeof digits);
	hm_text_hex(&t, v);
	hm_out_str(o, digits);
}

void hm_out_str_pad(struct hm_out *o, const char *s, unsigned width)
{
	for (; *s != '\0'; s++, width -= width > 0)
		hm_out_char(o, *s);
	for (; width > 0; width--)
		hm_out_char(o, ' ');
}

static bool is_ours(int fd)
{
	struct hm_os_stat st;

	return hm_os_stat(fd, &st) && S_ISREG(st.mode) && st.links == 1 &&
	       st.uid == (uint32_t)syscall(SYS_geteuid);
}

int hm_os_open_append(const char *path)
{
	int saved = errno;
	/* A FIFO that nobody reads is not waited for. */
	int flags = O_WRONLY | O_APPEND | O_CREAT | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC;
	long fd = syscall(SYS_openat, AT_FDCWD, path, flags, 0600);

	if (fd >= 0 && !is_ours((int)fd)) {
		hm_os_close((int)fd);
		fd = -1;
	}
	errno = saved;
	return (int)fd;
}

int hm_os_open_anew(const char *path)
{
	int saved = errno, fd = hm_os_open_append(path);

	if (fd >= 0 && syscall(SYS_ftruncate, fd, 0ul) != 0) {
		hm_os_close(fd);
		fd = -1;
	}
	errno = saved;
	return fd;
}
