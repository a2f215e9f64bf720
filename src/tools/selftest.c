/*
 * selftest.c - running programs of the system with a library that is to be preloaded everywhere.
 *
 * Each runs without it and with it, by LD_PRELOAD: exit status and all that it writes must be
 * the same, so that a library which cannot be loaded, lacks a symbol, crashes, hangs or prints is
 * refused.
 * owns: nothing.
 * called from: tools/preload.c.
 */
#include "tools/tool.h"
#include "tools/selftest.h"

#include "tools/elf_file.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define ARGUMENTS 4
/* A program that needs longer, in milliseconds, hangs. */
#define PATIENCE 20000
#define OUTPUT 4096

/* The first two must be there; of the others what is there is tried. */
static const char *const programs[][ARGUMENTS] = {
	{ "/bin/true" },
	{ "/bin/sh", "-c", "x=$(echo one | cat); echo $x; exit 3" },
	{ "/bin/cat", "/etc/passwd" },
	{ "/bin/ls", "-d", "/", "/etc" },
	{ "/bin/grep", "-c", "root", "/etc/passwd" },
	{ "/usr/bin/sort", "/etc/passwd" },
	{ "/usr/bin/find", "/etc/passwd" },
	{ "/usr/bin/id", "-u", "root" },
	{ "/usr/bin/awk", "BEGIN { for (i = 0; i < 50000; i++) a[i] = i \"x\"; print a[49999] }" },
	{ "/bin/bash", "-c", "for i in {1..2000}; do a[i]=$i$i; done; echo ${a[2000]}" },
	{ "/usr/bin/perl", "-e", "push @a, \"x$_\" for 1 .. 50000; print scalar(@a), \"\\n\"" },
	{ "/usr/bin/python3", "-c", "print(len([str(i) * 9 for i in range(50000)]))" },
	{ "/usr/bin/apt-get", "--version" },
	{ "/usr/bin/dpkg", "--version" },
	{ "/usr/bin/rpm", "--version" },
	{ "/bin/systemctl", "--version" },
	{ "/usr/bin/ssh", "-V" },
};

struct outcome {
	int status; /* as wait(2) has it; -1: it hung */
	char text[OUTPUT];
};

/* What a child says when it could not even begin. */
#define NOT_ENTERED 121

static bool there(const struct place *p, const char *program)
{
	int fd = place_open_below(p, program, O_PATH);

	if (fd >= 0)
		close(fd);
	return fd >= 0;
}

/* Into the other system: as root, or as root of a user namespace of its own. */
static bool enter(const struct place *p)
{
	if (p->root == NULL)
		return chdir("/") == 0;
	return fchdir(p->root_fd) == 0 &&
	       (chroot(".") == 0 || (unshare(CLONE_NEWUSER) == 0 && chroot(".") == 0));
}

static hm_noreturn void child(const struct place *p, const char *const *arguments,
			      char *const *environment, int null, int out)
{
	const struct rlimit none = { 0, 0 };

	setsid();
	setrlimit(RLIMIT_CORE, &none);
	/* This program ignores them, and what it starts should not. */
	signal(SIGPIPE, SIG_DFL);
	signal(SIGXFSZ, SIG_DFL);
	dup2(null, STDIN_FILENO);
	dup2(out, STDOUT_FILENO);
	dup2(out, STDERR_FILENO);
	if (!enter(p))
		_exit(NOT_ENTERED);
	execve(arguments[0], (char *const *)(uintptr_t)arguments, environment);
	_exit(NOT_ENTERED);
}

static int wait_for(pid_t pid)
{
	const struct timespec pause = { 0, 2000000 };
	int status;

	for (int i = 0; i < PATIENCE / 2; i++) {
		if (waitpid(pid, &status, WNOHANG) == pid)
			return status;
		nanosleep(&pause, NULL);
	}
	kill(-pid, SIGKILL);
	waitpid(pid, &status, 0);
	return -1;
}

