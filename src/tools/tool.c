/*
 * tool.c - what the command-line programs share.
 *
 * owns: the program's name.
 * called from: all of tools/.
 */
#include "tools/tool.h"

#include <errno.h>
#include <limits.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define SONAME "libhakmem.so.1"

const char *tool_name = "hakmem";

/* The bytes of the character at s in UTF-8, above ASCII; 0 when it is none. */
static size_t utf8_length(const char *s)
{
	unsigned char first = (unsigned char)s[0];
	unsigned char second = first == 0 ? 0 : (unsigned char)s[1];
	size_t n = first >= 0xc2 && first < 0xe0 ? 2
		   : (first & 0xf0) == 0xe0      ? 3
		   : first >= 0xf0 && first < 0xf5 ? 4
						   : 0;

	for (size_t i = 1; i < n; i++) {
		if (((unsigned char)s[i] & 0xc0) != 0x80)
			return 0;
	}
	/* Longer than needed, a half of a pair of UTF-16, beyond the last one. */
	if ((first == 0xe0 && second < 0xa0) || (first == 0xed && second >= 0xa0) ||
	    (first == 0xf0 && second < 0x90) || (first == 0xf4 && second >= 0x90))
		return 0;
	return n;
}

/*
 * Those of UTF-8 that are control characters (U+0080 to U+009F) do the same to a terminal as a
 * lone byte of that value does to one that does not know UTF-8.
 */
void tool_make_plain(char *s)
{
	while (*s != '\0') {
		unsigned char first = (unsigned char)s[0];
		size_t n = utf8_length(s);

		if (n > 0 && !(first == 0xc2 && (unsigned char)s[1] < 0xa0)) {
			s += n;
			continue;
		}
		if (first < ' ' || first >= 0x7f)
			*s = '?';
		s++;
	}
}

static void say(const char *format, va_list list)
{
	char line[2 * PATH_MAX];
	int n = vsnprintf(line, sizeof(line), format, list);

	if (n < 0)
		return;
	tool_make_plain(line);
	fflush(stdout);
	fprintf(stderr, "%s: %s\n", tool_name, line);
}

void tool_say(const char *format, ...)
{
	va_list list;

	va_start(list, format);
	say(format, list);
	va_end(list);
}

void tool_die(int status, const char *format, ...)
{
	va_list list;

	va_start(list, format);
	say(format, list);
	va_end(list);
	exit(status);
}

void tool_version(int status)
{
	printf("%s (hakmem) %s\n", tool_name, PACKAGE_VERSION);
	exit(tool_finish(0, status));
}

int tool_finish(int good, int status)
{
	if (fflush(stdout) == 0 && !ferror(stdout))
		return good;
	tool_say("cannot write: %s", strerror(errno));
	return status;
}

void tool_json(FILE *out, const char *s)
{
	putc('"', out);
	while (*s != '\0') {
		unsigned char c = (unsigned char)*s;
		size_t wide = utf8_length(s);

		if (wide > 0) {
			fwrite(s, 1, wide, out);
			s += wide;
			continue;
		}
		if (c == '"' || c == '\\')
			fprintf(out, "\\%c", c);
		else if (c < ' ' || c >= 0x7f)
			fprintf(out, "\\u%04x", c);
		else
			putc(c, out);
		s++;
	}
	putc('"', out);
}

bool tool_number(const char *s, long min, long max, long *out)
{
	char *end;

	if (*s < '0' || *s > '9')
		return false;
	errno = 0;
	*out = strtol(s, &end, 10);
	return errno == 0 && *end == '\0' && *out >= min && *out <= max;
}

/* The folder of the running program, with its last slash. */
static bool own_folder(char *path, size_t size)
{
	ssize_t n = readlink("/proc/self/exe", path, size - 1);
	char *slash;

	if (n <= 0)
		return false;
	path[n] = '\0';
	slash = strrchr(path, '/');
	if (slash == NULL)
		return false;
	slash[1] = '\0';
	return true;
}

static bool join(char *path, size_t size, const char *folder, const char *variant)
{
	int n = variant == NULL ? snprintf(path, size, "%s/" SONAME, folder)
				: snprintf(path, size, "%s/libhakmem-%s.so.1", folder, variant);

	return n > 0 && (size_t)n < size;
}

bool tool_library(const char *variant, bool build_tree, char *path, size_t size)
{
	char folder[PATH_MAX];

	if (build_tree && own_folder(folder, sizeof(folder) - sizeof(".libs"))) {
		strcat(folder, ".libs");
		if (join(path, size, folder, NULL) && access(path, F_OK) == 0)
			return join(path, size, folder, variant);
	}
	return join(path, size, HM_LIBDIR, variant);
}

bool tool_sibling(const char *name, char *path, size_t size)
{
	if (!own_folder(path, size) || strlen(path) + strlen(name) >= size)
		return false;
	strcat(path, name);
	return true;
}

bool tool_path_splits(const char *path)
{
	return strpbrk(path, ": \t\n#$") != NULL;
}
