/*
 * screen_none.c - no screen: the build has no ncurses.
 *
 * owns: nothing.
 * called from: tools/ctl_top.c.
 */
#include "tools/tool.h"
#include "tools/screen.h"

bool screen_open(void)
{
	return false;
}

void screen_close(void)
{
}

void screen_begin(void)
{
}

void screen_line(const char *text, bool head)
{
	(void)text;
	(void)head;
}

void screen_end(void)
{
}

bool screen_wait(long ms)
{
	return ms >= 0;
}