/* One program; `preload` and `trace` are variables of the environment, or NULL. */
static void run(const struct place *p, const char *const *arguments, const char *preload,
		const char *trace, struct outcome *o)
{
	static char list[PATH_MAX + 16];
	char *environment[8] = {
		(char *)"PATH=/usr/sbin:/usr/bin:/sbin:/bin", (char *)"LC_ALL=C",
		(char *)"HOME=/", (char *)"LD_BIND_NOW=1", /* what is missing shows at once */
	};
	int n = 4, null = open("/dev/null", O_RDONLY | O_CLOEXEC);
	int out = memfd_create("hakmem-selftest", MFD_CLOEXEC);
	ssize_t size;
	pid_t pid;

	if (preload != NULL) {
		snprintf(list, sizeof(list), "LD_PRELOAD=%s", preload);
		environment[n++] = list;
	}
	if (trace != NULL)
		environment[n] = (char *)(uintptr_t)trace;
	fflush(NULL);
	pid = null < 0 || out < 0 ? -1 : fork();
	if (pid < 0)
		tool_die(1, "cannot try programs: %s", strerror(errno));
	if (pid == 0)
		child(p, arguments, environment, null, out);
	o->status = wait_for(pid);
	size = pread(out, o->text, sizeof(o->text) - 1, 0);
	o->text[size > 0 ? size : 0] = '\0';
	close(null);
	close(out);
}

static bool exited_with(const struct outcome *o, int status)
{
	return o->status >= 0 && WIFEXITED(o->status) && WEXITSTATUS(o->status) == status;
}

int selftest_loads(const struct place *p, const char *entry)
{
	struct outcome plain, loaded;

	run(p, programs[0], NULL, "LD_TRACE_LOADED_OBJECTS=1", &plain);
	if (!exited_with(&plain, 0))
		return -1;
	run(p, programs[0], entry, "LD_TRACE_LOADED_OBJECTS=1", &loaded);
	/* What is already preloaded everywhere may complain on its own. */
	return exited_with(&loaded, 0) && (strstr(loaded.text, "ERROR: ld.so") == NULL ||
					   strstr(loaded.text, "from LD_PRELOAD") == NULL);
}

/* Whoever may change the file, or a folder that it is in, owns all programs then. */
static bool unsafe(const struct stat *st)
{
	bool sticky = S_ISDIR(st->st_mode) && (st->st_mode & S_ISVTX) != 0;

	if (st->st_uid != 0 && st->st_uid != geteuid())
		return true;
	return (st->st_mode & (S_IWGRP | S_IWOTH)) != 0 && !sticky;
}

/* Where the file is, as the kernel says; in a chroot without /proc, as its path says. */
static bool find_real(const struct place *p, int fd, const char *path, char real[PATH_MAX])
{
	struct stat file, there;
	char proc[64];
	ssize_t n;

	snprintf(proc, sizeof(proc), "/proc/self/fd/%d", fd);
	n = readlink(proc, real, PATH_MAX - 1);
	real[n > 0 ? n : 0] = '\0';
	return n > 0 || (p->root == NULL && realpath(path, real) != NULL &&
			 fstat(fd, &file) == 0 && stat(real, &there) == 0 &&
			 file.st_dev == there.st_dev && file.st_ino == there.st_ino);
}

static bool safe_owner(const struct place *p, int fd, const char *path)
{
	char real[PATH_MAX];
	struct stat st;

	if (fstat(fd, &st) != 0 || (st.st_mode & S_IROTH) == 0) {
		tool_say("%s: refused: not every user may read it", path);
		return false;
	}
	if (!find_real(p, fd, path, real)) {
		tool_say("%s: refused: without /proc nobody can tell who may change it", path);
		return false;
	}
	while (stat(real, &st) == 0) {
		char *slash = strrchr(real, '/');

		if (unsafe(&st)) {
			tool_say("%s: refused: %s can be changed by others than root", path, real);
			return false;
		}
		if (S_ISDIR(st.st_mode) && (st.st_mode & S_IXOTH) == 0 && p->root == NULL) {
			tool_say("%s: refused: not every user may enter %s", path, real);
			return false;
		}
		if (slash == NULL || real[1] == '\0')
			break;
		slash[slash == real ? 1 : 0] = '\0';
	}
	return true;
}

/* NULL when the file is such a library. */
static const char *wrong_with(int fd)
{
	static const char *const needed[] = { "malloc", "free", "hak_version", NULL };
	struct elf_file own, elf;
	int self = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);
	const char *wrong = NULL;

	switch (elf_read(fd, &elf)) {
	case ELF_UNREADABLE:
		wrong = strerror(errno);
		break;
	case ELF_OTHER:
	case ELF_BROKEN:
		wrong = "not a shared library";
		break;
	case ELF_FOREIGN:
		wrong = "a library for another architecture";
		break;
	case ELF_READ:
		if (self >= 0 && elf_read(self, &own) == ELF_READ && own.machine != elf.machine)
			wrong = "a library for another architecture";
		else if (!elf.dynamic || !elf_defines(fd, needed))
			wrong = "not hakmem: it lacks malloc, free or hak_version";
	}
	if (self >= 0)
		close(self);
	return wrong;
}

