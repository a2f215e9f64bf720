/*
 * prof_bare.c - names for addresses, in a build without elfutils: there are none.
 *
 * owns: nothing.
 * called from: tools/prof_symbols.c.
 */
#include "tools/tool.h"
#include "tools/prof.h"

bool prof_lookup_begin(const struct prof *p)
{
	(void)p;
	tool_say("built without elfutils: functions have no names");
	return false;
}

void prof_lookup(const struct prof *p, struct prof_frame *f)
{
	(void)p;
	(void)f;
}

void prof_lookup_build_id(struct prof_mapping *m)
{
	(void)m;
}

void prof_lookup_end(void)
{
}
