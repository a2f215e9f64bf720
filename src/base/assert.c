/*
 * assert.c - one way to die.
 *
 * owns: the replaceable exit.
 * called from: every floor, when an invariant is broken or the caller did what
 * cannot be survived. Stands below os/, so it makes its one system call itself.
 */
#include "base/base.h"
#include "base/assert.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

/* Longer lines are cut: the start says what is wrong. */
#define DIE_LINE 384

void (*hm_die_hook)(const char *text, size_t len);

struct line {
	char text[DIE_LINE];
	size_t len;
};

static void add_text(struct line *l, const char *s)
{
	while (*s != '\0' && l->len < DIE_LINE)
		l->text[l->len++] = *s++;
}

static void add_value(struct line *l, const char *name, uintptr_t v)
{
	char hex[sizeof(v) * 2 + 1];
	size_t at = sizeof(hex) - 1;

	if (name == NULL)
		return;
	hex[at] = '\0';
	do {
		hex[--at] = "0123456789abcdef"[v & 15];
		v >>= 4;
	} while (v != 0);
	add_text(l, " ");
	add_text(l, name);
	add_text(l, "=0x");
	add_text(l, &hex[at]);
}

/* The helper thread has a table of open files of its own: it asks for the process's. */
static hm_cold void say_to_process(const struct iovec parts[2])
{
	long fd = syscall(SYS_openat, AT_FDCWD, "/proc/self/fd/2", O_WRONLY | O_APPEND | O_NOCTTY);

	if (fd >= 0)
		(void)syscall(SYS_writev, fd, parts, 2);
}

void hm_die_text(const char *text, size_t len)
{
	struct iovec parts[2];

	if (hm_die_hook != NULL)
		hm_die_hook(text, len);
	/* iovec has no const; the kernel only reads. */
	parts[0].iov_base = (void *)(uintptr_t)text;
	parts[0].iov_len = len;
	parts[1].iov_base = (void *)(uintptr_t)"\n";
	parts[1].iov_len = 1;
	/* Not writev(3): that is a cancellation point. Nobody is left to hear of a failure. */
	if (syscall(SYS_writev, STDERR_FILENO, parts, 2) < 0 && errno == EBADF)
		say_to_process(parts);
	abort();
}

void hm_die(const char *what, const char *n1, uintptr_t v1, const char *n2, uintptr_t v2,
	    const char *n3, uintptr_t v3)
{
	struct line l;

	l.len = 0;
	add_text(&l, "hakmem: ");
	add_text(&l, what);
	if (n1 != NULL || n2 != NULL || n3 != NULL)
		add_text(&l, ":");
	add_value(&l, n1, v1);
	add_value(&l, n2, v2);
	add_value(&l, n3, v3);
	hm_die_text(l.text, l.len);
}
