/*
 * screen_ncurses.c - the screen, by ncurses.
 *
 * owns: the terminal, and which signal came.
 * called from: tools/ctl_top.c.
 */
#include "tools/tool.h"
#include "tools/screen.h"

#include <curses.h>
#include <locale.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

static const int signals[] = { SIGINT, SIGTERM, SIGHUP, SIGQUIT };

static volatile sig_atomic_t came;
static SCREEN *screen;
static int row;

static void on_signal(int sig)
{
	came = sig;
}

static void take_signals(void (*handler)(int))
{
	struct sigaction action;

	memset(&action, 0, sizeof(action));
	action.sa_handler = handler;
	for (size_t i = 0; i < sizeof(signals) / sizeof(signals[0]); i++)
		sigaction(signals[i], &action, NULL);
}

bool screen_open(void)
{
	if (isatty(STDOUT_FILENO) != 1 || isatty(STDIN_FILENO) != 1)
		return false;
	setlocale(LC_CTYPE, "");
	screen = newterm(NULL, stdout, stdin);
	if (screen == NULL)
		return false;
	/* A terminal that cannot move its cursor has no screen. */
	if (tigetstr("cup") == NULL || tigetstr("cup") == (char *)-1) {
		screen_close();
		return false;
	}
	take_signals(on_signal);
	cbreak();
	noecho();
	nonl();
	keypad(stdscr, TRUE);
	curs_set(0);
	return true;
}

void screen_close(void)
{
	endwin();
	delscreen(screen);
	screen = NULL;
	take_signals(SIG_DFL);
	/* It ends as it would have. */
	if (came != 0)
		raise(came);
}

void screen_begin(void)
{
	erase();
	row = 0;
}

void screen_line(const char *text, bool head)
{
	if (row >= LINES)
		return;
	if (head)
		attron(A_REVERSE);
	mvaddnstr(row++, 0, text, COLS);
	if (head)
		attroff(A_REVERSE);
}

void screen_end(void)
{
	refresh();
}

static long now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

bool screen_wait(long ms)
{
	long until = now_ms() + ms, left;

	while (came == 0 && (left = until - now_ms()) > 0) {
		int key;

		timeout((int)(left < 500 ? left : 500));
		key = getch();
		if (key == 'q' || key == 'Q')
			return true;
		/* The terminal is gone. */
		if (key == ERR && isatty(STDIN_FILENO) != 1)
			return true;
		if (key == KEY_RESIZE || key == ' ')
			return false;
	}
	return came != 0;
}
