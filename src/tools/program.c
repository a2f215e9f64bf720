/*
 * program.c - finding a program, and saying why a preloaded library would not reach it.
 *
 * The loader drops LD_PRELOAD silently, or the kernel does not start a loader at all; whoever asked
 * for hakmem should know.
 * owns: nothing.
 * called from: tools/run.c, tools/compare.c.
 */
#include "tools/tool.h"
#include "tools/program.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/wait.h>
#include <sys/xattr.h>
#include <unistd.h>

/* Scripts whose interpreter is a script, as many as the kernel follows. */
#define SCRIPTS_MAX 4
/* What the kernel reads of a script's first line. */
#define HEAD 256

void program_library(const char *path, struct elf_file *out)
{
	int fd = open(path, TOOL_READ);
	enum elf_kind kind;

	if (fd < 0)
		tool_die(EXIT_CANNOT, "%s: no library: %s", path, strerror(errno));
	kind = elf_read(fd, out);
	close(fd);
	if (kind == ELF_UNREADABLE)
		tool_die(EXIT_CANNOT, "%s: cannot be read: %s", path, strerror(errno));
	if (kind == ELF_OTHER || kind == ELF_BROKEN || (kind == ELF_READ && !out->dynamic))
		tool_die(EXIT_CANNOT, "%s: not a shared library", path);
	if (kind == ELF_FOREIGN) {
		char machine[64];

		tool_die(EXIT_CANNOT, "%s: the library is for %s, this program is not", path,
			 elf_machine(out, machine, sizeof(machine)));
	}
	if (tool_path_splits(path))
		tool_die(EXIT_CANNOT, "%s: LD_PRELOAD cannot name a path with a blank, :, # or $",
			 path);
}

/* Whether this is a file that may be executed; errno tells when not. */
static bool executable(const char *path)
{
	struct stat st;

	if (stat(path, &st) != 0)
		return false;
	if (S_ISDIR(st.st_mode)) {
		errno = EISDIR;
		return false;
	}
	return faccessat(AT_FDCWD, path, X_OK, AT_EACCESS) == 0;
}

/* One of PATH's folders and the name; an empty folder is the current one. */
static bool search(const char *name, char *out)
{
	const char *folders = getenv("PATH");
	int reason = ENOENT;

	if (folders == NULL)
		folders = "/bin:/usr/bin";
	for (;;) {
		int length = (int)strcspn(folders, ":");
		int n = length == 0 ? snprintf(out, PATH_MAX, "./%s", name)
				    : snprintf(out, PATH_MAX, "%.*s/%s", length, folders, name);

		if (n > 0 && n < PATH_MAX) {
			if (executable(out))
				return true;
			/* The file is there, and not only its folder closed to us. */
			if (errno == EACCES && access(out, F_OK) == 0)
				reason = EACCES;
		}
		if (folders[length] == '\0')
			break;
		folders += length + 1;
	}
	errno = reason;
	return false;
}

static void locate(const char *name, char *out)
{
	bool found;

	if (strchr(name, '/') != NULL) {
		if (snprintf(out, PATH_MAX, "%s", name) >= PATH_MAX)
			tool_die(EXIT_CANNOT, "%.100s...: %s", name, strerror(ENAMETOOLONG));
		found = executable(out);
	} else {
		found = *name != '\0' && search(name, out);
		if (*name == '\0')
			errno = ENOENT;
	}
	if (!found)
		tool_die(errno == ENOENT || errno == ENOTDIR ? EXIT_NOT_FOUND : EXIT_NOT_EXECUTABLE,
			 "%s: %s", name, strerror(errno));
}

/* A NUL in the first line: no text, by the shells' own test. */
static bool binary(const char *head, size_t n)
{
	size_t line = strcspn(head, "\n");

	return memchr(head, '\0', line < n ? line + 1 : n) != NULL;
}

/*
 * The interpreter that a script's first line names, in `out`, and what stands behind it, in `rest`;
 * "/bin/sh" for text without such a line, which execvp(3) gives to the shell. False when the file
 * is no script.
 */
