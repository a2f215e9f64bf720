/*
 * doctor_config.c - the configuration file as the library reads it: by the library's own reader, in
 * a child, whose options it sets and whose complaints are the findings.
 *
 * owns: nothing.
 * called from: tools/doctor.c, tools/doctor_process.c.
 */
#include "tools/tool.h"
#include "tools/doctor.h"

#include "policy/config_file.h"
#include "policy/option_value.h"
#include "policy/options.h"

#include <errno.h>
#include <limits.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

/* Of what a child says; a line of it is shorter than a page. */
#define TEXT_MAX_SIZE ((size_t)256 << 10)

static const char *file_path(void)
{
	static char path[PATH_MAX];
	static const char *file;

	if (file == NULL) {
		file = hm_config_system;
		if (!look_path(path, sizeof(path), "%s", file))
			tool_die(DOCTOR_CANNOT, "%s: %s", look_root, strerror(ENAMETOOLONG));
	}
	return path;
}

/* Options that are not as they are by default: "KEY = VALUE" and where from, a tab between. */
static void list_options(void)
{
	const struct hm_option_info *row;

	for (unsigned i = 0; (row = hm_options_info(i)) != NULL; i++) {
		struct hm_option_origin from = hm_options_origin(i);
		char buf[4096];
		struct hm_text t;

		if (from.source == HM_FROM_DEFAULT)
			continue;
		hm_text_init(&t, buf, sizeof(buf));
		hm_option_value_format(row, hm_options_value(i), &t);
		dprintf(STDERR_FILENO, "%s = %.*s\t", row->name, (int)t.len, t.buf);
		if (from.source == HM_FROM_PRESET)
			dprintf(STDERR_FILENO, "the preset\n");
		else
			dprintf(STDERR_FILENO, "%s:%u\n", from.file == NULL ? "?" : from.file,
				from.line);
	}
}

static hm_noreturn void child(const int ends[2], const struct hm_config_view *view, bool secure)
{
	dup2(ends[1], STDERR_FILENO);
	/* Else the pipe has a reader for ever, and one that is full no end. */
	close(ends[0]);
	signal(SIGPIPE, SIG_DFL);
	hm_config_system = file_path();
	hm_config_view = *view;
	hm_store_relaxed(&hm_options.verbose, view->check);
	hm_config_read_system(secure);
	if (!view->check) {
		hm_options_apply_preset();
		list_options();
	}
	_exit(0);
}

/* What a child writes that reads the file so; to be freed. */
static char *ask(const struct hm_config_view *view, bool secure)
{
	char *text = malloc(TEXT_MAX_SIZE + 1);
	size_t length = 0;
	int ends[2], status = 0;
	ssize_t n;
	pid_t pid;

	file_path();
	fflush(NULL);
	if (text == NULL || pipe(ends) != 0 || (pid = fork()) < 0)
		tool_die(DOCTOR_CANNOT, "%s", strerror(errno));
	if (pid == 0)
		child(ends, view, secure);
	close(ends[1]);
	while (length < TEXT_MAX_SIZE &&
	       (n = read(ends[0], text + length, TEXT_MAX_SIZE - length)) != 0) {
		if (n < 0 && errno != EINTR)
			break;
		if (n > 0)
			length += (size_t)n;
	}
	close(ends[0]);
	text[length] = '\0';
	waitpid(pid, &status, 0);
	/* With more than is read it ends by SIGPIPE, which is no news. */
	if (status != 0 && length < TEXT_MAX_SIZE)
		finding_add(FINDING_PROBLEM, "configuration", "report it, with the file",
			    "%s: its reader ended by signal %d", file_path(), WTERMSIG(status));
	return text;
}

/* The library's "hakmem: FILE:LINE: WHY; skipped" without its first and last word. */
static char *bare(char *line)
{
	static const char begin[] = "hakmem: ", end[] = "; skipped";
	size_t n = strlen(line);

	if (n >= sizeof(end) - 1 && strcmp(line + n - (sizeof(end) - 1), end) == 0)
		line[n - (sizeof(end) - 1)] = '\0';
	return strncmp(line, begin, sizeof(begin) - 1) == 0 ? line + sizeof(begin) - 1 : line;
}

/* Files that count in ordinary programs, and not in those with rights of their own. */
static void check_owners(const struct hm_config_view *view)
{
	char *text = ask(view, true), *line, *rest;

	for (line = strtok_r(text, "\n", &rest); line != NULL; line = strtok_r(NULL, "\n", &rest)) {
		if (strstr(line, ": not owned by root, or others may") != NULL)
			finding_add(FINDING_NOTE, "configuration", "chown root, chmod go-w",
				    "%s: secure execution skips it", bare(line));
	}
	free(text);
}

void doctor_config_check(void)
{
	const struct hm_config_view view = { .root = look_root, .check = true };
	char *text, *line, *rest;
	unsigned bad = 0;

	if (!look_exists(hm_config_system)) {
		finding_add(FINDING_OK, "configuration", NULL,
			    "no %s: all options are as they were", hm_config_system);
		return;
	}
	text = ask(&view, false);
	for (line = strtok_r(text, "\n", &rest); line != NULL; line = strtok_r(NULL, "\n", &rest)) {
		finding_add(FINDING_PROBLEM, "configuration",
			    "correct it as hakmem.conf(5) says; until then it is skipped", "%s",
			    bare(line));
		bad++;
	}
	free(text);
	if (bad == 0)
		finding_add(FINDING_OK, "configuration", NULL, "%s: every line is understood",
			    file_path());
	check_owners(&view);
}

void doctor_config_variable(const char *variable)
{
	static const char *const others[] = {
		"HAKMEM_CONFIG_FILE", "HAKMEM_NO_INHERIT",
#define HM_ALIAS(NAME, ...) "HAKMEM_" #NAME,
#include "policy/aliases.def"
#undef HM_ALIAS
	};
	size_t n = strcspn(variable, "=");
	const struct hm_option_info *row;
	uint64_t value;

	for (unsigned i = 0; (row = hm_options_info(i)) != NULL; i++) {
		if (strlen(row->env) != n || strncmp(row->env, variable, n) != 0)
			continue;
		if (hm_options_parse(row->name, variable + n + 1, &value))
			finding_add(FINDING_OK, "environment", NULL, "%s", variable);
		else
			finding_add(FINDING_PROBLEM, "environment", "hakmem-run -o help lists them",
				    "%s: not a value of %s; it is ignored", variable, row->name);
		return;
	}
	for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++) {
		if (strlen(others[i]) == n && strncmp(others[i], variable, n) == 0) {
			finding_add(FINDING_OK, "environment", NULL, "%s", variable);
			return;
		}
	}
	finding_add(FINDING_PROBLEM, "environment", "hakmem-run -o help lists them",
		    "%s: no such option; it is ignored", variable);
}

void doctor_config_program(const char *program, bool secure)
{
	const struct hm_config_view view = { .root = look_root, .program = program };
	char *text = ask(&view, secure), *line, *rest;
	unsigned lines = 0;

	for (line = strtok_r(text, "\n", &rest); line != NULL; line = strtok_r(NULL, "\n", &rest)) {
		char *from = strchr(line, '\t');

		if (from != NULL)
			*from++ = '\0';
		finding_add(strcmp(line, "mode = passthrough") == 0 ? FINDING_NOTE : FINDING_OK,
			    "configuration", NULL, "for %s: %s (%s)", program, line,
			    from == NULL ? "?" : from);
		lines++;
	}
	free(text);
	if (lines == 0)
		finding_add(FINDING_OK, "configuration", NULL,
			    "for %s: %s says nothing", program, file_path());
}
