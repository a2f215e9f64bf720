/*
 * inherit.c - ending the preload with this program.
 *
 * owns: nothing.
 * called from: policy/environment.c, before main.
 */
#include "base/base.h"
#include "policy/inherit.h"

#include "base/str.h"
#include "os/os.h"

#define ASKED "HAKMEM_NO_INHERIT="
#define PRELOAD "LD_PRELOAD="

bool hm_inherit_is_asked(const char *entry)
{
	return hm_str_starts(entry, ASKED);
}

/* Whether the text is this process's number, in decimal. */
static bool is_own_number(const char *s)
{
	uint64_t own = hm_os_process_id(), n = 0;

	if (*s == '\0')
		return false;
	for (; *s >= '0' && *s <= '9' && n <= own; s++)
		n = n * 10 + (uint64_t)(*s - '0');
	return *s == '\0' && n == own;
}

static bool splits(char c)
{
	return c == ':' || c == ' ';
}

/* "one:two" becomes "two", and the bytes left over NUL. */
static void cut_first(char *list)
{
	char *rest = list;

	while (*rest != '\0' && !splits(*rest))
		rest++;
	while (splits(*rest))
		rest++;
	while (*rest != '\0')
		*list++ = *rest++;
	while (list < rest)
		*list++ = '\0';
}

void hm_inherit_end(char **environment)
{
	bool asked = false;

	for (char **e = environment; *e != NULL && !asked; e++) {
		if (!hm_inherit_is_asked(*e) || !is_own_number(*e + sizeof(ASKED) - 1))
			continue;
		asked = true;
		(*e)[sizeof(ASKED) - 1] = '\0';
	}
	for (char **e = environment; asked && *e != NULL; e++) {
		if (hm_str_starts(*e, PRELOAD))
			cut_first(*e + sizeof(PRELOAD) - 1);
	}
}
