/*
 * screen.h - a screen of lines that is renewed until somebody presses q.
 *
 * owns: the terminal between screen_open and screen_close; a signal that ends the program has it
 * put back first. screen_ncurses.c does it; screen_none.c, in a build without ncurses, never.
 * called from: tools/ctl_top.c.
 */
#ifndef HM_TOOLS_SCREEN_H
#define HM_TOOLS_SCREEN_H

#include "tools/tool.h"

/* False: there is no terminal, or it can do nothing. */
bool screen_open(void);
void screen_close(void);

/* A screen: its lines from the top, cut where it ends; the head stands out. */
void screen_begin(void);
void screen_line(const char *text, bool head);
void screen_end(void);

/* Waits. True: it is to end. Early when the size changes. */
bool screen_wait(long ms);

#endif
