/*
 * run_profile.c - running a program with a heap profile.
 *
 * owns: the number of the program's process, for the handler of signals.
 * called from: tools/run.c.
 * Every process writes a file of its own, named after its number; that of the program itself is
 * then converted, or gets the name that was asked for. Those of its children stay as they are.
 */
#include "tools/tool.h"
#include "tools/run_profile.h"

#include "tools/option.h"
#include "tools/program.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

static volatile sig_atomic_t child;

static bool is_converted(const char *file)
{
	static const char *const suffixes[] = { ".svg", ".folded", ".txt", ".pb.gz", ".pb" };
	size_t n = strlen(file);

	for (size_t i = 0; i < sizeof(suffixes) / sizeof(suffixes[0]); i++) {
		size_t k = strlen(suffixes[i]);

		if (n > k && strcmp(file + n - k, suffixes[i]) == 0)
			return true;
	}
	return false;
}

/* The program may change its folder. */
static void find_place(struct run_profile *r, const char *file)
{
	const char *slash = strrchr(file, '/'), *name = slash == NULL ? file : slash + 1;
	char *folder = slash == NULL ? strdup(".") : strndup(file, (size_t)(slash - file) + 1);
	char *full = folder == NULL ? NULL : realpath(folder, NULL);
	struct stat st;

	if (full == NULL || access(full, W_OK | X_OK) != 0)
		tool_die(EXIT_CANNOT, "%s: cannot be written: %s", file, strerror(errno));
	/* With room for a number and a suffix. */
	if (name[0] == '\0' || strlen(full) + strlen(name) + 40 > sizeof(r->file))
		tool_die(EXIT_CANNOT, "%s: not the name of a file", file);
	sprintf(r->file, "%s/%s", strcmp(full, "/") == 0 ? "" : full, name);
	if (stat(r->file, &st) == 0 && (!S_ISREG(st.st_mode) || access(r->file, W_OK) != 0))
		tool_die(EXIT_CANNOT, "%s: cannot be written: no file of this user's", file);
	free(folder);
	free(full);
}

/* The option's value: % is written twice, the process's number is %p. */
static void set_pattern(const struct run_profile *r)
{
	char setting[2 * sizeof(r->file)] = "profile_file=";
	char *to = setting + strlen(setting);

	for (const char *s = r->file; *s != '\0'; s++) {
		*to++ = *s;
		if (*s == '%')
			*to++ = '%';
	}
	strcpy(to, ".%p.heap");
	if (!option_set(setting) || !option_set("profile=yes"))
		exit(EXIT_CANNOT);
}

void run_profile_prepare(struct run_profile *r, const char *file)
{
	find_place(r, file);
	r->converts = is_converted(file);
	if (r->converts && (!tool_sibling("hakmem-prof", r->prof, sizeof(r->prof)) ||
			    access(r->prof, X_OK) != 0))
		tool_die(EXIT_CANNOT, "%s: needs hakmem-prof, which is not there", file);
	set_pattern(r);
}

static void pass_on(int sig)
{
	if (child > 0)
		kill((pid_t)child, sig);
}

static int wait_for(pid_t pid)
{
	int status;

	while (waitpid(pid, &status, 0) < 0) {
		if (errno != EINTR)
			tool_die(EXIT_CANNOT, "wait: %s", strerror(errno));
	}
	return status;
}

static void convert(const struct run_profile *r, const char *raw)
{
	int status;
	pid_t pid = fork();

	if (pid == 0) {
		/* It is not what is to be profiled. */
		unsetenv("LD_PRELOAD");
		execl(r->prof, "hakmem-prof", "--output", r->file, raw, (char *)NULL);
		_exit(EXIT_CANNOT);
	}
	status = pid < 0 ? -1 : wait_for(pid);
	if (status == 0)
		unlink(raw);
	else
		tool_say("the profile stays in %s", raw);
}

static void bring(const struct run_profile *r, pid_t pid)
{
	char raw[sizeof(r->file) + 40];

	snprintf(raw, sizeof(raw), "%s.%ld.heap", r->file, (long)pid);
	if (access(raw, F_OK) != 0)
		tool_say("the program has written no profile: it was ended by a signal, or left "
			 "by _exit or without the library");
	else if (r->converts)
		convert(r, raw);
	else if (rename(raw, r->file) != 0)
		tool_say("the profile stays in %s: %s", raw, strerror(errno));
}

/* As the program ended. */
static int end_as(int status)
{
	struct rlimit none = { 0, 0 };

	if (WIFEXITED(status))
		return WEXITSTATUS(status);
	/* It has dumped its core, if it was to. */
	setrlimit(RLIMIT_CORE, &none);
	signal(WTERMSIG(status), SIG_DFL);
	raise(WTERMSIG(status));
	return 128 + WTERMSIG(status);
}

int run_profile_finish(const struct run_profile *r, void (*start)(void *arg), void *arg)
{
	static const int passed[] = { SIGTERM, SIGHUP, SIGUSR1, SIGUSR2, SIGALRM };
	/* A terminal sends these to both. */
	static const int both[] = { SIGINT, SIGQUIT };
	void (*old[2])(int);
	pid_t pid;
	int status;

	for (unsigned i = 0; i < 2; i++)
		old[i] = signal(both[i], SIG_IGN);
	/* With this one ignored nobody could be waited for. */
	signal(SIGCHLD, SIG_DFL);
	fflush(stdout);
	pid = fork();
	if (pid < 0)
		tool_die(EXIT_CANNOT, "fork: %s", strerror(errno));
	if (pid == 0) {
		for (unsigned i = 0; i < 2; i++)
			signal(both[i], old[i]);
		start(arg);
	}
	child = pid;
	for (size_t i = 0; i < sizeof(passed) / sizeof(passed[0]); i++)
		signal(passed[i], pass_on);
	status = wait_for(pid);
	child = 0;
	bring(r, pid);
	return end_as(status);
}