static bool interpreter_of(int fd, char *out, char *rest, size_t size)
{
	char head[HEAD + 1], *name;
	ssize_t n = pread(fd, head, HEAD, 0);
	size_t length;

	*rest = '\0';
	head[n > 0 ? n : 0] = '\0';
	if (n <= 0 || head[0] != '#' || head[1] != '!') {
		if (n > 0 && binary(head, (size_t)n))
			return false;
		strcpy(out, "/bin/sh");
		return true;
	}
	head[strcspn(head, "\n")] = '\0';
	name = head + 2 + strspn(head + 2, " \t");
	length = strcspn(name, " \t");
	if (length == 0)
		return false;
	snprintf(rest, size, "%s", name + length + strspn(name + length, " \t"));
	for (size_t end = strlen(rest); end > 0 && strchr(" \t", rest[end - 1]) != NULL;)
		rest[--end] = '\0';
	name[length] = '\0';
	strcpy(out, name);
	return true;
}

/* Behind "#!/usr/bin/env NAME" is NAME: what runs in the end. */
static void follow_env(struct program *p, const char *rest)
{
	const char *slash = strrchr(p->loaded, '/');
	char found[PATH_MAX];

	if (slash == NULL || strcmp(slash + 1, "env") != 0)
		return;
	/* Already one: env within env is not taken apart. */
	snprintf(p->by_env, sizeof(p->by_env), "%s", p->by_env[0] == '\0' ? rest : "-");
	if (strpbrk(rest, "=/ \t") == NULL && rest[0] != '-' && rest[0] != '\0' &&
	    search(rest, found))
		strcpy(p->loaded, found);
}

/* Why the loader would distrust the environment: what AT_SECURE will be. NULL: it will not. */
static const char *secure_reason(int fd, const char *path)
{
	struct stat st;
	struct statvfs fs;
	char capability[64];

	if (fstat(fd, &st) != 0 || prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) == 1 ||
	    (statvfs(path, &fs) == 0 && (fs.f_flag & ST_NOSUID) != 0))
		return NULL;
	if ((st.st_mode & S_ISUID) != 0 && st.st_uid != getuid())
		return "set-user-ID";
	if ((st.st_mode & (S_ISGID | S_IXGRP)) == (S_ISGID | S_IXGRP) && st.st_gid != getgid())
		return "set-group-ID";
	if (getuid() != 0 &&
	    fgetxattr(fd, "security.capability", capability, sizeof(capability)) > 0)
		return "given rights by file capabilities";
	return NULL;
}

/* The dynamic loader itself may be the program: it takes LD_PRELOAD for what it then runs. */
static bool is_loader(const char *path)
{
	const char *slash = strrchr(path, '/');
	const char *name = slash == NULL ? path : slash + 1;

	return strncmp(name, "ld", 2) == 0 && strstr(name, ".so") != NULL;
}

static void check_elf(const char *name, const char *path, int fd, const struct elf_file *elf,
		      const struct elf_file *library)
{
	char one[64], two[64];
	const char *reason = secure_reason(fd, path);
	const char *base = strrchr(elf->interpreter, '/');

	if (elf->machine != library->machine || elf->bits != library->bits)
		tool_die(EXIT_CANNOT, "%s: a program for %s, the library is for %s", name,
			 elf_machine(elf, one, sizeof(one)),
			 elf_machine(library, two, sizeof(two)));
	if (!elf->interpreted && !is_loader(path))
		tool_die(EXIT_CANNOT, "%s: linked statically: no loader runs that could preload",
			 name);
	if (reason != NULL)
		tool_die(EXIT_CANNOT, "%s: %s: the loader ignores LD_PRELOAD for it", name, reason);
	if (base != NULL &&
	    (strncmp(base, "/ld-musl", 8) == 0 || strncmp(base, "/ld-uClibc", 10) == 0))
		tool_die(EXIT_CANNOT, "%s: its C library is not glibc, which hakmem needs (%s)",
			 name, elf->interpreter);
	if (elf->interpreted && access(elf->interpreter, F_OK) != 0)
		tool_die(EXIT_NOT_FOUND, "%s: its loader %s: %s", name, elf->interpreter,
			 strerror(errno));
}

/* What is said of a file names the script that led to it. */
static void describe(char *out, size_t size, const char *name, const char *path)
{
	if (strcmp(name, path) == 0 || strchr(name, '/') == NULL)
		snprintf(out, size, "%s", path);
	else
		snprintf(out, size, "%s: %s", name, path);
}

