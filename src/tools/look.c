/*
 * look.c - reading files below a root.
 *
 * owns: the root.
 * called from: tools/doctor*.c.
 */
#include "tools/tool.h"
#include "tools/look.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/openat2.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

const char *look_root = "";

bool look_path(char *out, size_t size, const char *format, ...)
{
	size_t n = strlen(look_root);
	va_list list;
	int rest;

	if (n >= size)
		return false;
	memcpy(out, look_root, n + 1);
	va_start(list, format);
	rest = vsnprintf(out + n, size - n, format, list);
	va_end(list);
	return rest >= 0 && (size_t)rest < size - n;
}

static int open_below(const char *path, int flags)
{
	struct open_how how = { .flags = (unsigned)flags, .resolve = RESOLVE_IN_ROOT };
	int root, fd;

	if (*look_root == '\0')
		return open(path, flags);
	root = open(look_root, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (root < 0)
		return -1;
	fd = (int)syscall(SYS_openat2, root, path, &how, sizeof(how));
	close(root);
	return fd;
}

int look_open(const char *path, enum look *why)
{
	int fd = open_below(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
	struct stat st;

	*why = LOOK_GOOD;
	if (fd < 0) {
		*why = errno == ENOENT || errno == ENOTDIR || errno == ESRCH ? LOOK_ABSENT
		       : errno == EACCES || errno == EPERM		     ? LOOK_DENIED
									     : LOOK_WRONG;
		return -1;
	}
	if (fstat(fd, &st) == 0 && S_ISREG(st.st_mode))
		return fd;
	close(fd);
	*why = LOOK_WRONG;
	return -1;
}

enum look look_read(const char *path, char *buf, size_t size, size_t *length)
{
	enum look why;
	size_t n = 0;
	int fd = look_open(path, &why);

	buf[0] = '\0';
	if (fd < 0)
		return why;
	while (n < size - 1) {
		ssize_t got = read(fd, buf + n, size - 1 - n);

		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			why = errno == ESRCH                      ? LOOK_ABSENT
			      : errno == EACCES || errno == EPERM ? LOOK_DENIED
								  : LOOK_WRONG;
		if (got <= 0)
			break;
		n += (size_t)got;
	}
	close(fd);
	buf[n] = '\0';
	if (length != NULL)
		*length = n;
	return why;
}

enum look look_word(const char *path, char *buf, size_t size)
{
	enum look found = look_read(path, buf, size, NULL);

	buf[strcspn(buf, "\n")] = '\0';
	return found == LOOK_GOOD && buf[0] == '\0' ? LOOK_WRONG : found;
}

enum look look_number(const char *path, unsigned long *out)
{
	char text[64];
	enum look found = look_word(path, text, sizeof(text));
	long n;

	if (found != LOOK_GOOD)
		return found;
	if (!tool_number(text, 0, LONG_MAX, &n))
		return LOOK_WRONG;
	*out = (unsigned long)n;
	return LOOK_GOOD;
}

bool look_exists(const char *path)
{
	int fd = open_below(path, O_PATH | O_CLOEXEC);

	if (fd >= 0)
		close(fd);
	return fd >= 0;
}

const char *look_text(enum look why)
{
	static const char *const texts[] = {
		[LOOK_GOOD] = "is there",
		[LOOK_ABSENT] = "is not there",
		[LOOK_DENIED] = "may not be read",
		[LOOK_WRONG] = "makes no sense",
	};

	return texts[why];
}
