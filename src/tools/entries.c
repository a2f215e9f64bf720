/*
 * entries.c - the text of the loader's list of libraries.
 *
 * owns: nothing.
 * called from: tools/preload.c, tools/trial.c.
 */
#include "tools/tool.h"
#include "tools/entries.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static bool separates(char c)
{
	return c == ' ' || c == '\t' || c == '\n' || c == ':';
}

static bool is_ours(const char *name, size_t length)
{
	static const char begin[] = "libhakmem";
	const char *slash = memrchr(name, '/', length);
	const char *base = slash == NULL ? name : slash + 1;
	size_t rest = length - (size_t)(base - name);

	return rest > sizeof(begin) - 1 && memcmp(base, begin, sizeof(begin) - 1) == 0 &&
	       memmem(base, rest, ".so", 3) != NULL;
}

bool entries_next(const char *text, size_t size, struct entry *e)
{
	size_t at = e->at + e->length;

	while (at < size && (separates(text[at]) || text[at] == '#')) {
		if (text[at] == '#') {
			while (at < size && text[at] != '\n')
				at++;
		} else {
			at++;
		}
	}
	e->at = at;
	/* To the loader a comment ends a name, too. */
	while (at < size && !separates(text[at]) && text[at] != '#')
		at++;
	e->length = at - e->at;
	e->ours = is_ours(text + e->at, e->length);
	return e->length > 0;
}

bool entries_have_only(const char *text, size_t size, const char *wanted)
{
	struct entry e = { 0 };
	unsigned right = 0, wrong = 0;

	while (entries_next(text, size, &e)) {
		if (!e.ours)
			continue;
		if (strlen(wanted) == e.length && memcmp(text + e.at, wanted, e.length) == 0)
			right++;
		else
			wrong++;
	}
	return right == 1 && wrong == 0;
}

/* Takes a name out, and its line when nothing else was in that. Returns the new size. */
static size_t cut(char *text, size_t size, const struct entry *e)
{
	size_t begin = e->at, end = e->at + e->length, left = begin, right = end;

	while (left > 0 && separates(text[left - 1]) && text[left - 1] != '\n')
		left--;
	while (right < size && separates(text[right]) && text[right] != '\n')
		right++;
	if ((left == 0 || text[left - 1] == '\n') && (right == size || text[right] == '\n')) {
		begin = left;
		end = right < size ? right + 1 : right;
	} else if (right > end) {
		/* One separator goes with it; the rest still divides its neighbours. */
		end++;
	} else if (left < begin) {
		begin--;
	}
	memmove(text + begin, text + end, size - end);
	return size - (end - begin);
}

char *entries_edit(const char *text, size_t size, const char *added, size_t *new_size)
{
	size_t extra = added == NULL ? 0 : strlen(added) + 2;
	char *out = malloc(size + extra + 1);
	struct entry e = { 0 };

	if (out == NULL)
		tool_die(1, "%s", strerror(errno));
	memcpy(out, text, size);
	while (entries_next(out, size, &e)) {
		if (!e.ours)
			continue;
		size = cut(out, size, &e);
		e = (struct entry){ 0 };
	}
	if (added != NULL) {
		if (size > 0 && out[size - 1] != '\n')
			out[size++] = '\n';
		size = (size_t)(stpcpy(stpcpy(out + size, added), "\n") - out);
	}
	out[size] = '\0';
	*new_size = size;
	return out;
}