void program_find(const char *name, const struct elf_file *library, struct program *out)
{
	char said[2 * PATH_MAX], rest[HEAD];
	struct elf_file elf;

	out->by_env[0] = '\0';
	locate(name, out->path);
	strcpy(out->loaded, out->path);
	for (int scripts = 0; scripts <= SCRIPTS_MAX; scripts++) {
		int fd = open(out->loaded, TOOL_READ);
		enum elf_kind kind;

		describe(said, sizeof(said), name, out->loaded);
		/* Executable, but not readable: nothing can be said of it, so it runs. */
		if (fd < 0 && errno == EACCES && scripts == 0)
			return;
		if (fd < 0)
			tool_die(EXIT_NOT_FOUND, "%s: %s", said, strerror(errno));
		kind = elf_read(fd, &elf);
		if (kind == ELF_READ || kind == ELF_FOREIGN) {
			check_elf(said, out->loaded, fd, &elf, library);
			close(fd);
			return;
		}
		if (kind != ELF_OTHER || !interpreter_of(fd, out->loaded, rest, sizeof(rest)))
			tool_die(EXIT_NOT_EXECUTABLE, "%s: neither a program nor a script", said);
		close(fd);
		follow_env(out, rest);
	}
	tool_die(EXIT_NOT_EXECUTABLE, "%s: too many interpreters of interpreters", name);
}

void program_exec(const struct program *program, char **arguments)
{
	size_t count = 0;
	char **more;

	if (!program->without_env) {
		execv(program->path, arguments);
		if (errno != ENOEXEC)
			return;
	}
	while (arguments[count] != NULL)
		count++;
	more = calloc(count + 2, sizeof(*more));
	if (more == NULL)
		return;
	more[0] = (char *)(uintptr_t)(program->without_env ? program->by_env : "/bin/sh");
	more[1] = (char *)(uintptr_t)program->path;
	for (size_t i = 1; i < count; i++)
		more[i + 1] = arguments[i];
	execv(program->without_env ? program->loaded : more[0], more);
	free(more);
}

void program_skip_env(struct program *program)
{
	const char *word = program->by_env;

	if (*word == '\0')
		return;
	if (word[0] == '-' || strpbrk(word, "=/ \t") != NULL)
		tool_die(EXIT_CANNOT,
			 "%s: a script of env with more than a name: --no-inherit ends at env",
			 program->path);
	program->without_env = true;
}

void program_preload(const char *library)
{
	const char *before = getenv("LD_PRELOAD");
	size_t size = strlen(library) + (before == NULL ? 0 : strlen(before)) + 2;
	char *list = malloc(size), *end;

	if (list == NULL)
		tool_die(EXIT_CANNOT, "%s", strerror(errno));
	end = stpcpy(list, library);
	for (; before != NULL && *before != '\0'; before += strspn(before, ": ")) {
		size_t n = strcspn(before, ": ");

		if (n > 0 && (strncmp(before, library, n) != 0 || library[n] != '\0')) {
			*end++ = ':';
			end = mempcpy(end, before, n);
		}
		before += n;
	}
	*end = '\0';
	if (setenv("LD_PRELOAD", list, 1) != 0)
		tool_die(EXIT_CANNOT, "%s", strerror(errno));
	free(list);
}

/* The loader lists what it would load, and ends; the program's code does not run. */
static hm_noreturn void trace(const struct program *program, const char *library, int out)
{
	char *arguments[] = { (char *)(uintptr_t)program->loaded, NULL };

	if (library != NULL)
		program_preload(library);
	setenv("LD_TRACE_LOADED_OBJECTS", "1", 1);
	unsetenv("LD_DEBUG");
	dup2(out, STDOUT_FILENO);
	dup2(out, STDERR_FILENO);
	execv(program->loaded, arguments);
	_exit(EXIT_CANNOT);
}

bool program_loads(const struct program *program, const char *library, const char *wanted)
{
	int out = memfd_create("hakmem-trace", MFD_CLOEXEC);
	char *text = calloc(1, 65536);
	pid_t pid;
	bool found;

	if (out < 0 || text == NULL)
		tool_die(EXIT_CANNOT, "%s", strerror(errno));
	fflush(NULL);
	pid = fork();
	if (pid < 0)
		tool_die(EXIT_CANNOT, "%s", strerror(errno));
	if (pid == 0)
		trace(program, library, out);
	while (waitpid(pid, NULL, 0) < 0 && errno == EINTR)
		;
	found = pread(out, text, 65535, 0) > 0 && strstr(text, wanted) != NULL &&
		strstr(text, "ERROR: ld.so") == NULL && strstr(text, "=> not found") == NULL;
	close(out);
	free(text);
	return found;
}
