/*
 * prof_plain.c - gzip, in a build without zlib: there is none.
 *
 * owns: nothing.
 * called from: tools/prof_pprof.c.
 */
#include "tools/tool.h"
#include "tools/prof.h"

bool prof_has_gzip(void)
{
	return false;
}

bool prof_gzip(const void *data, size_t size, FILE *out)
{
	(void)data;
	(void)size;
	(void)out;
	return false;
}
