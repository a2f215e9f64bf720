/*
 * death.h - running something that should end the process, and what it said.
 */
#ifndef HM_TESTS_DEATH_H
#define HM_TESTS_DEATH_H

#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

/* qemu-user says in a line of its own that its guest aborted: it is not the guest's. */
static inline size_t death_own_words(char *text, size_t len)
{
	static const char begin[] = "qemu: uncaught target signal";
	char *at, *end;

	text[len] = '\0';
	at = strstr(text, begin);
	if (at == NULL || (at > text && at[-1] != '\n'))
		return len;
	end = strchr(at, '\n');
	end = end == NULL ? text + len : end + 1;
	memmove(at, end, (size_t)(text + len - end) + 1);
	return strlen(text);
}

/* Runs f(arg) in a child. True when it aborted; `text` has what it wrote on stderr. */
static inline bool death_of(void (*f)(void *), void *arg, char *text, size_t cap)
{
	size_t len = 0;
	int ends[2], status = 0;
	ssize_t n;
	pid_t pid;

	text[0] = '\0';
	if (pipe(ends) != 0 || (pid = fork()) < 0)
		return false;
	if (pid == 0) {
		struct rlimit none = { 0, 0 };

		setrlimit(RLIMIT_CORE, &none);
		signal(SIGABRT, SIG_DFL);
		dup2(ends[1], 2);
		f(arg);
		_exit(0);
	}
	close(ends[1]);
	while (len + 1 < cap && (n = read(ends[0], text + len, cap - 1 - len)) > 0)
		len += (size_t)n;
	(void)death_own_words(text, len);
	close(ends[0]);
	waitpid(pid, &status, 0);
	return WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT;
}

/* One line, no more, and it begins so and contains so. */
static inline bool death_said(const char *text, const char *start, const char *part)
{
	const char *end = strchr(text, '\n');

	return strncmp(text, start, strlen(start)) == 0 && strstr(text, part) != NULL &&
	       end != NULL && end[1] == '\0';
}

#endif
