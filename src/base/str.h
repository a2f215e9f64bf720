/*
 * str.h - the few string functions that are needed.
 *
 * owns: nothing. Each name that the library takes from libc is looked up by the loader at every
 * start of every process, which costs about 700 instructions; these are cheaper as our own.
 * called from: every floor.
 */
#ifndef HM_BASE_STR_H
#define HM_BASE_STR_H

#include "base/base.h"

hm_inline bool hm_str_starts(const char *s, const char *prefix)
{
	while (*prefix != '\0' && *s == *prefix)
		s++, prefix++;
	return *prefix == '\0';
}

hm_inline bool hm_str_equal(const char *a, const char *b)
{
	while (*a != '\0' && *a == *b)
		a++, b++;
	return *a == *b;
}

hm_inline size_t hm_str_length(const char *s)
{
	size_t n = 0;

	for (; s[n] != '\0'; n++)
		/* Or the compiler sees that this is strlen. */
		__asm__("" : "+r"(n));
	return n;
}

#endif