bool selftest_library(const struct place *p, const char *path)
{
	const char *wrong;
	bool good;
	int fd;

	if (path[0] != '/' || tool_path_splits(path)) {
		tool_say("%s: refused: not a full path without blanks, colons, # and $", path);
		return false;
	}
	fd = place_open_below(p, path, TOOL_READ);
	if (fd < 0) {
		tool_say("%s: refused: %s", path, strerror(errno));
		return false;
	}
	wrong = wrong_with(fd);
	if (wrong != NULL)
		tool_say("%s: refused: %s", path, wrong);
	good = wrong == NULL && safe_owner(p, fd, path);
	close(fd);
	return good;
}

bool selftest_rival(const struct place *p, const char *entry)
{
	static const char *const names[] = { "malloc", NULL };
	int fd = entry[0] == '/' ? place_open_below(p, entry, TOOL_READ) : -1;
	struct elf_file elf;
	bool rival = fd >= 0 && elf_read(fd, &elf) == ELF_READ && elf_defines(fd, names);

	if (fd >= 0)
		close(fd);
	if (rival)
		tool_say("%s: refused: %s, in the list already, is an allocator, too", p->file,
			 entry);
	return rival;
}

void selftest_entry(const struct place *p, const char *path, char *entry, size_t size)
{
	const char *lib = strstr(path, "/lib");
	const char *file = strrchr(path, '/');
	struct outcome o;

	snprintf(entry, size, "%s", path);
	if (lib == NULL || lib == file)
		return;
	/* What $LIB is differs from system to system: lib64, or lib and the architecture. */
	snprintf(entry, size, "%.*s/$LIB%s", (int)(lib - path), path, file);
	run(p, programs[0], entry, "LD_TRACE_LOADED_OBJECTS=1", &o);
	/* The loader shows the path that it came to; another file would have another. */
	if (!exited_with(&o, 0) || strstr(o.text, "ERROR: ld.so") != NULL ||
	    strstr(o.text, path) == NULL)
		snprintf(entry, size, "%s", path);
}

static void say_different(const char *const *arguments, const struct outcome *plain,
			  struct outcome *with)
{
	char *line = with->text;

	if (with->status < 0)
		tool_say("refused: with it %s does not end", arguments[0]);
	else if (WIFSIGNALED(with->status))
		tool_say("refused: with it %s ends by signal %d", arguments[0],
			 WTERMSIG(with->status));
	else if (with->status != plain->status && !exited_with(plain, NOT_ENTERED))
		tool_say("refused: with it %s exits with %d, not %d: %.300s", arguments[0],
			 WEXITSTATUS(with->status), WEXITSTATUS(plain->status), line);
	else
		tool_say("refused: with it %s prints something else: %.300s", arguments[0], line);
}

bool selftest_programs(const struct place *p, const char *entry)
{
	for (size_t i = 0; i < sizeof(programs) / sizeof(programs[0]); i++) {
		struct outcome plain, with;

		if (!there(p, programs[i][0])) {
			if (i >= 2)
				continue;
			tool_say("refused: no %s below %s to try it with", programs[i][0],
				 p->root == NULL ? "/" : p->root);
			return false;
		}
		run(p, programs[i], NULL, NULL, &plain);
		if (exited_with(&plain, NOT_ENTERED) || (i == 0 && !exited_with(&plain, 0))) {
			tool_say("refused: cannot try it: %s does not run below %s as it is",
				 programs[i][0], p->root == NULL ? "/" : p->root);
			return false;
		}
		run(p, programs[i], entry, NULL, &with);
		if (plain.status != with.status || strcmp(plain.text, with.text) != 0) {
			say_different(programs[i], &plain, &with);
			return false;
		}
	}
	return true;
}

bool selftest_alive(const struct place *p)
{
	struct outcome o;

	for (int i = 0; i < 2; i++) {
		run(p, programs[i], NULL, NULL, &o);
		if (!exited_with(&o, i == 0 ? 0 : 3) || strcmp(o.text, i == 0 ? "" : "one\n") != 0)
			return false;
	}
	return true;
}
